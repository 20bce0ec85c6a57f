"""The negative control passes whatever honest split there is, and fails where something leaks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import Split
from components.model_directory import STRANGER, Classes
from components.train_model.control import judge, negative_control, permute, units
from components.train_model.dataset import Dataset, Picked
from components.train_model.heads import Rows, train_head

PEOPLE, DIMENSION, FRAMES = 12, 64, 12
CLASSES = Classes(tuple(f"p{n}" for n in range(PEOPLE)), tuple(n % 3 for n in range(PEOPLE)))
TRAIN, CALIBRATION, TEST, GAP = (
    side.value for side in (Split.TRAIN, Split.CALIBRATION, Split.TEST, Split.GAP)
)
BLOCKS = [TRAIN] * 6 + [CALIBRATION] * 2 + [GAP] + [TEST] * 3


def cohort(seed: int, sides_of_sessions: list[list[str]]) -> Dataset:
    """A clip a session of everybody, as many frames as `sides` has, all of them near copies."""
    generator = np.random.default_rng(seed)
    sides = np.array(sides_of_sessions)
    sessions = len(sides)
    person = np.repeat(np.arange(PEOPLE, dtype=np.int32), sessions * FRAMES)
    clip = np.repeat(np.arange(PEOPLE * sessions), FRAMES)
    faces, clips, frames = (
        scale * generator.normal(size=(count, DIMENSION))
        for scale, count in ((1.0, PEOPLE), (1.0, PEOPLE * sessions), (0.1, len(person)))
    )
    return Dataset(
        classes=CLASSES,
        features=(faces[person] + clips[clip] + frames).astype(np.float16),
        person=person,
        role=np.array(CLASSES.role_of_person, np.int32)[person],
        split=np.tile(sides.ravel(), PEOPLE),
        random_split=generator.permutation(np.tile(sides.ravel(), PEOPLE)),
        transaction=np.char.add("t", clip.astype(str)),
        clip_id=np.char.add("c", clip.astype(str)),
        person_id=np.char.add("p", person.astype(str)),
        index=np.tile(np.arange(FRAMES, dtype=np.int32), PEOPLE * sessions),
    )


def by_session(seed: int) -> Dataset:
    return cohort(seed, [[TRAIN] * 8 + [CALIBRATION] * 4, [TEST] * FRAMES])


def control(dataset: Dataset, sides: np.ndarray, seed: int = 0, *, also: str = TRAIN):
    """The control of a training on the training side, and on the side `also` by mistake."""

    def rows(relabelled: Dataset, wanted: np.ndarray) -> Rows:
        picked = np.flatnonzero(wanted & (relabelled.person != STRANGER))
        return Rows(Picked(relabelled.features, picked), relabelled.person[picked], len(picked))

    def train(relabelled: Dataset):
        learnt = rows(relabelled, np.isin(sides, (TRAIN, also)))
        judged = rows(relabelled, sides == CALIBRATION)
        return train_head(learnt, judged, relabelled.classes, epochs=1, seed=seed)

    return negative_control(dataset, sides, train, seed, "Tiny")


@pytest.mark.parametrize(
    "sessions",
    [
        pytest.param([[TRAIN] * 8 + [CALIBRATION] * 4, [TEST] * FRAMES], id="two sessions"),
        pytest.param(
            [[TRAIN] * FRAMES, [TRAIN] * FRAMES, [CALIBRATION] * FRAMES, [TEST] * FRAMES],
            id="four sessions",
        ),
        pytest.param([BLOCKS], id="one clip cut by time"),
        pytest.param([BLOCKS, BLOCKS], id="several clips cut by time"),
        pytest.param([[TRAIN] * FRAMES, [TEST] * FRAMES, [TEST] * FRAMES], id="tested twice"),
    ],
)
def test_an_honest_split_passes_whatever_the_seed(sessions):
    for seed in range(6):
        dataset = cohort(seed, sessions)
        assert control(dataset, dataset.split, seed)["passed"]


def test_an_honest_split_scores_chance_on_average():
    scores = [control(by_session(seed), by_session(seed).split, seed) for seed in range(20)]
    mean = np.mean([score["identity_accuracy"] for score in scores])
    assert mean == pytest.approx(1 / PEOPLE, abs=0.06)  # three standard errors


def test_a_random_split_of_frames_is_caught():
    for seed in range(5):
        dataset = by_session(seed)
        found = control(dataset, dataset.random_split, seed)
        assert not found["passed"]
        assert found["identity_accuracy"] > 0.9


def test_frames_of_the_test_clips_on_the_training_side_are_caught():
    dataset = by_session(0)
    sides = np.where((dataset.split == TEST) & (dataset.index % 2 == 0), TRAIN, dataset.split)
    assert not control(dataset, sides)["passed"]


def test_frames_that_stand_on_both_sides_are_caught():
    dataset = by_session(0)
    twice = np.concatenate([np.arange(len(dataset.person)), np.flatnonzero(dataset.split == TEST)])
    columns = {
        field.name: getattr(dataset, field.name)[twice]
        for field in dataclasses.fields(dataset)
        if field.name not in {"classes", "view_of"}
    }
    sides = columns["split"].copy()
    sides[len(dataset.person) :] = TRAIN
    assert not control(Dataset(CLASSES, **columns), sides)["passed"]


def test_a_training_that_reads_the_test_side_is_caught():
    dataset = by_session(0)
    assert not control(dataset, dataset.split, also=TEST)["passed"]


def test_it_is_the_same_whenever_it_is_run():
    dataset = by_session(1)
    assert control(dataset, dataset.split, 4) == control(dataset, dataset.split, 4)


def test_nobody_who_is_unknown_to_the_model_is_scored():
    dataset = by_session(1)
    strangers = np.where(dataset.person < 2, np.int32(STRANGER), dataset.person)
    found = control(dataclasses.replace(dataset, person=strangers), dataset.split)
    assert found["n"] == PEOPLE - 2


def test_where_nobody_is_tested_it_has_not_passed():
    dataset = by_session(0)
    sides = np.where(dataset.split == TEST, GAP, dataset.split)
    found = control(dataset, sides)
    assert (found["n"], found["identity_accuracy"], found["passed"]) == (0, None, False)


def test_a_clip_cut_by_time_is_two_units_and_one_that_is_mixed_is_one():
    clip = np.repeat(["cut", "mixed", "whole"], 4)
    is_test = np.array([0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1], bool)
    found = units(clip, np.tile(np.arange(4), 3), is_test)
    assert found.tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]


@given(st.integers(0, 2**32), st.lists(st.sampled_from([TRAIN, TEST]), min_size=2, max_size=20))
def test_every_side_keeps_as_many_clips_of_a_label_as_it_had(seed, sides_of_units):
    generator = np.random.default_rng(seed)
    person = generator.integers(0, 4, len(sides_of_units))
    unit = np.repeat(np.arange(len(person)), 3)
    sides = np.repeat(sides_of_units, 3)
    found = permute(person[unit], unit, sides, generator)
    assert (found.reshape(-1, 3) == found[::3, None]).all()
    for side in (TRAIN, TEST):
        assert sorted(found[sides == side]) == sorted(person[unit][sides == side])


@pytest.mark.parametrize(("people", "high"), [(6, 1.0), (8, 6 / 8)])
def test_the_interval_of_chance_is_that_of_a_random_order(people, high):
    # All of 6 agree in 1 of 720 orders. All of 8 do in 1 of 40,320; 6 and more in 29 of them.
    everybody = np.arange(people)
    found = judge(everybody, everybody, np.random.default_rng(0))
    assert found["interval"] == [0.0, high]
    assert found["chance"] == pytest.approx(1 / people)
    assert found["passed"] == (people == 6)


def test_decisions_that_always_name_the_same_person_have_no_spread():
    found = judge(np.zeros(9, int), np.repeat([0, 1, 2], 3), np.random.default_rng(0))
    assert found["interval"] == [pytest.approx(1 / 3)] * 2
    assert found["passed"]
