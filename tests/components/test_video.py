"""Opening a video of somebody else's: nothing but its own bytes is read, by accepted decoders."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

import av
import pytest

from components.contracts import ClipError, Reason
from components.video import CODECS, open_video
from tests.hostile.makers import clip, grows_to_nine_k, scripts

if TYPE_CHECKING:
    from pathlib import Path


def refusal(path: Path) -> ClipError:
    with pytest.raises(ClipError) as caught, open_video(path):
        pass
    return caught.value


@pytest.mark.parametrize("name", sorted(scripts(0)))
def test_a_playlist_or_a_script_makes_no_connection(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        path = tmp_path / f"{name}.m3u8"  # FFmpeg by itself looks into those with this name
        path.write_bytes(scripts(server.getsockname()[1])[name])
        assert refusal(path).reason is Reason.UNREADABLE
        assert select.select([server], [], [], 0)[0] == []


def test_a_decoder_that_is_not_accepted_is_not_even_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mkv"
    clip(codec="mpeg2video", form="matroska", fps=25)(path)
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture(local=False) as said:
            error = refusal(path)
    finally:
        av.logging.set_level(before)
    assert error.reason is Reason.UNSUPPORTED_CODEC
    assert any("not on whitelist" in message for _, _, message in said)


def test_what_is_said_of_another_codec_names_it_and_those_that_are_accepted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.mov"
    clip(codec="prores", form="mov", pix_fmt="yuv422p10le")(path)
    assert refusal(path).detail == f"its codec is prores; accepted are {', '.join(CODECS)}"


def test_a_picture_too_large_in_the_middle_of_a_clip_is_never_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    grows_to_nine_k(path)
    sizes = []
    with pytest.raises(ClipError) as caught, open_video(path) as (container, stream):
        sizes.extend(frame.width for frame in container.decode(stream))
    assert caught.value.reason is Reason.UNREADABLE
    assert set(sizes) == {64}
