"""Scores of a head on the test side, per frame and per transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.model_directory import STRANGER, Role

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.model_directory import Classes

SMALLEST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Scored:
    """Decisions to score: n frames, or n transactions.

    Attributes:
        person: true person [n], or STRANGER.
        role: true role [n].
        person_probabilities: [n, people].
        role_probabilities: [n, roles].
    """

    person: npt.NDArray[np.int32]
    role: npt.NDArray[np.int32]
    person_probabilities: npt.NDArray[np.float32]
    role_probabilities: npt.NDArray[np.float32]

    def where(self, mask: npt.NDArray[np.bool_]) -> Scored:
        """Some of them."""
        return Scored(
            self.person[mask],
            self.role[mask],
            self.person_probabilities[mask],
            self.role_probabilities[mask],
        )

    @property
    def is_stranger(self) -> npt.NDArray[np.bool_]:
        """Whose person the model cannot know [n]."""
        return self.person == STRANGER

    @property
    def taken_for_student(self) -> npt.NDArray[np.bool_]:
        """Who is more likely a student than anything else [n]; a tie is no student."""
        student = list(Role).index(Role.STUDENT)
        others = np.delete(self.role_probabilities, student, axis=1)
        return self.role_probabilities[:, student] > others.max(1)


def pool(frames: Scored, transaction: npt.NDArray[np.str_]) -> Scored:
    """Pool the frames of each transaction by their mean log-probability, renormalised.

    The product rule of Kittler, Hatef, Duin and Matas (On Combining Classifiers, IEEE Trans. PAMI
    20(3), 1998), with the exponent 1/n so that near copies do not add up to certainty.
    """
    _, first, inverse = np.unique(transaction, return_index=True, return_inverse=True)
    return Scored(
        frames.person[first],
        frames.role[first],
        _mean_log(frames.person_probabilities, inverse, len(first)),
        _mean_log(frames.role_probabilities, inverse, len(first)),
    )


def _mean_log(
    probabilities: npt.NDArray[np.float32], group: npt.NDArray[np.intp], groups: int
) -> npt.NDArray[np.float32]:
    logs = np.zeros((groups, probabilities.shape[1]))
    np.add.at(logs, group, np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)))
    pooled = np.exp(logs / np.bincount(group, minlength=groups)[:, None])
    return (pooled / pooled.sum(1, keepdims=True)).astype(np.float32)


def accuracies(scored: Scored) -> dict[str, Any]:
    """Identity accuracy, and role accuracy (student or not), of the people it was trained on."""
    known = scored.where(~scored.is_stranger)
    if not len(known.person):
        return {"identity_accuracy": None, "role_accuracy": None, "n": 0}
    is_student = known.role == list(Role).index(Role.STUDENT)
    return {
        "identity_accuracy": float((known.person_probabilities.argmax(1) == known.person).mean()),
        "role_accuracy": float((known.taken_for_student == is_student).mean()),
        "n": len(known.person),
    }


def stranger_counts(scored: Scored) -> dict[str, int]:
    """How many strangers stood before it, and how many it took for a student."""
    strangers = scored.where(scored.is_stranger)
    return {"n": len(strangers.person), "taken_for_student": int(strangers.taken_for_student.sum())}


def confusions(scored: Scored, classes: Classes) -> dict[str, Any]:
    """Counts of true (row) against predicted (column), of roles (strangers too) and of people."""
    known = scored.where(~scored.is_stranger)
    return {
        "roles": {
            "labels": list(classes.roles),
            "matrix": _confusion(scored.role, scored.role_probabilities),
        },
        "people": {
            "labels": list(classes.people),
            "matrix": _confusion(known.person, known.person_probabilities),
        },
    }


def _confusion(
    truth: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]
) -> list[list[int]]:
    size = probabilities.shape[1]
    matrix = np.zeros((size, size), np.int64)
    np.add.at(matrix, (truth, probabilities.argmax(1)), 1)
    counts: list[list[int]] = matrix.tolist()
    return counts
