"""What is supposed of a cluster is checked before anything is drawn."""

from __future__ import annotations

import math

import pytest

from components.errors import RollcallError
from pipelines.scenario import MOST_RUNS, Scenario


def test_what_can_be_stays_as_it_is():
    assert Scenario(at_once=3).checked() == Scenario(at_once=3)


@pytest.mark.parametrize(
    "changes",
    [
        {"evictions_per_hour": -1.0},
        {"evictions_per_hour": math.nan},
        {"startup_s": math.inf},
        {"checkpoint_s": -1.0},
        {"work_factor": -1.0},
        {"runs": 0},
        {"runs": MOST_RUNS + 1},
    ],
)
def test_what_cannot_be_is_refused(changes):
    with pytest.raises(RollcallError, match=r"numbers from 0|--runs is"):
        Scenario(**changes).checked()
