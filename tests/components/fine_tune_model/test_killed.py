"""A fine-tuning that is killed loses a few steps; its end is as if nothing had been."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import KILLS
from tests.kills import ANY_TIME, CHECKPOINT, CHECKPOINT_EVERY, OUTPUT, Attempt, count_lost


@pytest.fixture(scope="module")
def result():
    command = [sys.executable, "-m", "tests.kills", str(KILLS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=280)
    print("\n".join(["", *done.stdout.splitlines()[:-1]]))
    return json.loads(done.stdout.splitlines()[-1])


def test_it_was_killed_as_often_as_it_was_to_be(result):
    killed = [each["moment"] for each in result["attempts"] if not each["ended_first"]]
    assert len(killed) == KILLS
    assert set(killed) >= {ANY_TIME, CHECKPOINT, OUTPUT}


def test_no_kill_costs_more_than_the_steps_between_two_checkpoints(result):
    assert 0 <= max(each["lost"] for each in result["attempts"]) <= CHECKPOINT_EVERY


def test_it_ends_with_the_same_weights_metrics_and_curves_bit_by_bit(result):
    assert result["same"]
    assert all(result["same"])


def test_no_checkpoint_is_left_when_it_has_ended(result):
    assert result["checkpoints_left"] == 0


def test_what_is_lost_is_what_the_next_attempt_has_to_do_again():
    attempts = [
        Attempt(ANY_TIME, 1.0, 0, 7, ended_first=False),
        Attempt(ANY_TIME, 1.0, None, None, ended_first=False),
        Attempt(ANY_TIME, 1.0, 4, 9, ended_first=False),
    ]
    count_lost(attempts, 8)
    assert [each.lost for each in attempts] == [0, 3, 1]
