"""What compare_models leaves behind."""

from __future__ import annotations

import pytest

from components.artifacts import read_json
from components.compare_models.compare import compare_models
from components.errors import ContractError
from components.model_directory import METRICS_FILE, MODEL_FILE
from tests.components.compare_models.finished_run import (
    failed,
    succeeded,
    write_audit,
    write_model,
)


def compare(tmp_path, *models):
    return compare_models(
        [write_model(tmp_path / "models" / metrics["name"], metrics) for metrics in models],
        write_audit(tmp_path / "audit"),
        leaderboard=tmp_path / "out" / "leaderboard.json",
        report=tmp_path / "out" / "report.html",
        champion=tmp_path / "out" / "champion",
    )


def test_it_writes_the_leaderboard_the_report_and_a_copy_of_the_champion(tmp_path):
    assert compare(tmp_path, failed("a"), succeeded("b"), succeeded("c", p50=1.0)) == "c"
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "champion",
        "leaderboard.json",
        "report.html",
    ]
    assert read_json(out / "leaderboard.json")["champion"] == "c"
    assert "c is the champion" in (out / "report.html").read_text(encoding="utf-8")
    original = tmp_path / "models" / "c"
    copied = {path.name: path.read_bytes() for path in (out / "champion").iterdir()}
    assert copied == {path.name: path.read_bytes() for path in original.iterdir()}
    assert copied[MODEL_FILE] == b"c"


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
        compare_models(
            [model],
            write_audit(tmp_path / "audit"),
            leaderboard=tmp_path / "leaderboard.json",
            report=tmp_path / "report.html",
            champion=tmp_path / "champion",
        )
    assert not (tmp_path / "report.html").exists()
