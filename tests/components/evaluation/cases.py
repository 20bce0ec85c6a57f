"""Trials that nobody made, for the tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from components.contracts import Split
from components.evaluation.evaluate import Evaluation, evaluate
from components.evaluation.trials import Labels, Predicted, Trials
from components.model_directory import STRANGER, Classes

CLASSES = Classes(("a", "b", "c"), (0, 1, 0))  # a and c are students, b is staff
MEMBER = np.eye(3, dtype=np.float32)[list(CLASSES.role_of_person)]


def labels(person, transaction=None, split=Split.TEST) -> Labels:
    """Frames of these people (indices, or STRANGER, a visitor); each is its own transaction."""
    person = np.array(person, np.int32)
    roles = [CLASSES.role_of_person[each] if each != STRANGER else 2 for each in person]
    names = [f"t{number:03}" for number in range(len(person))]
    return Labels(
        np.array(names if transaction is None else transaction),
        np.array([split] * len(person) if isinstance(split, str) else split),
        person + 1,
        person,
        np.array(roles, np.int32),
    )


def predicted(probabilities) -> Predicted:
    """Probabilities of people [n, 3]; those of the roles are their sums."""
    person = np.array(probabilities, np.float32).reshape(-1, 3)
    return Predicted(person, person @ MEMBER)


def trials(person, guess, score, subject=None, **columns) -> Trials:
    """Decisions with these outcomes; the role is that of the guess, and its score the same."""
    known = labels(person)
    guess = np.array(guess, np.int32)
    score = np.array(score, np.float32)
    role = np.array(CLASSES.role_of_person, np.int32)[guess]
    found = {
        "predicted": guess,
        "score": score,
        "predicted_role": role,
        "student_score": np.where(role == 0, score, 1 - score).astype(np.float32),
        "frames": np.ones(len(guess), np.int32),
    }
    numbers = known.subject if subject is None else np.array(subject, np.int32)
    return Trials(**{**vars(known), "subject": numbers, **found, **columns})


OUTCOMES = st.lists(
    st.tuples(st.integers(STRANGER, 2), st.integers(0, 2), st.sampled_from(np.linspace(0, 1, 21))),
    min_size=1,
    max_size=30,
)
"""Whose each trial is, whom the model takes them for, and the score, with ties."""


def trials_of(outcomes) -> Trials:
    """The trials of drawn OUTCOMES."""
    return trials(*zip(*outcomes, strict=True))


SURE, DOUBTFUL = [0.8, 0.1, 0.1], [0.4, 0.3, 0.3]
SIDES = [Split.CALIBRATION] * 6 + [Split.TEST] * 6
FRAMES = labels(
    person=[0, 0, 0, 0, STRANGER, STRANGER] * 2,
    transaction=[f"{side}-{number // 2}" for number, side in enumerate(SIDES)],
    split=SIDES,
)
"""On each side two transactions of person a and one of a stranger, each of two frames."""
PREDICTED = predicted([SURE, SURE, SURE, DOUBTFUL, DOUBTFUL, [0.5, 0.25, 0.25]] * 2)


def some(mask) -> tuple[Labels, Predicted]:
    """Some of FRAMES with what is predicted for them."""
    own = Labels(**{name: values[mask] for name, values in vars(FRAMES).items()})
    return own, Predicted(PREDICTED.person[mask], PREDICTED.role[mask])


NOBODY = some(np.zeros(len(SIDES), bool))
WITHOUT_STRANGERS = some(FRAMES.person != STRANGER)


def evaluated(frames=FRAMES, scores=PREDICTED, target_fpir=0.01) -> Evaluation:
    """The evaluation of a model that says `scores` of `frames`."""
    return evaluate(frames, scores, CLASSES, temperature=2.0, target_fpir=target_fpir)
