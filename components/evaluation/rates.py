"""Accuracies and error rates of trials on the test side, with what their number leaves open.

A rate without a trial is None, never 0. Intervals resample people, strangers too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluation.trials import STUDENT
from components.intervals import bootstrap_interval, upper_bound

if TYPE_CHECKING:
    import numpy.typing as npt

    from components.evaluation.threshold import Threshold
    from components.evaluation.trials import Flags, Trials


def accuracies(trials: Trials) -> dict[str, Any]:
    """Identity accuracy and role accuracy (student or not) of known people, without a threshold."""
    known = trials.where(~trials.is_stranger)
    return {
        "identity_accuracy": _share(known.is_right),
        "role_accuracy": _share(_is_role_right(known)),
        "n": len(known),
    }


def measure(trials: Trials, threshold: Threshold) -> dict[str, Any]:
    """All rates of one unit, as metrics.json has them under `frame` and `transaction`."""
    known = trials.where(~trials.is_stranger)
    return {
        **accuracies(trials),
        "identity_interval": interval_over_people(known.is_right, known.subject),
        "role_interval": interval_over_people(_is_role_right(known), known.subject),
        "student": student_errors(trials, threshold.value),
        "open_set": {
            "threshold": threshold.value,
            "basis": str(threshold.basis),
            "target_fpir": threshold.target_fpir,
            **open_set_errors(trials, threshold.value),
        },
    }


def open_set_errors(trials: Trials, threshold: float | None) -> dict[str, Any]:
    """FPIR, and FNIR at rank 1, at a threshold.

    FPIR: the share of searches by strangers that return a candidate at or above the threshold.
    FNIR(1, T): the share of known people's searches whose own candidate is not at rank 1, or is
    there below the threshold.

    ISO/IEC 19795-1:2021 defines the latter (3.22) as the "proportion of a specified set of
    identification transactions by capture subjects enrolled in the system for which the subject's
    correct reference identifier is not among those returned"; NIST's FRTE 1:N as the "proportion
    of mated searches failing to return the mate above threshold", and FPIR as the "proportion of
    non-mated searches producing one or more candidates above threshold".
    """
    strangers, known = trials.where(trials.is_stranger), trials.where(~trials.is_stranger)
    false_positive = strangers.is_known(threshold)
    false_negative = ~(known.is_right & known.is_known(threshold))
    return {
        "fpir": _share(false_positive),
        "fpir_n": len(strangers),
        "fpir_upper": _upper(false_positive, strangers.transaction),
        "fnir": _share(false_negative),
        "fnir_n": len(known),
        "fnir_interval": interval_over_people(false_negative, known.subject),
    }


def student_errors(trials: Trials, threshold: float | None) -> dict[str, Any]:
    """FMR and FNMR of the claim to be a student, as the robot decides it.

    FMR: the share of those who are none, strangers too, that it takes for a student it knows.
    FNMR: the share of students that it does not. The terms are those of a comparison of a sample
    with a claim (ISO/IEC 19795-1:2021); here the claim is a role, whoever of it.
    """
    is_student = ~trials.is_stranger & (trials.role == STUDENT)
    others, students = trials.where(~is_student), trials.where(is_student)
    false_match, false_non_match = others.is_let_in(threshold), ~students.is_let_in(threshold)
    return {
        "fmr": _share(false_match),
        "fmr_n": len(others),
        "fmr_upper": _upper(false_match, others.transaction),
        "fnmr": _share(false_non_match),
        "fnmr_n": len(students),
        "fnmr_interval": interval_over_people(false_non_match, students.subject),
    }


def stranger_counts(trials: Trials, threshold: float | None) -> dict[str, int]:
    """How many strangers stood before it, and how many it took for a student it knows."""
    let_in = trials.is_let_in(threshold)[trials.is_stranger]
    return {"n": len(let_in), "taken_for_student": int(let_in.sum())}


def interval_over_people(flags: Flags, subject: npt.NDArray[np.int32]) -> list[float] | None:
    """The interval of a share as JSON has it, by resampling people; None without a trial."""
    ends = bootstrap_interval(flags, subject)
    return None if ends is None else list(ends)


def _is_role_right(known: Trials) -> Flags:
    return (known.predicted_role == STUDENT) == (known.role == STUDENT)


def _share(flags: Flags) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _upper(errors: Flags, transaction: npt.NDArray[np.str_]) -> float | None:
    """The bound of a rate, counting a transaction as one trial: its frames are near copies."""
    if not len(errors):
        return None
    trials = len(np.unique(transaction))
    return upper_bound(math.ceil(errors.mean() * trials - 1e-9), trials)
