"""The command, as it is called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from components.identify_people.command import main
from components.identify_people.identifier import Identifier
from components.model_directory import EDGE_MODEL_FILE
from tests.tiny_model import COLOURS, plain_frame, write_model
from tests.videos import write_video

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def clip(path: Path, *colours: str) -> Path:
    """A second of each colour, ten frames a second."""
    frames = [plain_frame(COLOURS[colour], 64) for colour in colours for _ in range(10)]
    return write_video(path, frames, fps=10, muxing={"movflags": "faststart"})


def still(path: Path, colour: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), plain_frame(COLOURS[colour], 64)[..., ::-1])
    return path


def lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The decisions and the summary that were printed."""
    *decisions, summary = map(json.loads, capsys.readouterr().out.splitlines())
    return decisions, summary


def test_an_image_gives_one_decision(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(model), str(still(tmp_path / "a.png", "green")), "--json"]) == 0
    (decision,), summary = lines(capsys)
    assert decision == {
        "source": "a.png",
        "time_s": 0.0,
        "person": "green",
        "role": "staff",
        "probability": pytest.approx(1, abs=1e-4),
        "student": False,
        "frames": 1,
        "face": True,
    }
    assert (summary["event"], summary["frames"], summary["decisions"]) == ("summary", 1, 1)
    assert set(summary["latency_ms"]) == {"p50", "p99"}


def test_a_clip_gives_a_decision_a_sampled_frame_on_the_latest_ones(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = clip(tmp_path / "visit.mp4", "red", "blue")
    assert main([str(model), str(path), "--json", "--window", "2"]) == 0
    decisions, _ = lines(capsys)
    assert [decision["time_s"] for decision in decisions] == [at / 5 for at in range(10)]
    assert [decision["person"] for decision in decisions[:5]] == ["red"] * 5
    assert [decision["person"] for decision in decisions[-4:]] == ["blue"] * 4


def test_a_folder_gives_decisions_on_each_clip_and_one_on_the_stills_of_each_folder(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "recordings"
    clip(folder / "a.mp4", "red")
    clip(folder / "b.mp4", "blue")
    for number in range(3):
        still(folder / "portraits" / f"{number}.png", "green")
    assert main([str(model), str(folder), "--json"]) == 0
    decisions, _ = lines(capsys)
    by_source = {decision["source"]: decision["person"] for decision in decisions}
    assert by_source == {"a.mp4": "red", "b.mp4": "blue", "portraits": "green"}
    assert decisions[5]["frames"] == 1  # the second clip does not go on with the first
    assert decisions[-1]["frames"] == 3


def test_a_broken_clip_in_a_folder_is_told_of_and_the_others_are_decided(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "recordings"
    clip(folder / "good.mp4", "red")
    (folder / "a.mp4").write_bytes(b"no video")
    assert main([str(model), str(folder), "--json"]) == 1
    told = capsys.readouterr()
    assert "Error: a.mp4 cannot be read as a video" in told.err
    assert "good.mp4" in told.out


def test_people_are_told_in_words(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(model), str(still(tmp_path / "a.png", "grey"))])
    told = capsys.readouterr()
    assert told.out == "a.png    0.00 s  unknown 0.33\n"
    assert told.err.startswith("1 frames, each p50 ")


def test_an_annotated_video_is_written(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "annotated.mp4"
    main([str(model), str(clip(tmp_path / "a.mp4", "red")), "--output", str(output)])
    capture = cv2.VideoCapture(str(output))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    done, frame = capture.read()
    assert done
    assert np.abs(frame[40:].astype(int) - plain_frame(COLOURS["red"], 64)[40:, :, ::-1]).mean() < 9


def test_no_frame_is_stored_otherwise(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clip(tmp_path / "a.mp4", "red")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    main([str(model), str(path)])
    assert sorted(tmp_path.rglob("*")) == before


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What is said, without a traceback, of what cannot be done."""
    assert main([str(argument) for argument in arguments]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("Error: ")
    assert "Traceback" not in told.err
    return told.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.mp4", b"no video", "cannot be read as a video"),
        ("a.jpg", b"no image", "cannot be read as an image"),
        ("missing.mp4", None, "is no file, no folder and no number of a camera"),
    ],
)
def test_what_cannot_be_read_is_told(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    said: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert said in error_of(capsys, model, tmp_path / name)


def test_a_camera_that_is_not_there_is_told(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "camera 63 cannot be opened" in error_of(capsys, model, 63)


def test_a_changed_model_is_told_before_anything_is_looked_at(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / EDGE_MODEL_FILE).write_bytes(b"changed")
    said = error_of(capsys, model, still(tmp_path / "a.png", "red"))
    assert "model.tflite was changed. Do not use it" in said


def test_a_folder_that_is_no_model_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is no model directory" in error_of(capsys, tmp_path, 0)


@pytest.mark.parametrize("given", ["a.png", "folder"])
def test_a_video_of_stills_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    still(tmp_path / "a.png", "red")
    still(tmp_path / "folder" / "a.png", "red")
    said = error_of(capsys, model, tmp_path / given, "--output", tmp_path / "out.mp4")
    assert "--output makes a video of one clip or camera" in said


@pytest.mark.parametrize(
    "wrong", [("--window", "0"), ("--window", "two"), ("--seconds", "-1"), ("--seconds", "nan")]
)
def test_an_option_out_of_range_is_refused(model: Path, wrong: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(model), "0", *wrong])
    assert ended.value.code == 2


def test_an_interruption_ends_it_with_the_summary(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Identifier, "see", interrupt)
    assert main([str(model), str(clip(tmp_path / "a.mp4", "red")), "--json"]) == 130
    decisions, summary = lines(capsys)
    assert decisions == []
    assert summary == {"event": "summary", "frames": 0, "decisions": 0, "latency_ms": None}


def test_the_help_has_examples_and_says_what_the_json_means(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"], "rollcall identify")
    told = capsys.readouterr().out
    assert "rollcall identify champion/ visit.mp4 --output annotated.mp4" in told
    for field in ("source", "time_s", "person", "role", "probability", "student", "frames", "face"):
        assert f"\n  {field} " in told
