"""Training against the plain Keras recipe, in the same run on the same frames.

The frames are a synthetic cohort's, 22 of each of five sessions of a person, cut out and written by
the steps themselves; none is of the session that it is tested on. The peer is what Keras' guide to
transfer learning does: `image_dataset_from_directory`, a frozen base, global average pooling, a
Dense layer, and `fit` with validation data, once as it stands and once with `ds.cache()`. Ours
starts from the same JPEGs with nothing left over from before, each step in a process of its own, as
in the DAG. Both have the same weights of the backbone and are scored on the same test frames. With
`--weights none` a backbone's random weights are drawn once for both; they say nothing of accuracy.

`ratio` is the recipe's time over that of export, embedding, split and the part of train_model that
the recipe has, too (`train_head`): a head trained, scored on the test frames and joined to its
backbone. In `ratio_whole` train_model does all that it does: a second training that shows the leak
of a random split, intervals, the edge models, their scores and their latency. `ratio_converted` is
`ratio` with the backbone exported already. `cpu_seconds` (of the first round) say whether somebody
was kept waiting: where all goes well, they come near the seconds times the processors.

Prints one JSON line; progress goes to stderr. The frames are made once and kept in build/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.backbones import Weights, build_backbone, find_backbone
from components.contracts import FRAMES, FRAMES_FILE, INDEX, INDEX_FILE, Split
from components.cpus import usable_cpus
from components.exported_backbones import KERAS_FILE, read_exported
from components.model_directory import FRAME_SIZE
from components.parquet import open_table, read_table
from components.telemetry import peak_memory_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

SESSIONS, SECONDS, FRAMES_PER_SECOND = 5, 4.4, 5
FRAMES_OF_A_PERSON = SESSIONS * round(SECONDS * FRAMES_PER_SECOND)
BACKBONES = ["MobileNetV2", "EfficientNetLite0"]
BATCH = 32
TIMEOUT_S = 4 * 3600
SEED = 0


def make_frames(folder: Path, wanted: int) -> int:
    """Make a cohort, list and extract it: as a run leaves it before embedding; returns frames."""
    from components.extract_frames.extract import extract  # noqa: PLC0415
    from components.extract_frames.selection import Limits  # noqa: PLC0415
    from components.ingest_videos.ingest import ingest  # noqa: PLC0415
    from components.synthesize_cohort.cohort import (  # noqa: PLC0415
        CohortOptions,
        synthesize_cohort,
    )

    people = max(2, round(wanted / FRAMES_OF_A_PERSON))
    options = CohortOptions(
        students=people - people // 3,
        staff=people // 3,
        visitors=0,
        sessions=SESSIONS,
        seconds=SECONDS,
        fps=FRAMES_PER_SECOND,
        seed=SEED,
        processes=usable_cpus(),
    )
    if not (folder / "frames").is_dir():
        today = date.today()  # noqa: DTZ011 - consent holds all over the world
        synthesize_cohort(folder / "source", options)
        ingest(str(folder / "source"), folder / "clips", workers=1, today=today)
        extract(
            folder / "clips",
            folder / "frames",
            shard=0,
            frames_per_second=float(FRAMES_PER_SECOND),
            limits=Limits(),
            today=today,
            crop="face",
        )
    with open_table(folder / "frames" / FRAMES_FILE, FRAMES) as file:
        return int(file.metadata.num_rows)


def draw_weights(name: str, path: str) -> None:
    """Write random weights of a backbone, for both."""
    build_backbone(name, Weights.NONE, seed=SEED).layers[-1].save_weights(path)


def unpack(frames: str, index: str, output: str) -> None:
    """Lay the JPEGs of each side out in a folder a person, as the recipe wants them."""
    side_of = {
        (row["clip_id"], row["index"]): (row["split"], row["person_id"])
        for row in read_table(Path(index), INDEX).to_pylist()
    }
    with open_table(Path(frames), FRAMES) as file:
        for batch in file.iter_batches(256, columns=["clip_id", "index", "jpeg"]):
            for row in batch.to_pylist():
                side, person = side_of[row["clip_id"], row["index"]]
                path = Path(output) / side / person / f"{row['clip_id']}-{row['index']}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(row["jpeg"])


def run_recipe(
    folder: str, name: str, weights: str, epochs: int, *, cache: bool
) -> dict[str, float]:
    """The plain Keras recipe, in this process; returns its accuracy on the test frames."""
    import keras  # noqa: PLC0415

    def images(side: str, *, shuffle: bool) -> Any:  # noqa: ANN401 - a tf.data.Dataset
        found = keras.utils.image_dataset_from_directory(
            Path(folder) / side,
            image_size=(FRAME_SIZE, FRAME_SIZE),
            batch_size=BATCH,
            shuffle=shuffle,
            seed=SEED,
            verbose=False,
        )
        return found.cache() if cache else found

    keras.utils.set_random_seed(SEED)
    base = build_backbone(name, weights)  # the application, its preprocessing and average pooling
    base.trainable = False
    inputs = keras.Input((FRAME_SIZE, FRAME_SIZE, 3))
    features = base(keras.ops.cast(inputs, "uint8"), training=False)
    people = len(list((Path(folder) / Split.TRAIN).iterdir()))
    model = keras.Model(inputs, keras.layers.Dense(people, activation="softmax")(features))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    train, validation = images(Split.TRAIN, shuffle=True), images(Split.CALIBRATION, shuffle=False)
    model.fit(train, validation_data=validation, epochs=epochs, verbose=2)
    _, accuracy = model.evaluate(images(Split.TEST, shuffle=False), verbose=0)
    return {"accuracy": accuracy}


def export_backbones(name: str, weights: str, output: str) -> None:
    """The step."""
    from components.export_backbones.export import export_backbones  # noqa: PLC0415

    export_backbones([name], weights, Path(output), SEED)


def embed_frames(frames: str, exported: str, output: str) -> None:
    """The step."""
    from components.embed_frames.embed import embed_frames  # noqa: PLC0415

    embed_frames(Path(frames), Path(exported), Path(output), seed=SEED)


def split_dataset(features: str, source: str, output: str) -> None:
    """The step; nobody is kept apart as a stranger, as the recipe knows no such thing."""
    from components.split_dataset.assign import SplitOptions  # noqa: PLC0415
    from components.split_dataset.split import split_dataset  # noqa: PLC0415

    frames = [Path(source) / "frames"]
    split_dataset(
        [Path(features)],
        frames,
        Path(source) / "clips",
        frames,
        SplitOptions(seed=SEED, stranger_share=0.0),
        dataset=Path(output) / "dataset",
        audit=Path(output) / "audit",
    )


def train_model(
    name: str, dataset: str, exported: str, epochs: int, output: str, *, whole: bool
) -> dict[str, float]:
    """The step, or of it what the recipe has, too: a model from pixels to people, and its score."""
    from components.train_model import train  # noqa: PLC0415

    recipe = train.Recipe(name, epochs, SEED, "face", float(FRAMES_PER_SECOND), 0.01)
    if whole:
        metrics = train.train_model(Path(dataset), Path(exported), recipe, Path(output))
        if metrics["status"] != "succeeded":
            raise RuntimeError(metrics["reason"])
        return {}
    dimension = read_exported(Path(exported))[name].dimension or 0
    read = train.read_dataset(Path(dataset), name, dimension)
    head = train._train_head(read, read.split, recipe)  # noqa: SLF001
    train.join(Path(exported) / name / KERAS_FILE, head)
    test = read.split == Split.TEST
    right = head.predict(read.features[test])["person"].argmax(axis=1) == read.person[test]
    return {"accuracy": float(right.mean()), "test_frames": len(right)}


CHILDREN: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        draw_weights,
        unpack,
        run_recipe,
        export_backbones,
        embed_frames,
        split_dataset,
        train_model,
    )
}


def apart(child: Callable[..., Any], *arguments: Any, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Run one of CHILDREN in a process of its own: what it returns, its seconds and its memory."""
    told = json.dumps([child.__name__, arguments, more], default=str)
    command = [sys.executable, __file__, "--child", told]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    started = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, env=environment, timeout=TIMEOUT_S, check=True
    )
    seconds = time.perf_counter() - started
    return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


def run_child(told: str) -> None:
    """What `apart` starts."""
    name, arguments, more = json.loads(told)
    answer = CHILDREN[name](*arguments, **more) or {}
    print()  # whatever was printed before
    used = {"cpu_seconds": time.process_time(), "peak_memory_bytes": peak_memory_bytes()}
    print(json.dumps({**answer, **used}))


def run_ours(source: Path, work: Path, name: str, weights: str, epochs: int) -> dict[str, Any]:
    """From frames to an evaluated model, with nothing left over from before; its phases."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    exported, features, split, model = (
        work / part for part in ("exported", "features", "split", "model")
    )
    training = (name, split / "dataset", exported, epochs, model)
    return {
        "export_backbones": apart(export_backbones, name, weights, exported),
        "embed_frames": apart(embed_frames, source / "frames", exported, features),
        "split_dataset": apart(split_dataset, features, source, split),
        "train_head": apart(train_model, *training, whole=False),
        "train_whole": apart(train_model, *training, whole=True),
    }


def compare(source: Path, folder: Path, told: argparse.Namespace, name: str) -> dict[str, Any]:
    """Run all with one backbone: ours `told.rounds` times, of which the median counts."""
    weights = told.weights
    if weights == Weights.NONE and not find_backbone(name).is_lite:
        weights = str(folder / "weights")
        Path(weights).mkdir(parents=True, exist_ok=True)
        apart(draw_weights, name, Path(weights) / find_backbone(name).own_weights_file)
    elif weights == Weights.NONE:
        weights = str(Weights.IMAGENET)  # installed
    rounds = []
    for number in range(told.rounds):
        rounds.append(run_ours(source, folder / "ours", name, weights, told.epochs))
        print(f"{name}, ours, round {number + 1}: {rounds[-1]}", file=sys.stderr)
    sides = folder / "sides"
    shutil.rmtree(sides, ignore_errors=True)
    index = folder / "ours" / "split" / "dataset" / INDEX_FILE
    apart(unpack, source / "frames" / FRAMES_FILE, index, sides)
    recipes = {}
    for recipe, cache in (("recipe", False), ("recipe_cached", True)):
        recipes[recipe] = apart(run_recipe, sides, name, weights, told.epochs, cache=cache)
        print(f"{name}, {recipe}: {recipes[recipe]}", file=sys.stderr)
    return _summary(weights, rounds, recipes)


def _summary(
    weights: str, rounds: list[dict[str, Any]], recipes: dict[str, dict[str, float]]
) -> dict[str, Any]:
    phases = {
        phase: statistics.median(each[phase]["seconds"] for each in rounds) for phase in rounds[0]
    }
    before = sum(phases[step] for step in ("export_backbones", "embed_frames", "split_dataset"))
    ours, plain = before + phases["train_head"], recipes["recipe"]["seconds"]
    seconds = {"ours": ours, **{recipe: run["seconds"] for recipe, run in recipes.items()}}
    scored = {"ours": rounds[0]["train_head"], **recipes}
    measured = {**rounds[0], **recipes}
    peaks = {
        phase: max(each[phase]["peak_memory_bytes"] for each in rounds) for phase in rounds[0]
    } | {recipe: run["peak_memory_bytes"] for recipe, run in recipes.items()}
    return {
        "weights": weights if weights == Weights.IMAGENET else "folder",
        "ratio": round(plain / ours, 2),
        "ratio_cached": round(seconds["recipe_cached"] / ours, 2),
        "ratio_converted": round(plain / (ours - phases["export_backbones"]), 2),
        "ratio_whole": round(plain / (before + phases["train_whole"]), 2),
        "test_frames": rounds[0]["train_head"]["test_frames"],
        "accuracy": {name: round(run["accuracy"], 4) for name, run in scored.items()},
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "phases": {phase: round(value, 1) for phase, value in phases.items()},
        "slowest_round": {
            phase: round(max(each[phase]["seconds"] for each in rounds), 1) for phase in phases
        },
        "cpu_seconds": {step: round(run["cpu_seconds"], 1) for step, run in measured.items()},
        "peak_memory_mb": {step: round(peak / 1e6) for step, peak in peaks.items()},
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench/train"))
    parser.add_argument("--frames", type=int, default=4840, help="about so many")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3, help="of ours; the recipe runs once")
    parser.add_argument("--weights", default="none", help="none, imagenet or a folder")
    parser.add_argument("--backbone", action="append", help=f"default: {', '.join(BACKBONES)}")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.child:
        run_child(told.child)
        return
    source = told.folder / str(told.frames)
    frames = make_frames(source, told.frames)
    result = {name: compare(source, told.folder, told, name) for name in told.backbone or BACKBONES}
    head = {"benchmark": "train", "frames": frames, "epochs": told.epochs, "rounds": told.rounds}
    print(json.dumps({**head, "backbones": result}))


if __name__ == "__main__":
    main()
