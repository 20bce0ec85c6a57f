"""Every backbone of the table at 224, with random weights: builds, exports, embeds, trains.

Each in a process of its own, so that memory is that of one: exported for OpenVINO (which is held
against Keras on the way), FRAMES frames embedded at the precision of a run, a head trained on
them, and the whole converted for the edge, where the latency of one image on one thread is
measured. Nobody is recognised: it says what a backbone costs, and that it works.

    python benchmarks/backbones.py [--write] [NAME ...]

`--write` also writes the table of docs/backbones.md anew. Prints one JSON line; progress goes to
stderr. Ends with 1 if a backbone failed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from components.backbones import BACKBONES, Weights, find_backbone
from components.lean_keras import load_keras
from components.telemetry import peak_memory_bytes

PAGE: Final = Path(__file__).parents[1] / "docs" / "backbones.md"
FRAMES: Final = 16
PEOPLE: Final = 4
TIMEOUT_S: Final = 600
SEED: Final = 0

HEAD: Final = """# What a backbone costs

Written by `make test-backbones`, which builds each backbone of the table with random weights,
exports it, embeds {frames} frames, trains a head and converts it all for the edge, on {cpus}
processors. Embedding is by {engine} in {precision}. Latency is the median of one frame through the
float32 edge model on one thread. All took {minutes} minutes, and the largest process {memory} MB.

| backbone | parameters, million | features | frames/s | latency, ms | edge, MB | memory, MB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def measure(name: str) -> dict[str, Any]:
    """Try one backbone in this process.

    Raises:
        Exception: whatever does not work.
    """
    load_keras()
    import keras  # noqa: PLC0415

    from components.edge.convert import export_float32  # noqa: PLC0415
    from components.edge.model import measure_together  # noqa: PLC0415
    from components.embed_frames import engines  # noqa: PLC0415
    from components.exported_backbones import KERAS_FILE, read_exported  # noqa: PLC0415
    from components.model_directory import FRAME_SIZE, Classes  # noqa: PLC0415
    from components.synthesize_cohort.clip import render_people  # noqa: PLC0415
    from components.train_model.assemble import assemble, build_head  # noqa: PLC0415
    from components.train_model.heads import Rows, train_head  # noqa: PLC0415

    frames = render_people(PEOPLE, frames=FRAMES // PEOPLE, size=FRAME_SIZE, seed=SEED)
    person = np.repeat(np.arange(PEOPLE, dtype=np.int32), FRAMES // PEOPLE)
    with tempfile.TemporaryDirectory(prefix="rollcall-backbone-") as scratch:
        exported, edge_file = Path(scratch) / "exported", Path(scratch) / "model.tflite"
        _export_apart(name, exported)
        known = read_exported(exported)[name]
        chosen, precision = engines.choose("auto", "auto")
        engine = engines.load(chosen, precision, exported / name)
        engine.infer(frames[:8])
        started = time.perf_counter()
        features = engine.infer(frames)
        seconds = time.perf_counter() - started
        engine.close()
        half = features.astype(np.float16)
        if not (np.isfinite(half).all() and half.any(axis=1).all()):
            raise ValueError(f"features up to {np.abs(features).max():.3g} do not fit float16")
        rows = Rows(half, person, clips=PEOPLE)
        classes = Classes(tuple("abcd"), (0, 1, 0, 1))
        head = train_head(rows, rows, classes, epochs=1, seed=SEED)
        learnt = float((head.predict(half)["person"].argmax(1) == person).mean())
        if learnt < 1:
            raise ValueError(f"the head learnt {learnt:.0%} of {FRAMES} frames")
        backbone = keras.saving.load_model(exported / name / KERAS_FILE, safe_mode=True)
        export_float32(assemble(backbone, build_head(head)), edge_file)
        latency = measure_together({name: edge_file})[name]
        size = edge_file.stat().st_size
    return {
        "engine": str(chosen),
        "precision": str(precision),
        "parameters": known.parameters,
        "features": known.dimension,
        "embed_images_per_second": round(FRAMES / seconds, 1),
        "latency_ms": latency,
        "edge_bytes": size,
        "largest_feature": round(float(np.abs(features).max()), 3),
        "peak_memory_mb": round(peak_memory_bytes() / 1e6),
    }


def _export_apart(name: str, output: Path) -> None:
    """Export in a process of its own, as the step does: Keras runs on OpenVINO for that."""
    from components.export_backbones.export import export_backbones  # noqa: PLC0415

    context = multiprocessing.get_context("spawn")
    arguments = ([name], Weights.NONE, output, SEED)
    with ProcessPoolExecutor(1, context) as worker:
        worker.submit(export_backbones, *arguments).result(TIMEOUT_S)


def measure_apart(name: str) -> dict[str, Any]:
    """Try one backbone in a process of its own; one that fails is a row with the reason."""
    command = [sys.executable, __file__, "--child", name]
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not done in {TIMEOUT_S} s"}
    seconds = round(time.perf_counter() - started, 1)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        return {"failed": reason[-1], "seconds": seconds}
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds": seconds}


def page(rows: dict[str, dict[str, Any]]) -> str:
    """The page docs/backbones.md."""
    one = next(iter(rows.values()))
    head = HEAD.format(
        frames=FRAMES,
        cpus=os.cpu_count(),
        engine={"openvino": "OpenVINO", "keras": "Keras"}[one["engine"]],
        precision=one["precision"],
        memory=f"{max(row['peak_memory_mb'] for row in rows.values()):,}",
        minutes=round(sum(row["seconds"] for row in rows.values()) / 60),
    )
    lines = [
        f"| {name} | {row['parameters'] / 1e6:.1f} | {row['features']:,} "
        f"| {row['embed_images_per_second']:.1f} | {row['latency_ms']['p50']:.1f} "
        f"| {row['edge_bytes'] / 1e6:.1f} | {row['peak_memory_mb']:,} |"
        for name, row in sorted(rows.items(), key=lambda item: item[1]["latency_ms"]["p50"])
    ]
    return head + "\n".join([*lines, ""])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="backbones; default: all")
    parser.add_argument("--write", action="store_true", help="write docs/backbones.md")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.child:
        print(json.dumps(measure(told.child)))
        return
    names = [find_backbone(name).name for name in told.names] or list(BACKBONES)
    rows: dict[str, dict[str, Any]] = {}
    columns = [TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeElapsedColumn(), console=_stderr()) as progress:
        task = progress.add_task("", total=len(names))
        for name in names:
            progress.update(task, description=name)
            rows[name] = measure_apart(name)
            progress.console.print(f"{name}: {rows[name]}", highlight=False)
            progress.advance(task)
    failed = [name for name, row in rows.items() if "failed" in row]
    if told.write and not failed:
        PAGE.write_text(page(rows), encoding="utf-8")
    head = {"benchmark": "backbones", "frames": FRAMES, "failed": failed}
    print(json.dumps({**head, "backbones": rows}))
    sys.exit(bool(failed))


def _stderr() -> Any:  # noqa: ANN401 - a rich Console
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=True, soft_wrap=True)


if __name__ == "__main__":
    main()
