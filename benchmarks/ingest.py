"""Ingest of 1,000 against 10,000 small clips, from a folder and from Azure Blob (Azurite).

Prints one JSON line: of each size the peak memory of the ingesting process, and clips a second.
Every measurement is a process of its own; the roster grows with the clips, a person for every
SESSIONS of them. The clips are one tiny video with a `free` box of its own behind it, so that each
has its own digest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # this tree's, wherever it is run from

from components.ingest_videos.ingest import ingest  # noqa: E402
from components.telemetry import peak_memory_bytes  # noqa: E402

SIZES = (1_000, 10_000)
SESSIONS = 4
CONTAINER = "bench"
TIMEOUT_S = 3600


def measure(source: str, output: Path) -> dict[str, float]:
    """Ingest in this process."""
    started = time.perf_counter()
    ingested = ingest(source, output, workers=8, today=datetime.now(UTC).date())
    seconds = time.perf_counter() - started
    return {
        "clips": ingested.clips,
        "seconds": round(seconds, 1),
        "clips_per_second": round(ingested.clips / seconds, 1),
        "peak_memory_mb": round(peak_memory_bytes() / 1e6, 1),
    }


def measured_apart(source: str, work: Path, environment: dict[str, str]) -> dict[str, float]:
    """Ingest in a process of its own."""
    command = [sys.executable, __file__, "--measure", source, str(work / "clips")]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, timeout=TIMEOUT_S, check=True
    )
    return json.loads(done.stdout)


def make_source(folder: Path, count: int, clip: bytes) -> Path:
    """A source of `count` clips, SESSIONS of each person."""
    people = [f"p{number:05}" for number in range(-(-count // SESSIONS))]
    header = "person_id,role,consent_given_on,consent_expires_on"
    rows = [f"{person},student,2020-01-01,2099-12-31" for person in people]
    (folder / "videos").mkdir(parents=True)
    (folder / "roster.csv").write_text("\n".join([header, *rows, ""]))
    for number in range(count):
        path = folder / "videos" / people[number // SESSIONS] / f"s{number % SESSIONS}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clip + b"\0\0\0\x10free" + number.to_bytes(8, "big"))
    return folder


def main() -> None:
    """Measure both sizes from both kinds of source."""
    from pipelines.azurite import connection_string, running_azurite  # noqa: PLC0415
    from tests.videos import noise, write_video  # noqa: PLC0415 - not in the measured process

    result: dict[str, dict[str, dict[str, float]]] = {"folder": {}, "blob": {}}
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        work = Path(name)
        clip = write_video(work / "clip.mp4", noise(10, size=(32, 32))).read_bytes()
        with running_azurite(work) as azurite:
            container = azurite.service.create_container(CONTAINER)
            environment = {
                **os.environ,
                "AZURE_STORAGE_CONNECTION_STRING": connection_string(azurite.endpoint),
            }
            for count in SIZES:
                folder = make_source(work / str(count), count, clip)
                result["folder"][str(count)] = measured_apart(str(folder), work, environment)
                azurite.upload_folder(container, folder, str(count))
                source = f"az://{CONTAINER}/{count}"
                result["blob"][str(count)] = measured_apart(source, work, environment)
    print(json.dumps({"benchmark": "ingest", "clip_bytes": len(clip) + 16, **result}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", nargs=2, metavar=("SOURCE", "OUTPUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure[0], Path(arguments.measure[1]))))
    else:
        main()
