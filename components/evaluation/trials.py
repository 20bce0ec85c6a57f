"""The decision rule: what a model says of frames, pooled into transactions, and what that comes to.

A transaction is what one decision is made on: a clip, a block of one, or a folder of stills. Its
frames are pooled, and its score is the largest pooled probability of a person. Below the threshold
it is nobody the model knows; else it is that person, and a student if the pooled role says so.

Needs NumPy alone. Of the largest array, the probabilities, no copy is made but of a chunk.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from components.model_directory import STRANGER, Role

if TYPE_CHECKING:
    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float32]
    Labels32 = npt.NDArray[np.int32]

SMALLEST_PROBABILITY = 1e-7
"""A frame that gives somebody less counts as giving this: 0 would veto all other frames."""
STUDENT = list(Role).index(Role.STUDENT)
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Predicted:
    """What a model says of n frames, or of n transactions.

    Attributes:
        person: probabilities [n, people], 4 bytes each: 160 MB for 20,000 frames of 2,000 people.
        role: probabilities [n, roles].
    """

    person: Floats
    role: Floats


@dataclass(frozen=True)
class Labels:
    """What n frames are.

    Attributes:
        transaction: which frames are pooled into one decision, str [n].
        split: the side on which each stands, str [n]; the same within a transaction.
        subject: numbers the people, strangers too, [n].
        person: an index into the classes' people, or STRANGER, [n].
        role: an index into the classes' roles, [n].
    """

    transaction: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]
    subject: Labels32
    person: Labels32
    role: Labels32


@dataclass(frozen=True)
class Trials(Labels):
    """n decisions beside the truth, of frames or of transactions.

    Attributes:
        predicted: the likeliest person, whatever the score, [n].
        score: their probability, [n].
        predicted_role: the likeliest role, [n]; with a tie no student.
        student_score: the probability of the role student, [n].
        frames: how many frames were pooled, [n].
    """

    predicted: Labels32
    score: Floats
    predicted_role: Labels32
    student_score: Floats
    frames: Labels32

    def __len__(self) -> int:
        """How many."""
        return len(self.person)

    def where(self, mask: Flags) -> Trials:
        """Some of them."""
        return Trials(**{each.name: getattr(self, each.name)[mask] for each in fields(self)})

    @property
    def is_stranger(self) -> Flags:
        """Whose person the model cannot know [n]."""
        return self.person == STRANGER

    @property
    def is_right(self) -> Flags:
        """Whose person is the likeliest, whatever the score [n]."""
        return self.predicted == self.person

    def is_known(self, threshold: float | None) -> Flags:
        """Whom the model takes for somebody it knows [n]: everybody, without a threshold."""
        return self.score >= (0.0 if threshold is None else threshold)

    def is_let_in(self, threshold: float | None) -> Flags:
        """Whom the model takes for a student it knows [n]."""
        return self.is_known(threshold) & (self.predicted_role == STUDENT)


def decide(labels: Labels, predicted: Predicted) -> Trials:
    """Decide on each frame by itself."""
    return _decide(labels, predicted, np.ones(len(labels.person), np.int32))


def decide_pooled(labels: Labels, predicted: Predicted) -> Trials:
    """Decide on each transaction, in the order of their names."""
    _, first, group = np.unique(labels.transaction, return_index=True, return_inverse=True)
    pooled = Predicted(
        pool(predicted.person, group, len(first)), pool(predicted.role, group, len(first))
    )
    whole = Labels(**{each.name: getattr(labels, each.name)[first] for each in fields(Labels)})
    return _decide(whole, pooled, np.bincount(group, minlength=len(first)).astype(np.int32))


def pool(probabilities: Floats, group: npt.NDArray[np.intp], groups: int) -> Floats:
    """Pool the rows of each group by their mean log-probability, renormalised.

    The product rule of Kittler, Hatef, Duin and Matas (On Combining Classifiers, IEEE Trans. PAMI
    20(3), 1998), with the exponent 1/n so that near copies do not add up to certainty.

    Args:
        probabilities: [n, K].
        group: of each row, 0 to groups - 1, [n]; each has a row.
        groups: how many there are.

    Returns:
        Probabilities [groups, K].
    """
    logs = np.zeros((groups, probabilities.shape[1]))
    for start in range(0, len(group), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        np.add.at(logs, group[rows], np.log(np.maximum(probabilities[rows], SMALLEST_PROBABILITY)))
    pooled = np.exp(logs / np.bincount(group, minlength=groups)[:, None])
    return (pooled / pooled.sum(1, keepdims=True)).astype(np.float32)


def _decide(labels: Labels, predicted: Predicted, frames: Labels32) -> Trials:
    # The last of equal roles: student is the first, and a doubt is to let nobody in.
    roles = predicted.role.shape[1]
    return Trials(
        **vars(labels),
        predicted=predicted.person.argmax(1).astype(np.int32),
        score=predicted.person.max(1),
        predicted_role=(roles - 1 - predicted.role[:, ::-1].argmax(1)).astype(np.int32),
        student_score=predicted.role[:, STUDENT],
        frames=frames,
    )
