"""Trains a head on the features of a large cohort, in a process with little memory.

Run as a program: the limit is set before anything is imported, and holds for that process alone.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

BACKBONE = "Large"
FRAMES_A_CLIP = 50


def write_cohort(directory: Path, *, frames: int, people: int, dimension: int) -> None:
    """Write what split_dataset writes: clips of people in turn, the last fifth of each to test."""
    import numpy as np
    import pyarrow as pa

    from components.contracts import INDEX, INDEX_FILE, features_file, features_schema
    from components.model_directory import CLASSES_FILE, Classes
    from components.parquet import parquet_writer, write_table

    directory.mkdir(parents=True)
    names = [f"p{number:03}" for number in range(people)]
    Classes(tuple(names), tuple(number % 3 for number in range(people))).write(
        directory / CLASSES_FILE
    )
    number = np.arange(frames)
    clip, within = number // FRAMES_A_CLIP, number % FRAMES_A_CLIP
    person = clip % people
    split = np.select([within < 32, within < 40], ["train", "calibration"], "test")
    clips = pa.array(np.char.mod("%016d", clip))
    columns = {
        "clip_id": clips,
        "person_id": pa.array(np.asarray(names)[person]),
        "role": pa.array(np.asarray(["student", "staff", "visitor"])[person % 3]),
        "session": pa.array(["s"] * frames),
        "index": pa.array(within, pa.int32()),
        "time_s": pa.array(within / 5),
        "split": pa.array(split),
        "random_split": pa.array(split),
        "transaction": pa.array(np.char.add(np.char.mod("%016d/", clip), split)),
        "person": pa.array(person, pa.int32()),
        "role_label": pa.array(person % 3, pa.int32()),
    }
    write_table(directory / INDEX_FILE, pa.table(columns, INDEX))
    generator = np.random.default_rng(0)
    faces = generator.normal(size=(people, dimension)).astype(np.float32)
    noise = generator.normal(size=(2 * FRAMES_A_CLIP, dimension)).astype(np.float32)
    schema = features_schema(dimension)
    with parquet_writer(directory / features_file(BACKBONE), schema) as writer:
        for start in range(0, frames, FRAMES_A_CLIP):
            own = noise[generator.permutation(len(noise))[:FRAMES_A_CLIP]]
            flat = (faces[person[start]] + own).astype(np.float16).ravel()
            feature = pa.FixedSizeListArray.from_arrays(pa.array(flat), dimension)
            rows = slice(start, start + FRAMES_A_CLIP)
            keys = [clips[rows], pa.array(within[rows], pa.int32())]
            writer.write_table(pa.Table.from_arrays([*keys, feature], schema=schema))


def train_within(limit_bytes: int, directory: Path, dimension: int) -> dict[str, float]:
    """Train for an epoch in a process of that much address space, and say how it went.

    Address space is what can be limited everywhere, and more than memory: threads and allocators
    reserve it without using it. One thread a library makes that the same on every machine.
    """
    threads = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
    allocators = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.large_cohort", str(limit_bytes), directory, str(dimension)],
        env={**os.environ, **{f"{name}_THREADS": "1" for name in threads}, **allocators},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"training ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def main(limit_bytes: int, directory: Path, dimension: int) -> None:
    """What runs in the process of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    import numpy as np

    from components.contracts import Split
    from components.train_model.dataset import Picked, read_dataset
    from components.train_model.train import Recipe, _train_head

    recipe = Recipe(
        BACKBONE, epochs=1, seed=0, crop="none", frames_per_second=5.0, target_fpir=0.01
    )
    dataset = read_dataset(directory, BACKBONE, dimension)
    head = _train_head(dataset, dataset.split, recipe)
    test = np.flatnonzero(dataset.split == Split.TEST)
    said = head.predict(Picked(dataset.features, test))["person"].argmax(1)
    accuracy = float((said == dataset.person[test]).mean())
    epochs = head.curves.epoch[-1]
    print(json.dumps({"frames": len(dataset.person), "epochs": epochs, "accuracy": accuracy}))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
