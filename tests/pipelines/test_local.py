"""What of a run's tasks ends up in the output folder."""

from __future__ import annotations

import pytest

from components.artifacts import write_json
from components.contracts import (
    ENROLMENT,
    ENROLMENT_FILE,
    LEADERBOARD_FILE,
    REJECTS,
    REJECTS_FILE,
)
from components.parquet import write_table
from pipelines.local import CHAMPION, REPORT_FILE, _lay_out

VERSION = "7"


@pytest.fixture
def tasks(tmp_path):
    def _tasks(champion):
        compared, audit = tmp_path / "compare-models", tmp_path / "split-dataset" / "audit"
        for folder in (compared / "champion", audit, tmp_path / "register-model"):
            folder.mkdir(parents=True)
        write_json(compared / "leaderboard", {"champion": champion})
        (compared / "report").write_text("a page")
        (compared / "champion" / "metrics.json").write_text("{}")
        write_table(audit / REJECTS_FILE, REJECTS.empty_table())
        write_table(audit / ENROLMENT_FILE, ENROLMENT.empty_table())
        registered = {"parameterValues": {"Output": VERSION}}
        write_json(tmp_path / "register-model" / "executor_output.json", registered)
        return tmp_path

    return _tasks


@pytest.fixture
def output(tmp_path):
    """The folder of an earlier run."""
    earlier = tmp_path / "out" / CHAMPION
    earlier.mkdir(parents=True)
    (earlier / "model.tflite").touch()
    return tmp_path / "out"


def test_the_champion_takes_the_place_of_that_of_an_earlier_run(tasks, output):
    assert _lay_out(tasks("A"), output) == VERSION
    assert [path.name for path in (output / CHAMPION).iterdir()] == ["metrics.json"]


def test_where_nothing_was_ranked_no_champion_is_left_and_no_version_named(tasks, output):
    assert _lay_out(tasks(None), output) == ""
    assert not (output / CHAMPION).exists()
    assert {LEADERBOARD_FILE, REPORT_FILE} <= {path.name for path in output.iterdir()}
