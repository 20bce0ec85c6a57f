"""The demo's whole DAG in the images, as their user and without network, like one without them."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from components.artifacts import read_json
from pipelines.local import local_registry, run_training
from pipelines.placement import PLACEMENTS
from tests.containers.conftest import OPTIONS
from tests.containers.replays import USER

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings
    from tests.containers.replays import Run


@pytest.fixture(scope="module")
def leaderboard(run: Run) -> dict[str, Any]:
    return read_json(run.call("compare_models").output("leaderboard"))


@pytest.fixture(scope="module")
def without_containers(run: Run, folder: Path) -> dict[str, Any]:
    """The leaderboard of the same run on this machine itself."""
    registry = local_registry(folder / "own-registry")
    console = Console(file=io.StringIO())
    done = run_training({**run.arguments, "registry": registry}, folder / "own", console)
    return done.leaderboard


def test_every_task_was_started_once(run: Run) -> None:
    tasks = dict.fromkeys(PLACEMENTS, 1) | {"extract_frames": 2, "embed_frames": 2}
    tasks |= {"train_model": len(OPTIONS.backbones)}
    del tasks["fine_tune_model"]  # not in this pipeline
    assert Counter(call.step for call in run.calls) == tasks


def test_every_step_ran_in_the_image_of_its_row(run: Run, settings: Settings) -> None:
    images = {"data": settings.data_image, "train": settings.train_image}
    assert [call.image for call in run.calls] == [
        images[PLACEMENTS[call.step].image] for call in run.calls
    ]


def test_every_output_of_every_step_is_there(run: Run) -> None:
    assert {call.folder.name: call.missing(call.folder) for call in run.calls} == {
        call.folder.name: [] for call in run.calls
    }


def test_everything_was_written_by_the_images_user(run: Run) -> None:
    files = [path for call in run.calls for path in call.folder.rglob("*") if path.is_file()]
    assert {path.stat().st_uid for path in files} == {USER}


def test_the_champion_is_that_of_a_run_without_containers(
    leaderboard: dict[str, Any], without_containers: dict[str, Any]
) -> None:
    assert leaderboard["champion"] == without_containers["champion"] is not None


def test_every_model_is_as_accurate_as_without_containers(
    leaderboard: dict[str, Any], without_containers: dict[str, Any]
) -> None:
    def scores(board: dict[str, Any]) -> list[tuple[str, float]]:
        return [(row["name"], row["frame"]["identity_accuracy"]) for row in board["models"]]

    assert scores(leaderboard) == scores(without_containers)
