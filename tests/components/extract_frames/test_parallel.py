"""Several clips at a time: their order, and that a crash costs one clip all of its frames."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from components.contracts import ClipError, Reason
from components.errors import SourceError
from components.extract_frames import parallel
from components.extract_frames.parallel import Settings, decode_in_order
from components.extract_frames.selection import Limits
from components.guard import GuardLimits
from components.model_directory import Crop
from tests.videos import noise, write_video

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from components.extract_frames.parallel import Clip


def row(path: Path) -> tuple[Clip, None]:
    """A clip's row of the clips table, and no stills."""
    status = path.stat()
    return {"uri": path.as_uri(), "etag": f"{status.st_size}-{status.st_mtime_ns}"}, None


def settings(workers: int = 2, **guard: Any) -> Settings:
    return Settings(10.0, 300.0, Limits(), Crop.NONE, GuardLimits(**guard), workers)


def admit_all(clip: Clip) -> None:
    """Has nothing against any clip."""


def outcomes(
    clips: Iterable[tuple[Clip, None]], scratch: Path, how: Settings | None = None
) -> list[int | ClipError]:
    found: list[int | ClipError] = []
    for decoded in decode_in_order(clips, how or settings(), scratch, admit_all):
        with closing(decoded):
            found.append(decoded.error or len(list(decoded.frames())))
    return found


@pytest.mark.parametrize("workers", [1, 3])
def test_clips_come_in_their_order_however_long_each_takes(tmp_path: Path, workers: int) -> None:
    lengths = [40, 3, 25, 1, 30, 2]
    clips = [
        row(write_video(tmp_path / f"{number}.mp4", noise(length)))
        for number, length in enumerate(lengths)
    ]
    assert outcomes(clips, tmp_path, settings(workers)) == lengths


def test_no_more_clips_are_taken_than_are_worked_on(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(2))
    taken = 0

    def clips() -> Iterable[tuple[Clip, None]]:
        nonlocal taken
        for _ in range(20):
            taken += 1
            yield row(path)

    for number, decoded in enumerate(decode_in_order(clips(), settings(), tmp_path, admit_all)):
        decoded.close()
        assert taken <= number + 3


def test_a_clip_that_may_not_be_opened_is_not(tmp_path: Path) -> None:
    def refuse(clip: Clip) -> None:
        raise ClipError(Reason.CONSENT_EXPIRED, "over")

    clip = {"uri": (tmp_path / "missing.mp4").as_uri(), "etag": "1-1"}
    (decoded,) = decode_in_order([(clip, None)], settings(), tmp_path, refuse)
    decoded.close()
    assert decoded.error is not None
    assert decoded.error.reason is Reason.CONSENT_EXPIRED


def test_a_decoder_that_dies_in_the_middle_costs_all_frames_of_the_clip_and_no_others(
    tmp_path: Path,
) -> None:
    long = row(write_video(tmp_path / "long.mp4", noise(60)))
    short = row(write_video(tmp_path / "short.mp4", noise(20)))
    first, second, third = outcomes([short, long, short], tmp_path, settings(items=40))
    assert isinstance(second, ClipError)
    assert second.reason is Reason.DECODER_TOO_BIG
    assert (first, third) == (20, 20)


def test_an_error_that_is_no_clip_s_fault_ends_the_step(tmp_path: Path) -> None:
    good = row(write_video(tmp_path / "a.mp4", noise(3)))
    with pytest.raises(SourceError):
        outcomes([good, ({"uri": "ftp://x/y", "etag": "1"}, None), good], tmp_path)


def test_frames_that_wait_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "_IN_MEMORY_BYTES", 1)
    clip = row(write_video(tmp_path / "a.mp4", noise(5)))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert outcomes([clip, clip], scratch) == [5, 5]
    assert not list(scratch.iterdir())
