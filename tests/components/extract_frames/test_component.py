"""Both steps as Kubeflow runs them: by their functions, and in a small pipeline."""

# No deferred annotations here: KFP reads those of the pipeline.
import builtins
import inspect
from pathlib import Path

import pytest
from kfp import dsl, local

from components.artifacts import read_json
from components.contracts import (
    CLIP_QUALITY_FILE,
    CLIPS_FILE,
    EXTRACT_FILE,
    FRAMES,
    FRAMES_FILE,
    REJECTS,
    REJECTS_FILE,
)
from components.extract_frames.component import extract_frames
from components.ingest_videos.component import ingest_videos
from components.parquet import read_table
from tests.conftest import Cohort

LASTING = {"given": "2025-01-01", "expires": "2999-12-31"}


def ingest(cohort: Cohort, folder: Path) -> tuple[list[int], dict[str, dsl.Artifact]]:
    outputs = {
        "clips": dsl.Dataset(uri=str(folder / "clips")),
        "summary": dsl.Markdown(uri=str(folder / "summary")),
        "metrics": dsl.Metrics(uri=str(folder / "metrics")),
    }
    shards = ingest_videos.python_func(source=str(cohort.folder), workers=2, **outputs)
    return shards, outputs


def extract(
    clips: dsl.Dataset, shard: int, folder: Path, **options: int
) -> dict[str, dsl.Artifact]:
    outputs = {
        "frames": dsl.Dataset(uri=str(folder / "frames")),
        "extraction": dsl.Artifact(uri=str(folder / "notes")),
        "metrics": dsl.Metrics(uri=str(folder / "extraction-metrics")),
    }
    extract_frames.python_func(shard=shard, clips=clips, **outputs, **options)
    return outputs


@pytest.fixture
def clips(cohort: Cohort, tmp_path: Path) -> dsl.Dataset:
    cohort.person("p1", **LASTING)
    cohort.clip("p1/a.mp4")
    cohort.clip("p1/b.mp4")
    return ingest(cohort, tmp_path)[1]["clips"]


def test_ingest_describes_its_clips_in_the_artifact(clips: dsl.Dataset) -> None:
    assert clips.metadata["clips"] == 2
    assert len(clips.metadata["fingerprint"]) == 64


def test_ingest_returns_the_shards_to_loop_over(cohort: Cohort, tmp_path: Path) -> None:
    cohort.person("p1", **LASTING).clip("p1.mp4")
    assert ingest(cohort, tmp_path)[0] == [0]


def test_ingest_shows_counts_and_rejects_by_reason_and_nobody(
    cohort: Cohort, tmp_path: Path
) -> None:
    cohort.person("p1", **LASTING).clip("p1.mp4")
    (cohort.folder / "videos" / "stranger.mp4").write_bytes(b"not in the roster")
    _, shown = ingest(cohort, tmp_path)
    text = Path(shown["summary"].path).read_text(encoding="utf-8")
    assert "| Clips | 1 |" in text
    assert "| not in roster | 1 |" in text
    assert not [name for name in ("p1", "stranger") if name in text]
    assert shown["metrics"].metadata["rejects_by_reason.not_in_roster"] == 1
    assert shown["metrics"].metadata["step.seconds"] > 0


def test_extraction_writes_the_frames_of_its_shard(clips: dsl.Dataset, tmp_path: Path) -> None:
    outputs = extract(clips, 1, tmp_path)
    table = read_table(tmp_path / "frames" / FRAMES_FILE, FRAMES)
    assert table.num_rows == outputs["frames"].metadata["frames"] > 0


def test_extraction_shows_its_counts(clips: dsl.Dataset, tmp_path: Path) -> None:
    shown = extract(clips, 1, tmp_path)["metrics"].metadata
    assert shown["clips"] == 1
    assert shown["frames_sampled"] >= shown["frames"] > 0
    assert shown["step.peak_memory_bytes"] > 0


def test_the_notes_of_an_extraction_hold_no_pixels(clips: dsl.Dataset, tmp_path: Path) -> None:
    extract(clips, 0, tmp_path)
    names = sorted(path.name for path in (tmp_path / "notes").iterdir())
    assert names == [CLIP_QUALITY_FILE, EXTRACT_FILE, REJECTS_FILE]
    assert read_table(tmp_path / "notes" / REJECTS_FILE, REJECTS).num_rows == 0


def test_a_frame_may_be_asked_to_differ_more(clips: dsl.Dataset, tmp_path: Path) -> None:
    extract(clips, 0, tmp_path, near_duplicate_bits=64)
    told = read_json(tmp_path / "notes" / EXTRACT_FILE)
    assert told["frames_dropped_near_duplicate"] == told["frames_sampled"] - 5 > 0


@pytest.mark.parametrize("component", [ingest_videos, extract_frames])
def test_every_parameter_is_explained_to_the_user(component: dsl.base_component) -> None:
    documented = inspect.getdoc(component.python_func) or ""
    names = inspect.signature(component.python_func).parameters
    assert [name for name in names if f"{name}: " not in documented] == []


@dsl.pipeline(name="clips-to-frames")
def clips_to_frames(source: str, workers: int) -> None:
    ingested = ingest_videos(source=source, workers=workers)
    with dsl.ParallelFor(ingested.outputs["Output"]) as shard:
        extract_frames(shard=shard, clips=ingested.outputs["clips"])


def test_the_two_steps_run_as_a_pipeline(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # KFP indents what is printed: each task puts back the print that it found, maybe another's.
    monkeypatch.setattr(builtins, "print", print)
    cohort.person("p1", **LASTING)
    for name in "abc":
        cohort.clip(f"p1/{name}.mp4")
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "root"))
    clips_to_frames(source=str(cohort.folder), workers=2)
    notes = [read_json(path) for path in (tmp_path / "root").rglob(f"frames/{EXTRACT_FILE}")]
    assert len(list((tmp_path / "root").rglob(CLIPS_FILE))) == 1
    assert sorted(note["clips"] for note in notes) == [1, 2]
