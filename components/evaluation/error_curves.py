"""How errors of the test side trade off as the threshold moves, and where the scores lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluation.trials import STUDENT
from components.model_directory import Role

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.evaluation.trials import Floats, Trials

    Counts = npt.NDArray[np.intp]

MOST_POINTS = 200
"""Of a curve: more than a chart can show, and few enough for the metadata of a task."""
SCORE_BINS = 20


def det_points(trials: Trials) -> list[list[float]] | None:
    """[threshold, FPIR, FNIR(1, T)] by rising threshold; None without a stranger or a known person.

    Martin, Doddington, Kamm, Ordowski and Przybocki, The DET Curve in Assessment of Detection Task
    Performance, Eurospeech 1997; for identification as in ISO/IEC 19795-1:2021.
    """
    strangers = trials.score[trials.is_stranger]
    known = trials.where(~trials.is_stranger)
    if not len(strangers) or not len(known):
        return None
    thresholds = _thresholds(trials.score)
    false_positives = _reaching(strangers, thresholds)
    hits = _reaching(known.score[known.is_right], thresholds)
    kept = _corners(false_positives, hits)
    points = (thresholds, false_positives / len(strangers), 1 - hits / len(known))
    return np.column_stack(points)[kept].tolist()


def roc_points(trials: Trials) -> dict[str, list[float]]:
    """FMR and TMR (1 - FNMR) of students against all others as their `student_score` is asked more.

    By falling threshold, from nobody taken for a student to everybody. Empty where there are no
    students or no others.
    """
    is_student = ~trials.is_stranger & (trials.role == STUDENT)
    students, others = trials.student_score[is_student], trials.student_score[~is_student]
    if not len(students) or not len(others):
        return {"fmr": [], "tmr": [], "threshold": []}
    thresholds = _thresholds(trials.student_score)[::-1]
    false_matches, true_matches = _reaching(others, thresholds), _reaching(students, thresholds)
    kept = _corners(false_matches, true_matches)
    return {
        "fmr": (false_matches[kept] / len(others)).tolist(),
        "tmr": (true_matches[kept] / len(students)).tolist(),
        "threshold": thresholds[kept].tolist(),
    }


def score_histogram(trials: Trials) -> dict[str, Any]:
    """Counts of scores in SCORE_BINS equal bins from 0 to 1, of each role and of strangers."""
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    groups = {
        str(role): ~trials.is_stranger & (trials.role == number) for number, role in enumerate(Role)
    }
    groups["stranger"] = trials.is_stranger
    # Rounding lets a sum of probabilities, and so one of them, be a little more than 1.
    scores = np.minimum(trials.score, 1)
    counts = {name: np.histogram(scores[mask], edges)[0].tolist() for name, mask in groups.items()}
    return {"edges": edges.tolist(), **counts}


def _thresholds(scores: Floats) -> Floats:
    """Every score, rising, and one that none reaches: finite, as JSON has no infinity."""
    distinct = np.unique(scores)
    return np.append(distinct, np.nextafter(distinct[-1], np.float32(np.inf)))


def _reaching(scores: Floats, thresholds: Floats) -> Counts:
    """How many scores are at or above each threshold."""
    return len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")


def _corners(across: Counts, up: Counts) -> Counts:
    """Which points draw the same lines as all do; of too many, MOST_POINTS evenly among them."""
    turns = (np.diff(across, 2) != 0) | (np.diff(up, 2) != 0)
    kept = np.flatnonzero(np.concatenate([[True], turns, [True]]))
    if len(kept) > MOST_POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_POINTS).round().astype(int)]
    return kept
