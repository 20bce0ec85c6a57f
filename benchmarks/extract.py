"""Extraction against FFmpeg, in the same run on the same clips, with as many processes.

Both make frames of 224x224 as JPEGs, 5 of each second, of the square in the middle. The peer is
`ffmpeg -vf fps=5,crop=ih:ih,scale=224:224` with its default threads, one process a clip, as many
at a time as there are processors. Ours is the whole step in a process of its own, from its start to
the finished tables, with as many decoding processes under the guard.

Prints one JSON line; progress goes to stderr. The clips are made once and kept in build/bench.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import psutil

from components.contracts import CLIPS, CLIPS_FILE, FRAMES, FRAMES_FILE
from components.cpus import usable_cpus
from components.extract_frames.extract import extract
from components.extract_frames.picture import JPEG_QUALITY
from components.extract_frames.selection import Limits
from components.ingest_videos.ingest import ingest
from components.parquet import open_table, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

WIDTH, HEIGHT, RATE, SECONDS = 1920, 1080, 30, 10
MEGABITS = (4, 6, 8)
COPIES = 4
"""Of each clip, so that start-up weighs as in a small shard."""
# As x264 encodes by itself, with B-frames, and as many phones do, without.
KINDS = {"with B-frames": {"preset": "medium"}, "without": {"preset": "medium", "bf": "0"}}
SAMPLES = 5
PEER_TIMEOUT_S = 600
MEMORY_SAMPLES_S = 0.02


@dataclass(frozen=True)
class Timing:
    """One round over the clips."""

    seconds: float
    peak_bytes: int = 0


def head_frames(seed: int) -> Iterator[Image]:
    """A textured head that turns before a textured wall, under sensor noise."""
    random = np.random.default_rng(seed)
    wall = _texture(random, (HEIGHT + 40, WIDTH + 40), cell=16)
    skin = _texture(random, (900, 900), cell=7)
    mask = cv2.ellipse(np.zeros((900, 900), np.uint8), (450, 450), (280, 390), 0, 0, 360, 255, -1)
    grain = [random.normal(0, 3, (HEIGHT, WIDTH, 3)).astype(np.int16) for _ in range(7)]
    for number in range(RATE * SECONDS):
        turn = 2 * np.pi * number / (RATE * 5)
        x, y = int(20 + 4 * np.sin(number / 9)), int(20 + 4 * np.cos(number / 7))
        image = wall[y : y + HEIGHT, x : x + WIDTH].copy()
        matrix = cv2.getRotationMatrix2D((450, 450), 30 * np.sin(turn), 1)
        head = cv2.warpAffine(skin, matrix, (900, 900), borderMode=cv2.BORDER_REFLECT)
        left, top = WIDTH // 2 - 450 + int(60 * np.sin(turn)), 90 + int(40 * np.cos(turn))
        place = image[top : top + 900, left : left + 900]
        place[mask > 0] = head[mask > 0]
        yield np.clip(image + grain[number % len(grain)], 0, 255).astype(np.uint8)


def _texture(random: np.random.Generator, size: tuple[int, int], cell: int) -> Image:
    coarse = random.integers(40, 230, (size[0] // cell, size[1] // cell, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def make_clips(folder: Path) -> list[Path]:
    """Write the source: one person, a clip for each kind and bit rate."""
    clips = []
    for kind, options in KINDS.items():
        for megabits in MEGABITS:
            name = f"{kind.replace(' ', '-')}-{megabits}.mp4"
            path = folder / "videos" / "bench" / name
            if not path.exists():
                print(f"making {name}", file=sys.stderr)
                _encode(path, options, megabits)
            clips += [path, *(_copy(path, number) for number in range(1, COPIES))]
    _write_roster(folder)
    return clips


def _write_roster(folder: Path) -> None:
    today = date.today()  # noqa: DTZ011 - consent holds all over the world
    (folder / "roster.csv").write_text(
        "person_id,role,consent_given_on,consent_expires_on\n"
        f"bench,student,{today - timedelta(2)},{today + timedelta(30)}\n",
        encoding="utf-8",
    )


def _copy(path: Path, number: int) -> Path:
    """The same clip with a `free` box at its end, which makes it another file."""
    copy = path.with_stem(f"{path.stem}-{number}")
    box = b"free" + bytes([number] * 8)
    copy.write_bytes(path.read_bytes() + (len(box) + 4).to_bytes(4, "big") + box)
    return copy


def _encode(path: Path, options: dict[str, str], megabits: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with av.open(str(partial), "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = megabits * 1_000_000
        for image in head_frames(megabits):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    partial.rename(path)


def run_peer(clips: list[Path], work: Path, processes: int) -> Timing:
    """Time FFmpeg over the clips."""
    import imageio_ffmpeg  # noqa: PLC0415 - it is no part of the step that is measured

    program = imageio_ffmpeg.get_ffmpeg_exe()
    shutil.rmtree(work, ignore_errors=True)

    def run(clip: Path) -> None:
        folder = work / clip.stem
        folder.mkdir(parents=True)
        scale = f"fps={SAMPLES},crop=ih:ih,scale=224:224"
        command = [program, "-v", "error", "-i", str(clip), "-vf", scale, "-q:v", "3"]
        subprocess.run([*command, str(folder / "%d.jpg")], check=True, timeout=PEER_TIMEOUT_S)

    started = time.perf_counter()
    with ThreadPoolExecutor(processes) as threads:
        list(threads.map(run, clips))
    return Timing(time.perf_counter() - started)


def run_ours(table: Path, output: Path, processes: int, crop: str) -> Timing:
    """Time the step in a process of its own, and watch the memory of all of its processes."""
    arguments = [str(table), str(output), str(processes), crop]
    command = [sys.executable, __file__, "--step", *arguments]
    started = time.perf_counter()
    child = subprocess.Popen(command)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(MEMORY_SAMPLES_S):
            peak = max(peak, _memory_of(child.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        child.wait(PEER_TIMEOUT_S)
    finally:
        done.set()
        watcher.join()
        child.kill()
    if child.returncode:
        raise RuntimeError("the step failed")
    return Timing(time.perf_counter() - started, peak)


def _memory_of(pid: int) -> int:
    """Resident bytes of a process and its children; what they share counts for each."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # it has just ended
    return total


def step(table: Path, output: Path, processes: int, crop: str) -> None:
    """What runs in the process of its own."""
    limits = Limits(5.0, 2, 0.9, 0.5)
    today = date.today()  # noqa: DTZ011
    extract(
        table,
        output,
        shard=0,
        frames_per_second=float(SAMPLES),
        limits=limits,
        today=today,
        crop=crop,
        decoders=processes,
    )


def fidelity(output: Path, table: Path) -> dict[str, float]:
    """SSIM of a full decode with our frames as written, and with its own JPEG."""
    ours, jpeg = [], []
    names = {
        row["clip_id"]: Path(row["uri"].removeprefix("file://"))
        for row in read_table(table / CLIPS_FILE, CLIPS).to_pylist()
    }
    frames: dict[str, dict[int, bytes]] = {}
    with open_table(output / FRAMES_FILE, FRAMES) as file:
        for batch in file.iter_batches(columns=["clip_id", "time_s", "jpeg"]):
            for row in batch.to_pylist():
                number = round(row["time_s"] * RATE)
                frames.setdefault(row["clip_id"], {})[number] = row["jpeg"]
    originals = {id_ for id_, path in names.items() if not path.stem.split("-")[-2].isdigit()}
    for clip_id in originals & frames.keys():
        wanted = frames[clip_id]
        with av.open(str(names[clip_id])) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    whole = _square(frame)
                    ours.append(_ssim(whole, _decoded(wanted[number])))
                    jpeg.append(_ssim(whole, _decoded(_jpeg(whole))))
    return {
        "frames_compared": len(ours),
        "ssim_to_full_decode_mean": round(statistics.mean(ours), 4),
        "ssim_to_full_decode_min": round(min(ours), 4),
        "ssim_of_jpeg_step_mean": round(statistics.mean(jpeg), 4),
        "ssim_of_jpeg_step_min": round(min(jpeg), 4),
    }


def _square(frame: av.VideoFrame) -> Image:
    image = frame.to_ndarray(format="bgr24", interpolation="BICUBIC")
    left = (WIDTH - HEIGHT) // 2
    square = image[:, left : left + HEIGHT]
    return np.asarray(cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def _decoded(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def _ssim(one: Image, other: Image) -> float:
    from skimage.metrics import structural_similarity  # noqa: PLC0415 - as FFmpeg

    return float(structural_similarity(one, other, channel_axis=2))


def compare(folder: Path, rounds: int) -> dict[str, Any]:
    """Run both in turn, `rounds` times; the ratio is that of the medians."""
    clips = make_clips(folder / "source")
    table, output = folder / "clips", folder / "frames"
    ingest(str(folder / "source"), table, workers=1, today=date.today())  # noqa: DTZ011
    processes = usable_cpus()
    contestants = {
        "ffmpeg": lambda: run_peer(clips, folder / "peer", processes),
        "ours_crop_face": lambda: run_ours(table, output, processes, "face"),
        "ours": lambda: run_ours(table, output, processes, "none"),
    }
    timings: dict[str, list[Timing]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, run in contestants.items():
            timings[name].append(run())
            print(f"round {number + 1}: {name} {timings[name][-1].seconds:.1f} s", file=sys.stderr)
    speeds = {
        name: len(clips) * SECONDS / statistics.median(each.seconds for each in of_name)
        for name, of_name in timings.items()
    }
    return {
        "benchmark": "extract",
        "clips": len(clips),
        "processes": processes,
        **{f"{name}_clip_seconds_per_second": round(speed, 2) for name, speed in speeds.items()},
        "ratio": round(speeds["ours"] / speeds["ffmpeg"], 3),
        "ratio_crop_face": round(speeds["ours_crop_face"] / speeds["ffmpeg"], 3),
        **{
            f"{name}_peak_memory_mb": round(max(each.peak_bytes for each in of_name) / 1e6)
            for name, of_name in timings.items()
            if name != "ffmpeg"
        },
        "start_up_seconds": start_up(folder / "small", processes),
        **fidelity(output, table),
    }


def start_up(folder: Path, processes: int) -> float:
    """Seconds from the start of the step's process to the end of a clip of a second, crop=face."""
    clip = folder / "source" / "videos" / "bench" / "small.mp4"
    clip.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(clip), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(RATE + 1):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _write_roster(folder / "source")
    ingest(str(folder / "source"), folder / "clips", workers=1, today=date.today())  # noqa: DTZ011
    runs = [run_ours(folder / "clips", folder / "frames", processes, "face") for _ in range(5)]
    return round(statistics.median(run.seconds for run in runs), 2)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench/extract"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.step:
        table, output, processes, crop = told.step
        step(Path(table), Path(output), int(processes), crop)
    else:
        print(json.dumps(compare(told.folder, told.rounds)))


if __name__ == "__main__":
    main()
