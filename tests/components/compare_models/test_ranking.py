"""Who is tied with whom, what decides among the tied, and what the others lacked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.artifacts import read_json
from components.compare_models.preference import Prefer
from components.compare_models.ranking import Trials, rank, read_trials
from components.errors import ContractError
from components.intervals import paired_difference
from components.model_directory import METRICS_FILE
from tests.components.compare_models.finished_run import succeeded, write_model

PEOPLE = 20


def trials(wrong=(), people=PEOPLE):
    right = np.array([person not in wrong for person in range(people)])
    ids = np.array([f"clip{person:03}/test" for person in range(people)])
    return Trials(ids, np.arange(people), right)


def model(name, wrong=(), **more):
    return succeeded(name, transaction=(PEOPLE - len(wrong), PEOPLE), **more), trials(wrong)


def ranked(*models, prefer=Prefer.LATENCY):
    rows, decided_by = rank(
        [row for row, _ in models], {row["name"]: own for row, own in models}, prefer
    )
    return rows, decided_by


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_the_fastest_of_the_tied_beats_the_most_accurate():
    rows, decided_by = ranked(model("Big", [0], p50=80.0), model("Small", [0, 1], p50=8.0))
    assert [row["name"] for row in rows] == ["Small", "Big"]
    assert decided_by == "latency"
    assert by_name(rows)["Big"]["lacked"] == "72.0 ms slower"
    assert by_name(rows)["Small"]["lacked"] is None


def test_a_model_that_is_worse_by_more_than_chance_is_not_tied_however_fast_it_is():
    rows, decided_by = ranked(model("Good", p50=80.0), model("Fast", range(8), p50=1.0))
    assert [row["name"] for row in rows] == ["Good", "Fast"]
    assert decided_by == "accuracy"
    assert not by_name(rows)["Fast"]["tied"]


def test_what_a_worse_model_lacked_is_told_with_its_interval():
    rows, _ = ranked(model("Good"), model("Bad", range(8)))
    own = trials(range(8))
    _, (low, high) = paired_difference(trials().right, own.right, own.subject)
    bad = by_name(rows)["Bad"]
    assert bad["difference"] == {"value": pytest.approx(0.4), "interval": [low, high]}
    assert bad["lacked"] == f"worse by 40.0 points ({low * 100:.1f} to {high * 100:.1f})"


def test_the_same_difference_tells_more_where_both_mistake_the_same_people():
    """Six more mistakes of 20 each time; only with other people among them is that chance."""
    same, _ = ranked(model("Good", [0]), model("Bad", range(7)))
    other, _ = ranked(model("Good", [19, 18, 17]), model("Bad", range(9)))
    assert not by_name(same)["Bad"]["tied"]
    assert by_name(other)["Bad"]["tied"]


def test_trials_of_one_person_count_as_one():
    """Eight mistakes are chance when all of them are one person's."""
    good, bad = succeeded("Good", transaction=(20, 20)), succeeded("Bad", transaction=(12, 20))
    subject = np.array([0] * 8 + list(range(1, 13)))
    ids = np.array([f"{number:02}" for number in range(20)])
    own = {
        "Good": Trials(ids, subject, np.ones(20, bool)),
        "Bad": Trials(ids, subject, np.arange(20) >= 8),
    }
    rows, _ = rank([good, bad], own, Prefer.LATENCY)
    assert by_name(rows)["Bad"]["tied"]


@pytest.mark.parametrize(
    ("prefer", "winner", "decided_by", "lacked"),
    [
        (Prefer.LATENCY, "Quick", "latency", "2.00 ms slower"),
        (Prefer.SIZE, "Small", "size", "1.00 MB larger"),
        (Prefer.ACCURACY, "Right", "transaction_accuracy", "5.0 points fewer transactions right"),
    ],
)
def test_what_is_preferred_decides_among_the_tied(prefer, winner, decided_by, lacked):
    rows, decided = ranked(
        model("Quick", [0, 1], p50=6.0, size_bytes=9_000_000),
        model("Small", [0, 1], p50=9.0, size_bytes=8_000_000),
        model("Right", [0], p50=8.0, size_bytes=9_000_000),
        prefer=prefer,
    )
    assert all(row["tied"] for row in rows)
    assert (rows[0]["name"], decided) == (winner, decided_by)
    assert rows[1]["lacked"] == lacked


@pytest.mark.parametrize(
    ("better", "decided_by", "lacked"),
    [
        ({"p50": 7.0}, "latency", "1.00 ms slower"),
        ({"frame": (360, 400)}, "frame_accuracy", "2.5 points fewer frames right"),
        ({}, "name", "nothing but an earlier name"),
    ],
)
def test_equals_are_told_apart_by_the_next_criterion(better, decided_by, lacked):
    rows, decided = ranked(model("B"), model("A", **better))
    assert [row["name"] for row in rows] == ["A", "B"]
    assert (decided, rows[1]["lacked"]) == (decided_by, lacked)


def test_a_single_model_wins_without_a_rival():
    rows, decided_by = ranked(model("A", [0]))
    assert decided_by == "only_model"
    assert rows[0]["tied"]
    assert rows[0]["difference"] == {"value": 0.0, "interval": [0.0, 0.0]}


def test_without_models_nothing_decided():
    assert ranked() == ([], None)


def test_models_that_were_tested_on_other_transactions_are_not_compared():
    row, own = model("B")
    moved = Trials(own.transaction[::-1], own.subject, own.right)
    with pytest.raises(ContractError, match="B was tested on other transactions"):
        ranked(model("A"), (row, moved))


def test_transactions_that_give_another_accuracy_than_the_metrics_are_refused():
    row, _ = model("A", [0])
    with pytest.raises(ContractError, match="another accuracy"):
        ranked((row, trials([0, 1])))


def test_only_known_people_on_the_test_side_are_compared(tmp_path):
    folder = write_model(tmp_path / "A", succeeded("A"), wrong=[3])
    own = read_trials(folder)
    metrics = read_json(folder / METRICS_FILE)["transaction"]
    assert len(own.right) == metrics["n"]
    assert own.right.sum() == metrics["n"] - 1


MODELS = st.lists(
    st.builds(
        lambda wrong, p50, size: (wrong, p50, size),
        st.sets(st.integers(0, PEOPLE - 1), max_size=12),
        st.sampled_from([1.0, 9.5]),
        st.sampled_from([1_000_000, 2_000_000]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25)
@given(MODELS, st.sampled_from(Prefer), st.randoms(use_true_random=False))
def test_whatever_is_compared_the_order_is_by_the_rule(drawn, prefer, random):
    models = [
        model(f"M{number}", sorted(wrong), p50=p50, size_bytes=size)
        for number, (wrong, p50, size) in enumerate(drawn)
    ]
    rows, decided_by = ranked(*models, prefer=prefer)
    again, _ = ranked(*random.sample(models, len(models)), prefer=prefer)
    assert rows == again, "whatever the order they come in"
    tied = [row["tied"] for row in rows]
    assert tied == sorted(tied, reverse=True), "the tied stand before the others"
    best = max(row["transaction"]["identity_accuracy"] for row in rows)
    assert any(row["tied"] and row["transaction"]["identity_accuracy"] == best for row in rows), (
        "the most accurate is tied with itself"
    )
    assert [row["name"] for row in rows if row["lacked"] is None] == [rows[0]["name"]]
    assert (decided_by == "accuracy") == (sum(tied) == 1 < len(rows))
