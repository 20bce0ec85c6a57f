"""An extraction that is killed leaves nothing half-written, and no decoder; a rerun is the same."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from components.artifacts import digests_of
from components.contracts import CLIP_QUALITY_FILE, EXTRACT_FILE, FRAMES_FILE, REJECTS_FILE
from components.ingest_videos.ingest import ingest
from tests.conftest import KILLS, TODAY, Cohort

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_S = 60.0

EXTRACT = """
import datetime, pathlib, sys
from components.extract_frames.extract import extract
from components.extract_frames.selection import Limits
extract(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), shard=0, frames_per_second=10.0,
        limits=Limits(5.0, 2, 0.9, 0.5), today=datetime.date(2025, 6, 15))
"""


def start(clips: Path, output: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", EXTRACT, str(clips), str(output)])


def comparable(output: Path) -> dict[str, object]:
    """Digests of the tables, and the counts but for the time they took."""
    assert sorted(path.name for path in output.iterdir()) == sorted(
        [CLIP_QUALITY_FILE, EXTRACT_FILE, FRAMES_FILE, REJECTS_FILE]
    )
    digests = digests_of(output)
    del digests[EXTRACT_FILE]
    counts = json.loads((output / EXTRACT_FILE).read_text())
    del counts["seconds"]
    return {**digests, **counts}


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    cohort = Cohort(tmp_path / "source").person("p1").person("p2")
    for number in range(6):
        cohort.clip(f"p{number % 2 + 1}/s{number}.mp4", seconds=4)
    cohort.raw("p1/broken.mp4", cohort.path("p1/s0.mp4").read_bytes()[:-5000])
    ingest(str(cohort.folder), tmp_path / "clips", workers=1, today=TODAY)
    return tmp_path / "clips"


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Kill with SIGKILL; what it had started has to end by itself."""
    time.sleep(seconds)
    try:
        decoders = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        decoders = []
    process.send_signal(signal.SIGKILL)
    process.wait(LONGEST_S)
    _, alive = psutil.wait_procs(decoders, LONGEST_S)
    assert not alive


def test_however_often_it_is_killed_it_is_whole_or_not_there_and_a_rerun_gives_the_same_bytes(
    clips: Path, tmp_path: Path
) -> None:
    began = time.monotonic()
    assert start(clips, tmp_path / "undisturbed").wait(LONGEST_S) == 0
    longest = time.monotonic() - began
    expected = comparable(tmp_path / "undisturbed")
    moments = random.Random(0)
    output = tmp_path / "frames"
    for _ in range(KILLS):
        kill_after(start(clips, output), moments.uniform(0, longest))
        if output.exists():  # it had just been done
            assert comparable(output) == expected
    assert start(clips, output).wait(LONGEST_S) == 0
    assert comparable(output) == expected
    assert not list(tmp_path.glob(".*.partial"))
