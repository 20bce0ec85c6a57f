"""The component: what Kubeflow sees of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfp import dsl

from components.artifacts import read_json
from components.compare_models.component import compare_models
from tests.components.compare_models.finished_run import (
    BY_SESSION,
    RANDOM_FRAMES,
    succeeded,
    write_audit,
    write_costs,
    write_model,
    write_samples,
)

SHOWN = {"report": dsl.HTML, "summary": dsl.Markdown, "metrics": dsl.Metrics}


@pytest.fixture
def run(tmp_path):
    def _run(protocol=BY_SESSION, *, thumbnails=False):
        kinds = {**SHOWN, "leaderboard": dsl.Artifact, "champion": dsl.Model}
        outputs = {name: kind(uri=str(tmp_path / name)) for name, kind in kinds.items()}
        costs = write_costs(tmp_path / "costs")
        one = dsl.Metrics(uri=str(costs["ingest_videos"][0]))
        several = [dsl.Metrics(uri=str(path)) for path in costs["embed_frames"]]
        model = write_model(tmp_path / "model", succeeded("A"))
        name = compare_models.python_func(
            models=[dsl.Model(uri=str(model))],
            audit=dsl.Artifact(uri=str(write_audit(tmp_path / "audit", protocol))),
            dataset=dsl.Dataset(uri=str(write_samples(tmp_path / "dataset", ["p1"]))),
            ingest_metrics=one,
            export_metrics=one,
            extract_metrics=several,
            embed_metrics=several,
            split_metrics=one,
            train_metrics=several,
            prefer="latency",
            thumbnails=thumbnails,
            **outputs,
        )
        return name, outputs

    return _run


def text_of(artifact):
    return Path(artifact.path).read_text(encoding="utf-8")


def test_it_shows_the_report_the_leaderboard_and_the_metrics_of_the_champion(run):
    name, outputs = run()
    assert name == "A"
    assert "A is the champion" in text_of(outputs["report"])
    assert text_of(outputs["summary"]).startswith("# A is the champion")
    assert outputs["metrics"].metadata["transaction.identity_accuracy"] == 0.95
    assert outputs["metrics"].metadata["step.seconds"] > 0


def test_latencies_are_measured_anew(run):
    board = read_json(Path(run()[1]["leaderboard"].path))
    assert board["models"][0]["latency_ms"]["p50"] != succeeded("A")["latency_ms"]["p50"]


def test_the_report_says_what_the_steps_before_it_took(run):
    report = text_of(run()[1]["report"])
    steps = ("Ingest videos", "Export backbones", "Extract frames", "Embed frames")
    assert all(f'<th scope="row">{step}</th>' in report for step in steps)


def test_faces_are_in_the_report_only_where_they_are_asked_for(run):
    assert "data:image/jpeg" not in text_of(run()[1]["report"])


def test_thumbnails_are_taken_from_the_dataset(run):
    assert "data:image/jpeg" in text_of(run(thumbnails=True)[1]["report"])


def test_where_nothing_is_ranked_it_returns_no_name_and_no_metrics_of_a_champion(run):
    name, outputs = run(RANDOM_FRAMES)
    assert name == ""
    assert set(outputs["metrics"].metadata) == {"step.seconds", "step.peak_memory_bytes"}
