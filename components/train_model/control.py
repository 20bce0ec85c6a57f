"""The negative control: the same training on labels that mean nothing has to score chance.

The labels of the people are permuted clip by clip, on both sides of the split. What a head learns
of one clip then says nothing of another, so that a test clip is told only by a head that has seen
it: because its frames or its label stood on the training side too. A score above chance is a leak
(Ojala and Garriga, Permutation Tests for Studying Classifier Performance, JMLR 11, 2010).

It does not see what all clips of a person share by mistake, say a feature that gives their number
away: to it that is a face. Nor does it see one clip under two names; the dataset's audit does.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from components.contracts import SIDES, Split
from components.evaluation.trials import pool
from components.model_directory import STRANGER
from components.train_model.dataset import Picked
from components.train_model.seeds import generator_for

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from components.train_model.dataset import Dataset
    from components.train_model.heads import Head

    Flags = npt.NDArray[np.bool_]
    Ints = npt.NDArray[np.integer]
    Words = npt.NDArray[np.str_]

LEVEL = 1e-4
"""How often a control without a leak may fail by accident: in at most one of 232 runs, then, one of
all 43 backbones does. A leak scores so far above chance that it is found all the same."""
DRAWS = 100_000
"""Of permutations: the ten most extreme lie outside of each end of the interval of chance."""
_LABELS_AT_ONCE = 1 << 20


def negative_control(
    dataset: Dataset, sides: Words, train: Callable[[Dataset], Head], seed: int, backbone: str
) -> dict[str, Any]:
    """Train on permuted labels, and score every clip of known people on the test side.

    Args:
        dataset: with the right labels.
        sides: on which each frame stands, [N].
        train: the training that is controlled, of a dataset that differs in the labels alone.
        seed: of the run.
        backbone: whose features they are.

    Returns:
        As in metrics.json: the `identity_accuracy` of `n` decisions, what `chance` gives on
        average, the `interval` it stays in, and whether the control `passed`, which is not above
        it. Where nobody is tested, nothing is known, and it has not passed.
    """
    generator = generator_for(seed, backbone, "negative control")
    known = (dataset.person != STRANGER) & np.isin(sides, SIDES)
    unit = units(dataset.clip_id[known], dataset.index[known], sides[known] == Split.TEST)
    person, role = dataset.person.copy(), dataset.role.copy()
    person[known] = permute(dataset.person[known], unit, sides[known], generator)
    role[known] = np.asarray(dataset.classes.role_of_person)[person[known]]
    head = train(dataclasses.replace(dataset, person=person, role=role))
    tested = sides[known] == Split.TEST
    test = np.flatnonzero(known)[tested]
    predicted = head.predict(Picked(dataset.features, test))["person"]
    _, first, group = np.unique(unit[tested], return_index=True, return_inverse=True)
    said = pool(predicted, group, len(first)).argmax(1)
    return judge(said, person[test][first], generator)


def units(clip_id: Words, index: Ints, is_test: Flags) -> Ints:
    """Number what has one label in the control, frame by frame [n]: the clips.

    A clip that was cut by time, so that all it gave to the test side lies before or after all it
    gave to the other sides, was cut on purpose: each of the two parts is one then. A clip whose
    frames stand on both sides in turn leaks, and stays one, so that its label leaks too.

    Args:
        clip_id: of each frame, [n].
        index: its number in the clip, [n].
        is_test: whether it stands on the test side, or else on one that is trained or judged on.
    """
    _, clip = np.unique(clip_id, return_inverse=True)
    order = np.lexsort((is_test, index, clip))
    ordered, side = clip[order], is_test[order]
    crossings = ordered[1:][(ordered[1:] == ordered[:-1]) & (side[1:] != side[:-1])]
    cut = np.bincount(crossings, minlength=len(clip)) == 1
    return np.unique(2 * clip + (is_test & cut[clip]), return_inverse=True)[1]


def permute(person: Ints, unit: Ints, sides: Words, generator: np.random.Generator) -> Ints:
    """Permute the labels of the units among those that stand on the same sides, [n].

    So every side keeps as many clips of each label as it had, and what is trained on differs from
    the real thing in nothing but what the labels mean. Without a leak the labels of the test side
    are independent of all that was trained on.
    """
    _, first = np.unique(unit, return_index=True)
    stands = np.zeros((len(first), len(SIDES)), np.int64)
    for number, side in enumerate(SIDES):
        stands[unit[sides == side], number] = 1
    pattern = stands @ (1 << np.arange(len(SIDES)))
    label = person[first]
    for each in np.unique(pattern):
        label[pattern == each] = generator.permutation(label[pattern == each])
    return label[unit]


def judge(said: Ints, person: Ints, generator: np.random.Generator) -> dict[str, Any]:
    """Hold decisions against labels that are independent of them, if nothing leaks.

    The interval of chance is that of the permutation test: how often the decisions, as they are,
    agree with the labels in a random order. It needs no assumption on how the decisions depend on
    each other, as those on several clips of one person do.

    Args:
        said: whom each decision names, [n].
        person: the label, permuted, [n].
        generator: of the draws.
    """
    n = len(said)
    if not n:
        unknown = dict.fromkeys(("identity_accuracy", "chance", "interval"))
        return {**unknown, "n": 0, "passed": False}
    accuracy = float((said == person).mean())
    low, high = np.quantile(
        _permuted_accuracies(said, person, generator), [LEVEL, 1 - LEVEL], method="inverted_cdf"
    )
    people = max(said.max(), person.max()) + 1
    counts = [np.bincount(each, minlength=people) / n for each in (said, person)]
    return {
        "identity_accuracy": accuracy,
        "n": n,
        "chance": float(counts[0] @ counts[1]),
        "interval": [float(low), float(high)],
        "passed": bool(accuracy <= high),
    }


def _permuted_accuracies(
    said: Ints, person: Ints, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    scores = np.empty(DRAWS)
    at_once = max(1, _LABELS_AT_ONCE // len(person))
    for start in range(0, DRAWS, at_once):
        part = scores[start : start + at_once]
        drawn = generator.permuted(np.tile(person, (len(part), 1)), axis=1)
        part[:] = (drawn == said).mean(1)
    return scores
