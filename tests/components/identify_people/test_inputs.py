"""The frames of an image, a clip, a folder or a camera."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from components.errors import SourceError
from components.extract_frames.decode import ClipDecoder
from components.identify_people import inputs
from components.identify_people.inputs import camera_views, clip_views, files_below, read_still
from components.square import UprightPicture
from tests.discs import disc, extent
from tests.videos import TURNED, noise, set_display_matrix, write_video

if TYPE_CHECKING:
    from pathlib import Path


class TestClip:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
    @pytest.mark.parametrize("fps", [10, 24])
    def test_is_sampled_when_extraction_samples_it(
        self, tmp_path: Path, name: str, fps: int
    ) -> None:
        clip = write_video(tmp_path / name, noise(2 * fps), fps=fps)
        extracted = ClipDecoder(clip, frames_per_second=5.0, max_duration_s=9).frames()
        times = [view.time_s for view in clip_views(clip, 5.0, 9.0)]
        assert times == pytest.approx([frame.time_s for frame in extracted], abs=0.002)

    def test_ends_at_the_limit(self, tmp_path: Path) -> None:
        clip = write_video(tmp_path / "a.mp4", noise(30), fps=10)
        assert [view.time_s for view in clip_views(clip, 5.0, 1.0)][-1] == pytest.approx(1.0)

    @pytest.mark.parametrize("degrees", [90, 180, 270])
    def test_is_shown_upright(self, tmp_path: Path, degrees: int) -> None:
        image = np.full((64, 96, 3), 60, np.uint8)
        image[:32, :48] = 250  # top left
        clip = write_video(tmp_path / "a.mp4", [image] * 3)
        set_display_matrix(clip, *TURNED[degrees])
        view = next(clip_views(clip, 5.0, 9.0))
        turned = np.rot90(image, -degrees // 90)
        assert view.image.shape == turned.shape
        assert np.abs(view.image.astype(int) - turned).mean() < 10

    @pytest.mark.parametrize("degrees", [0, 90])
    def test_says_when_its_pixels_are_not_square(self, tmp_path: Path, degrees: int) -> None:
        image = disc(320, 240, pixel_aspect=4 / 3)
        clip = write_video(tmp_path / "a.mp4", [image] * 3, pixel_aspect=Fraction(4, 3))
        set_display_matrix(clip, *TURNED[degrees])
        view = next(clip_views(clip, 5.0, 9.0))
        shown = UprightPicture(view.image, view.pixel_aspect).square()
        assert extent(shown) == pytest.approx((149, 149), abs=5)

    @pytest.mark.parametrize("content", [b"", b"no video", b"\x00" * 5000], ids=len)
    def test_that_is_none_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.mp4").write_bytes(content)
        with pytest.raises(SourceError, match=r"a\.mp4 cannot be read as a video"):
            next(clip_views(tmp_path / "a.mp4", 5.0, 9.0))

    def test_that_breaks_off_gives_its_frames_and_then_says_so(self, tmp_path: Path) -> None:
        clip = write_video(tmp_path / "a.mp4", noise(40), muxing={"movflags": "faststart"})
        content = clip.read_bytes()
        clip.write_bytes(content[: len(content) // 2])
        views = clip_views(clip, 5.0, 9.0)
        assert next(views).time_s == 0
        with pytest.raises(SourceError, match=r"a\.mp4 breaks off after \d+ of the 40 frames"):
            list(views)

    def test_that_names_other_files_opens_none_of_them(self, tmp_path: Path) -> None:
        clip = write_video(tmp_path / "real.mp4", noise(10))
        playlist = tmp_path / "a.mp4"
        playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n")
        with pytest.raises(SourceError, match="cannot be read as a video"):
            next(clip_views(playlist, 5.0, 9.0))


class TestStill:
    def test_is_read_as_opencv_gives_it(self, tmp_path: Path) -> None:
        image = noise(1)[0]
        cv2.imwrite(str(tmp_path / "a.png"), image)
        np.testing.assert_array_equal(read_still(tmp_path / "a.png"), image)

    def test_that_is_none_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(b"no image")
        with pytest.raises(SourceError, match=r"a\.jpg cannot be read as an image"):
            read_still(tmp_path / "a.jpg")

    def test_that_is_empty_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(b"")
        with pytest.raises(SourceError, match=r"a\.jpg cannot be read as an image"):
            read_still(tmp_path / "a.jpg")

    def test_that_is_too_large_is_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inputs, "MAX_STILL_BYTES", 10)
        (tmp_path / "a.jpg").write_bytes(bytes(11))
        with pytest.raises(SourceError, match="more than 10 bytes"):
            read_still(tmp_path / "a.jpg")


class TestFolder:
    def make(self, folder: Path, *names: str) -> Path:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        return folder

    def test_gives_clips_and_the_stills_of_each_folder(self, tmp_path: Path) -> None:
        self.make(tmp_path, "b.mp4", "a/x.MOV", "s/2.jpg", "s/1.PNG", "top.webp", "notes.txt")
        clips, stills = files_below(tmp_path)
        assert [clip.name for clip in clips] == ["x.MOV", "b.mp4"]
        assert {folder.name: [path.name for path in paths] for folder, paths in stills.items()} == {
            "s": ["1.PNG", "2.jpg"],
            tmp_path.name: ["top.webp"],
        }

    def test_without_either_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="neither a clip nor an image"):
            files_below(self.make(tmp_path, "notes.txt"))

    @pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_STILLS"])
    def test_with_too_much_in_it_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
    ) -> None:
        monkeypatch.setattr(inputs, limit, 2)
        with pytest.raises(SourceError, match="2"):
            files_below(self.make(tmp_path, "1.jpg", "2.jpg", "3.jpg"))


def test_a_camera_that_is_not_there_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceError, match="camera 63 cannot be opened: is it connected"):
        next(camera_views(63, 5.0, 1.0))
    assert capfd.readouterr() == ("", "")


class _Camera:
    """A camera of 50 frames a second that shows which frame it is by its level."""

    def __init__(self, _: int) -> None:
        self.frames = 0
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def grab(self) -> bool:
        self.frames += 1
        return self.frames <= 60

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((48, 64, 3), self.frames, np.uint8)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> _Camera:
    made = _Camera(0)
    monkeypatch.setattr(inputs.cv2, "VideoCapture", lambda _: made)
    monkeypatch.setattr(inputs.time, "monotonic", lambda: made.frames / 50)
    return made


def test_a_camera_is_sampled_by_the_clock_for_as_long_as_asked(camera: _Camera) -> None:
    views = list(camera_views(0, 5.0, 1.0))
    assert [view.time_s for view in views] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert [int(view.image[0, 0, 0]) for view in views] == [1, 11, 21, 31, 41, 51]
    assert camera.released


def test_a_camera_that_stops_is_told(camera: _Camera) -> None:
    with pytest.raises(SourceError, match="camera 0 gives no frame any more"):
        list(camera_views(0, 5.0, 9.0))
    assert camera.released
