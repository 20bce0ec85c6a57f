"""What compare_models leaves behind."""

from __future__ import annotations

import pytest

from components.artifacts import read_json
from components.compare_models import compare as compare_module
from components.compare_models.compare import Outputs, compare_models
from components.compare_models.formats import THIN
from components.contracts import LEADERBOARD_FILE
from components.errors import ContractError
from components.model_directory import METRICS_FILE, MODEL_FILE
from tests.components.compare_models.finished_run import (
    BY_SESSION,
    RANDOM_FRAMES,
    failed,
    succeeded,
    write_audit,
    write_costs,
    write_model,
)


@pytest.fixture(autouse=True)
def _own_latencies(monkeypatch):
    """Each model's own latency stands: that they are measured anew is in test_component.py."""
    monkeypatch.setattr(compare_module, "measure_together", lambda _: {})


def outputs(tmp_path):
    out = tmp_path / "out"
    names = ("leaderboard.json", "report.html", "summary.md", "champion")
    return Outputs(*[out / name for name in names])


def compare(tmp_path, *models, protocol=BY_SESSION, **more):
    return compare_models(
        [write_model(tmp_path / "models" / metrics["name"], metrics) for metrics in models],
        write_audit(tmp_path / "audit", protocol),
        outputs(tmp_path),
        costs=write_costs(tmp_path / "costs"),
        **more,
    )


def test_it_writes_the_leaderboard_the_report_and_a_copy_of_the_champion(tmp_path):
    assert compare(tmp_path, failed("a"), succeeded("b"), succeeded("c", p50=1.0)) == "c"
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "champion",
        "leaderboard.json",
        "report.html",
        "summary.md",
    ]
    assert read_json(out / "leaderboard.json")["champion"] == "c"
    assert "c is the champion" in (out / "report.html").read_text(encoding="utf-8")
    original = tmp_path / "models" / "c"
    copied = {path.name: path.read_bytes() for path in (out / "champion").iterdir()}
    assert copied == {path.name: path.read_bytes() for path in original.iterdir()}
    assert copied[MODEL_FILE] == b"c"


def test_what_is_preferred_chooses_another_champion(tmp_path):
    models = succeeded("a", p50=1.0, size_bytes=2), succeeded("b", p50=2.0, size_bytes=1)
    assert compare(tmp_path, *models, prefer="size") == "b"


def test_where_nothing_is_ranked_there_is_no_champion_and_no_error(tmp_path):
    models = succeeded("a"), succeeded("b")
    assert compare(tmp_path, *models, protocol=RANDOM_FRAMES) == ""
    champion = tmp_path / "out" / "champion"
    assert [path.name for path in champion.iterdir()] == [LEADERBOARD_FILE]
    assert read_json(champion / LEADERBOARD_FILE)["rule"].startswith("nothing is ranked")
    for name in ("report.html", "summary.md"):
        assert "Nothing was ranked" in (tmp_path / "out" / name).read_text(encoding="utf-8")
    assert "random frames (it leaks)." in (tmp_path / "out" / "summary.md").read_text("utf-8")


def test_the_summary_is_a_table_of_the_models_with_what_they_lacked(tmp_path):
    compare(tmp_path, failed("a", "no | weights"), succeeded("b"), succeeded("c", p50=1.0))
    text = (tmp_path / "out" / "summary.md").read_text(encoding="utf-8").replace(THIN, " ")
    assert text.startswith("# c is the champion\n")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in row.split(" | ")] for row in rows]
    assert [row[0].removeprefix("| ") for row in cells] == ["c", "b", "a"]
    assert [row[-1].removesuffix(" |") for row in cells] == [
        "champion",
        "7.00 ms slower",
        r"failed: no \| weights",
    ]


def test_all_failed_raises_with_every_reason_after_the_report_is_written(tmp_path):
    with pytest.raises(ContractError) as caught:
        compare(tmp_path, failed("a", "no weights"), failed("b", "out of memory"))
    assert "a: no weights" in str(caught.value)
    assert "b: out of memory" in str(caught.value)
    assert read_json(tmp_path / "out" / "leaderboard.json")["champion"] is None
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "No champion" in report
    assert "out of memory" in report
    assert not (tmp_path / "out" / "champion").exists()


def test_nothing_to_test_on_raises_too(tmp_path):
    with pytest.raises(ContractError, match="a: not tested"):
        compare(tmp_path, succeeded("a", transaction=(None, 0), frame=(None, 0)))


def test_a_model_directory_without_metrics_is_refused(tmp_path):
    model = write_model(tmp_path / "model", succeeded("a"))
    (model / METRICS_FILE).unlink()
    with pytest.raises(ContractError, match="metrics"):
        compare_models([model], write_audit(tmp_path / "audit"), outputs(tmp_path), costs={})
    assert not (tmp_path / "out" / "report.html").exists()
