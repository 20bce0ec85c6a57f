"""What is known of a clip without decoding it, and what is refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from components import video
from components.artifacts import sha256_of
from components.contracts import ClipError, Reason
from components.guard import GuardLimits, GuardPool
from components.ingest_videos.probe import TASK, Limits, Probe, _checked, probe_clip, probe_video
from components.sources import open_source
from tests.videos import noise, set_display_matrix, write_audio, write_video

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


GUARDS = GuardPool(TASK, GuardLimits(), 1)


@pytest.fixture(scope="module", autouse=True)
def _guards() -> Iterator[None]:
    yield
    GUARDS.close()


def probe(path: Path, limits: Limits | None = None) -> Probe:
    """Probe the one video of a source whose videos/ is the folder of `path`."""
    (file,) = open_source(str(path.parent.parent)).files()
    return probe_clip(file, limits or Limits(), GUARDS)


def refusal(path: Path, limits: Limits | None = None) -> ClipError:
    with pytest.raises(ClipError) as caught:
        probe(path, limits)
    return caught.value


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return tmp_path / "videos"


def clip(
    path: Path, *, seconds: float = 1.2, size: tuple[int, int] = (64, 48), **more: Any
) -> Path:
    return write_video(path, noise(round(seconds * 10), size=size), fps=10, **more)


def test_an_mp4_tells_duration_rate_size_and_codec(videos: Path) -> None:
    found = probe(clip(videos / "a.mp4"))
    assert (found.duration_s, found.fps) == pytest.approx((1.2, 10.0), rel=0.01)
    assert (found.width, found.height, found.codec) == (64, 48, "h264")


def test_the_clip_id_is_the_start_of_the_content_s_digest(videos: Path) -> None:
    path = clip(videos / "a.mp4")
    assert probe(path).clip_id == sha256_of(path)[:16]


def test_the_size_is_the_coded_one_whatever_the_rotation(videos: Path) -> None:
    path = clip(videos / "a.mp4")
    set_display_matrix(path, 0, 1, -1, 0)
    assert (probe(path).width, probe(path).height) == (64, 48)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx")])
def test_a_duration_that_is_not_stated_is_measured(videos: Path, name: str, codec: str) -> None:
    found = probe(clip(videos / name, codec=codec, rewindable=False))
    assert found.duration_s == pytest.approx(1.2, abs=0.02)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mov", "libx264"),
        ("a.mov", "libx265"),
        ("a.m4v", "mpeg4"),
        ("a.avi", "mpeg4"),
        ("a.webm", "libvpx-vp9"),
    ],
)
def test_other_containers_and_codecs_are_read(videos: Path, name: str, codec: str) -> None:
    assert probe(clip(videos / name, codec=codec)).duration_s == pytest.approx(1.2, abs=0.02)


def test_a_title_in_another_encoding_does_not_matter(videos: Path) -> None:
    path = clip(videos / "a.mp4", title="Muenchen")
    path.write_bytes(path.read_bytes().replace(b"Muenchen", b"M\xfcnchen!"))
    assert probe(path).codec == "h264"


def test_an_empty_file_is_refused_as_empty(videos: Path) -> None:
    videos.mkdir()
    (videos / "a.mp4").touch()
    assert refusal(videos / "a.mp4").reason is Reason.EMPTY


@pytest.mark.parametrize(
    "content",
    [
        b"not a video",
        b"\0" * 5000,
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
    ids=["text", "zeros", "playlist", "script"],
)
def test_something_else_named_like_a_video_is_unreadable(videos: Path, content: bytes) -> None:
    videos.mkdir()
    (videos / "a.mp4").write_bytes(content)
    assert refusal(videos / "a.mp4").reason is Reason.UNREADABLE


def test_an_mp4_whose_index_is_cut_off_is_unreadable(videos: Path) -> None:
    path = clip(videos / "a.mp4")
    path.write_bytes(path.read_bytes()[:-200])
    assert refusal(path).reason is Reason.UNREADABLE


def test_what_is_said_of_an_unreadable_clip_does_not_name_it(videos: Path) -> None:
    videos.mkdir()
    (videos / "secret-id.mp4").write_bytes(b"not a video")
    assert "secret-id" not in refusal(videos / "secret-id.mp4").detail


def test_sound_alone_is_no_video(videos: Path) -> None:
    assert refusal(write_audio(videos / "a.mp4")).reason is Reason.NO_VIDEO


def test_sound_with_a_cover_picture_is_no_video(videos: Path) -> None:
    path = write_audio(videos / "a.mp4", cover=noise(1)[0])
    assert refusal(path).reason is Reason.NO_VIDEO


def test_a_short_clip_is_refused(videos: Path) -> None:
    assert refusal(clip(videos / "a.mp4", seconds=0.5)).reason is Reason.TOO_SHORT


@pytest.mark.parametrize("rewindable", [True, False], ids=["stated", "measured"])
def test_a_long_clip_is_refused(videos: Path, rewindable: bool) -> None:
    path = clip(videos / "a.mkv", seconds=3, rewindable=rewindable)
    assert refusal(path, Limits(max_duration_s=2)).reason is Reason.TOO_LONG


def test_a_large_file_is_refused_before_it_is_read(videos: Path) -> None:
    videos.mkdir()
    (videos / "a.mp4").write_bytes(b"not a video")
    assert refusal(videos / "a.mp4", Limits(max_bytes=5)).reason is Reason.TOO_LARGE


def test_a_picture_too_large_is_refused(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(ClipError) as caught:
        probe_video(clip(videos / "a.mp4"), **asdict(Limits()))
    assert caught.value.reason is Reason.TOO_LARGE


SOUND = {"duration_s": 2.0, "fps": 30.0, "width": 64, "height": 48, "codec": "h264"}


@pytest.mark.parametrize(
    "lie",
    [
        {"duration_s": float("nan")},
        {"duration_s": "long"},
        {"fps": -1.0},
        {"fps": float("nan")},
        {"width": None},
        {"width": 10**9},
        {"duration_s": 1e9},
    ],
)
def test_what_a_hostile_clip_s_decoder_tells_is_not_trusted(lie: dict[str, Any]) -> None:
    assert _checked("0" * 16, SOUND, Limits()).codec == "h264"
    with pytest.raises(ClipError):
        _checked("0" * 16, {**SOUND, **lie}, Limits())
