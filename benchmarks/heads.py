"""What the head's LDA start gives, and what each part of its training changes.

Makes a synthetic cohort with two sessions of everybody and runs the pipeline on it, or takes a run
that kept its features; then trains heads on one session and tests them on the other, once for each
seed. All train for as many epochs. `random start` is the usual recipe: Adam at 1e-3 from Glorot
weights, 32 frames a step, no dropout, the last epoch's weights. The others start from LDA as heads
do; each of those below leaves one thing out of `as shipped`, or averages the weights of all seeds
(`soup`). `uneven` is the same where every other person has a fifth of their training frames.

With `--augment-views K` it compares what augmented views of the training frames give instead: K or
fewer that are cached (as the step does it), another one in each epoch in the frame's place (as live
augmentation does it), and views in the LDA start, too.

Prints one JSON line: of each its identity accuracy of frames and of transactions (means over the
seeds), role accuracy of frames, and the expected calibration error of frames.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # this tree's, wherever it is run from

import numpy as np  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from components.contracts import Split, features_file  # noqa: E402
from components.model_directory import STRANGER  # noqa: E402
from components.train_model import heads, trainer  # noqa: E402
from components.train_model.curves import Curves  # noqa: E402
from components.train_model.dataset import Dataset, Picked, read_dataset  # noqa: E402
from components.train_model.heads import Head, Rows, train_head  # noqa: E402
from components.train_model.lda import fit_lda  # noqa: E402
from components.train_model.seeds import generator_for  # noqa: E402
from components.train_model.trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NO_DROPOUT = (trainer, "DROPOUT", 0.0)
NO_WEIGHTS = (trainer, "balanced_weights", lambda person: np.ones(len(person), np.float32))
# At the rate of the LDA start, five epochs from random weights learn nothing.
KERAS_RATE = (trainer, "LEARNING_RATE", 1e-3)
RANDOM_START = {
    "random start": (KERAS_RATE, NO_DROPOUT, NO_WEIGHTS),
    "random start with class weights": (KERAS_RATE, NO_DROPOUT),
}
LDA_START = {
    "as shipped": (),
    "no dropout": (NO_DROPOUT,),
    "no class weights": (NO_WEIGHTS,),
    "smoothing 0.1": ((trainer, "LABEL_SMOOTHING", 0.1), (heads, "LABEL_SMOOTHING", 0.1)),
}
"""What each variant has in the place of what."""
KERAS_BATCH = 32
"""What `fit` takes where it is not told."""
POOR_SHARE = 5
BINS = 10
TIMEOUT_S = 7200


def make_run(folder: Path, options: argparse.Namespace) -> Path:
    """Make a cohort and run the pipeline on it, with the commands a user has."""
    people = f"--seed={options.cohort_seed}"
    views = f"--augment-views={options.augment_views}"
    cohort, output = folder / "cohort", folder / "run"
    counts = [f"--{role}={getattr(options, role)}" for role in ("students", "staff", "visitors")]
    _rollcall("synthesize", str(cohort), *counts, "--sessions=2", people)
    chosen = [f"--backbones={options.backbones}", f"--weights={options.weights}", views]
    registry = f"--registry=sqlite:///{folder / 'registry.db'}"
    _rollcall("run", f"--source={cohort}", f"--output={output}", "--keep", registry, *chosen)
    return output


def _rollcall(*arguments: str) -> None:
    program = Path(sys.executable).parent / "rollcall"
    subprocess.run([program, *arguments], check=True, timeout=TIMEOUT_S, stdout=sys.stderr)


def rows_of(dataset: Dataset, mask: np.ndarray) -> Rows:
    """Rows of people that are trained on."""
    known = np.flatnonzero(mask & (dataset.person != STRANGER))
    clips = len(np.unique(dataset.clip_id[known]))
    return Rows(Picked(dataset.features, known), dataset.person[known], clips)


def training_rows(dataset: Dataset, *, uneven: bool) -> Rows:
    """The training side; if `uneven`, every other person has one in POOR_SHARE of their frames."""
    mask = dataset.split == Split.TRAIN
    if uneven:
        for person in range(0, len(dataset.classes.people), 2):
            own = np.flatnonzero(mask & (dataset.person == person))
            mask[own[max(1, len(own) // POOR_SHARE) :]] = False
    return rows_of(dataset, mask)


def trained(dataset: Dataset, train: Rows, epochs: int, seed: int) -> Head:
    """As train_model does."""
    calibration = rows_of(dataset, dataset.split == Split.CALIBRATION)
    return train_head(train, calibration, dataset.classes, epochs=epochs, seed=seed)


def random_start(dataset: Dataset, train: Rows, epochs: int, seed: int) -> Head:
    """The usual recipe, on the same standardised features."""
    start = fit_lda(train.features, train.person, len(dataset.classes.people), len(train))
    limit = np.sqrt(6 / sum(start.weights.shape))
    drawn = np.random.default_rng(seed).uniform(-limit, limit, start.weights.shape)
    glorot = drawn.astype(np.float32)
    started = Trainer(
        start.standardisation, dataset.classes, [glorot, np.zeros(len(start.bias), np.float32)]
    )
    generator = generator_for(seed, "", "random start")
    for _ in range(epochs):
        started.epoch(train, KERAS_BATCH, generator)
    found = (start.standardisation, started.weights, dataset.classes, Curves())
    return Head(*found, shrinkage=0.0, temperature=1.0, best_epoch=epochs)


def soup(heads: list[Head]) -> Head:
    """The mean of their weights (Wortsman et al., Model soups, ICML 2022)."""
    members = (head.weights for head in heads)
    weights = [np.mean(each, axis=0) for each in zip(*members, strict=True)]
    return replace(heads[0], weights=weights)


def score(dataset: Dataset, head: Head) -> dict[str, float]:
    """On the test side, people who were trained on."""
    test = np.flatnonzero((dataset.split == Split.TEST) & (dataset.person != STRANGER))
    predicted = head.predict(Picked(dataset.features, test))
    truth, probabilities = dataset.person[test], predicted["person"]
    right = probabilities.argmax(1) == truth
    _, first, clip = np.unique(dataset.transaction[test], return_index=True, return_inverse=True)
    pooled = np.zeros((len(first), probabilities.shape[1]))
    np.add.at(pooled, clip, np.log(np.maximum(probabilities, 1e-7)))
    student = (predicted["role"].argmax(1) == 0) == (dataset.role[test] == 0)
    confidence = probabilities.max(1)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, confidence - right, BINS)
    return {
        "frame": right.mean(),
        "transaction": (pooled.argmax(1) == truth[first]).mean(),
        "role": student.mean(),
        "ece": np.abs(gaps).sum() / len(test),
    }


def compare(dataset: Dataset, epochs: int, seeds: int, *, uneven: bool) -> dict[str, Any]:
    """Scores of every variant: means over the seeds."""
    train = training_rows(dataset, uneven=uneven)
    results = {"lda start": _seeds(1, trained, (), dataset, train, 0)}
    for variants, make in ((RANDOM_START, random_start), (LDA_START, trained)):
        for name, patches in variants.items():
            results[name] = _seeds(seeds, make, patches, dataset, train, epochs)
    results["soup"] = [soup(results["as shipped"])]
    return {name: _mean([score(dataset, head) for head in of]) for name, of in results.items()}


def view_rows(dataset: Dataset, views: Iterable[int], *, frames: bool = True) -> Rows:
    """Views of these numbers of all training frames, behind the frames themselves if `frames`."""
    train = np.flatnonzero(dataset.split == Split.TRAIN)
    first = len(dataset.person) + np.arange(len(train)) * (len(dataset.view_of) // len(train))
    parts = [*([train] if frames else []), *(first + view for view in views)]
    person = np.tile(dataset.person[train], len(parts))
    clips = len(np.unique(dataset.clip_id[train]))
    return Rows(Picked(dataset.features, np.concatenate(parts)), person, clips)


def compare_views(dataset: Dataset, epochs: int, seeds: int, most: int) -> dict[str, Any]:
    """Scores with cached views, with live ones, and with views in the LDA start, too."""
    train = view_rows(dataset, [])
    calibration = rows_of(dataset, dataset.split == Split.CALIBRATION)

    def head(start: Rows, augmented: Rows | None, seed: int) -> Head:
        given = {"epochs": epochs, "seed": seed, "augmented": augmented}
        return train_head(start, calibration, dataset.classes, **given)

    def live(seed: int) -> Head:
        each_epoch = (view_rows(dataset, [epoch % most], frames=False) for epoch in range(epochs))
        epoch_of = Trainer.epoch
        with patch.object(
            Trainer, "epoch", lambda self, _, *of: epoch_of(self, next(each_epoch), *of)
        ):
            return head(train, None, seed)

    makers: dict[str, Callable[[int], Head]] = {"no views": lambda seed: head(train, None, seed)}
    for count in sorted({1, 3, most}):
        if count <= most:
            rows = view_rows(dataset, range(count))
            makers[f"{count} cached"] = lambda seed, rows=rows: head(train, rows, seed)
    makers["live"] = live
    makers[f"{most} cached, in the start, too"] = lambda seed, rows=rows: head(rows, rows, seed)
    return {
        name: _mean([score(dataset, make(seed)) for seed in range(seeds)])
        for name, make in makers.items()
    }


def _seeds(
    seeds: int, make: Callable[..., Head], patches: Iterable[Any], *of: object
) -> list[Head]:
    with ExitStack() as stack:
        for where, name, value in patches:
            stack.enter_context(patch.object(where, name, value))
        return [make(*of, seed) for seed in range(seeds)]


def _mean(scores: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([each[name] for each in scores])), 4) for name in scores[0]}


def main(options: argparse.Namespace) -> None:
    """Make or take a run, and compare on each of its backbones."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as scratch:
        run = options.run or make_run(Path(scratch), options)
        (directory,) = run.glob(".work/pipeline/*/split-dataset/dataset")
        result: dict[str, Any] = {}
        for backbone in options.backbones.split(","):
            dimension = dimension_of(directory / features_file(backbone))
            dataset = read_dataset(directory, backbone, dimension, options.augment_views)
            if options.augment_views:
                told = (options.epochs, options.seeds, options.augment_views)
                result[backbone] = compare_views(dataset, *told)
                continue
            result[backbone] = {
                name: compare(dataset, options.epochs, options.seeds, uneven=name == "uneven")
                for name in ("even", "uneven")
            }
    test = dataset.split == Split.TEST
    measured = {
        "benchmark": "heads",
        "people": len(dataset.classes.people),
        "train_frames": len(training_rows(dataset, uneven=False)),
        "test_frames": int((test & (dataset.person != STRANGER)).sum()),
        "epochs": options.epochs,
        "seeds": options.seeds,
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps({**measured, **result}))


def dimension_of(features: Path) -> int:
    """Length of the vectors in a file of features."""
    return pq.read_schema(features).field("feature").type.list_size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=12)
    parser.add_argument("--staff", type=int, default=4)
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--backbones", default="EfficientNetLite0")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cohort-seed", type=int, default=0, help="of the people")
    parser.add_argument("--augment-views", type=int, default=0, help="compare views instead")
    parser.add_argument("--run", type=Path, help="the output of a run with --keep; makes none then")
    main(parser.parse_args())
