"""Who is recognised and who is not: by role, by person, and who is taken for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluation.rates import interval_over_people

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.evaluation.trials import Trials
    from components.model_directory import Classes


def role_rows(trials: Trials, classes: Classes, threshold: float | None) -> list[dict[str, Any]]:
    """A row a role of the people the model knows; `rejected` are those it takes for unknown."""
    return [
        {
            "role": role,
            "people": len(np.unique(own.subject)),
            "n": len(own),
            "identity_accuracy": float(own.is_right.mean()) if len(own) else None,
            "identity_interval": interval_over_people(own.is_right, own.subject),
            "rejected": int((~own.is_known(threshold)).sum()),
        }
        for number, role in enumerate(classes.roles)
        for own in [trials.where(~trials.is_stranger & (trials.role == number))]
    ]


def person_rows(trials: Trials, classes: Classes, threshold: float | None) -> list[dict[str, Any]]:
    """A row a person the model knows and was tested on, the worst first.

    `right` counts the trials with them at rank 1 whatever the score, `rejected` those below the
    threshold; `mistaken_for` is the person they are most often taken for otherwise.
    """
    rows = [
        {
            "person": classes.people[person],
            "role": classes.roles[classes.role_of_person[person]],
            "n": len(own),
            "right": int(own.is_right.sum()),
            "rejected": int((~own.is_known(threshold)).sum()),
            "mistaken_for": _mistaken_for(own, classes),
        }
        for person in np.unique(trials.person[~trials.is_stranger]).tolist()
        for own in [trials.where(trials.person == person)]
    ]
    return sorted(rows, key=lambda row: (row["right"] / row["n"], -row["rejected"], row["person"]))


def _mistaken_for(own: Trials, classes: Classes) -> str | None:
    others, times = np.unique(own.predicted[~own.is_right], return_counts=True)
    return classes.people[others[times.argmax()]] if len(others) else None


def confusions(trials: Trials, classes: Classes) -> dict[str, Any]:
    """Counts of true (row) against predicted (column), of roles (strangers too) and of people."""
    known = trials.where(~trials.is_stranger)
    return {
        "roles": {
            "labels": list(classes.roles),
            "matrix": _confusion(trials.role, trials.predicted_role, len(classes.roles)),
        },
        "people": {
            "labels": list(classes.people),
            "matrix": _confusion(known.person, known.predicted, len(classes.people)),
        },
    }


def _confusion(
    truth: npt.NDArray[np.int32], predicted: npt.NDArray[np.int32], size: int
) -> list[list[int]]:
    matrix = np.zeros((size, size), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    counts: list[list[int]] = matrix.tolist()
    return counts
