"""What of a run's tasks ends up in the output folder."""

from __future__ import annotations

import pyarrow as pa
import pytest

from components.artifacts import write_json
from components.contracts import (
    COPIES,
    COPIES_FILE,
    ENROLMENT,
    ENROLMENT_FILE,
    LEADERBOARD_FILE,
    REJECTS,
    REJECTS_FILE,
)
from components.parquet import write_table
from pipelines.local import CHAMPION, COPIES_CSV, REPORT_FILE, _lay_out, _tell_copies

VERSION = "7"


@pytest.fixture
def tasks(tmp_path):
    def _tasks(champion):
        compared, audit = tmp_path / "compare-models", tmp_path / "split-dataset" / "audit"
        registered = tmp_path / "register-model" / "registered"
        for folder in (compared, audit, registered):
            folder.mkdir(parents=True)
        write_json(compared / "leaderboard", {"champion": champion})
        (compared / "report").write_text("a page")
        (registered / "metrics.json").write_text("{}")
        write_table(audit / REJECTS_FILE, REJECTS.empty_table())
        write_table(audit / ENROLMENT_FILE, ENROLMENT.empty_table())
        returned = {"parameterValues": {"Output": VERSION}}
        write_json(tmp_path / "register-model" / "executor_output.json", returned)
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


@pytest.fixture
def copies(tmp_path):
    def _copies(number):
        audit = tmp_path / "work" / "pipeline" / "run" / "split-dataset" / "audit"
        audit.mkdir(parents=True)
        row = {"pair": 1, "person_id": "p-1", "session": "s1", "uri": "file:///a", "clip_id": "c"}
        write_table(audit / COPIES_FILE, pa.Table.from_pylist([row] * number, COPIES))
        return tmp_path / "work"

    return _copies


def test_what_a_run_found_to_be_copies_is_told_though_it_failed(copies, output):
    _tell_copies(copies(2), output)
    lines = (output / COPIES_CSV).read_text().splitlines()
    assert lines == [
        '"pair","person_id","session","uri","clip_id"',
        *['1,"p-1","s1","file:///a","c"'] * 2,
    ]


@pytest.mark.parametrize("came_to_it", [True, False])
def test_where_there_are_no_copies_none_are_told_of_an_earlier_run(copies, output, came_to_it):
    (output / COPIES_CSV).touch()
    work = copies(0)
    _tell_copies(work if came_to_it else work / "pipeline", output)
    assert not (output / COPIES_CSV).exists()
