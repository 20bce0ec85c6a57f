"""Bad and repeated frames go, each for one reason, but never the whole clip."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ContractError
from components.extract_frames.selection import KEEP_SHARPEST, Fault, Limits, Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Shot:
    index: int
    sharpness: float = 50.0
    dark_share: float = 0.0
    bright_share: float = 0.0
    dhash: int = 0


def select(shots: Iterable[Shot], limits: Limits) -> tuple[list[Shot], Counter[Fault]]:
    selection = Selection(limits)
    kept = list(selection.select(shots))
    return kept, selection.dropped


def kept(*sharpness: float, minimum: float = 20.0) -> list[int]:
    shots = [Shot(index, value) for index, value in enumerate(sharpness)]
    return [shot.index for shot in select(shots, Limits(min_sharpness=minimum))[0]]


def with_hashes(*hashes: int) -> list[Shot]:
    return [Shot(index, dhash=value) for index, value in enumerate(hashes)]


def apart(count: int) -> list[int]:
    """Hashes that differ from each other in 8 bits or more."""
    return [0xFF << (8 * number) for number in range(count)]


def bits(one: Shot, other: Shot) -> int:
    return (one.dhash ^ other.dhash).bit_count()


def test_sharp_frames_all_stay() -> None:
    assert kept(*[20.0] * 30) == list(range(30))


def test_blurred_frames_go_when_there_are_sharp_ones() -> None:
    assert kept(1, 50, 1, 50, 50, 1, 50, 50, 1, 50) == [1, 3, 4, 6, 7, 9]


def test_of_a_blurred_clip_the_sharpest_five_stay_in_order() -> None:
    assert kept(9, 1, 8, 2, 7, 3, 6, 4, 5) == [0, 2, 4, 6, 8]


def test_of_a_short_blurred_clip_all_frames_stay() -> None:
    assert kept(1, 2, 3) == [0, 1, 2]


def test_of_equally_blurred_frames_the_first_stay() -> None:
    assert kept(*[1.0] * 9) == [0, 1, 2, 3, 4]


def test_sharp_frames_count_towards_the_five() -> None:
    assert kept(1, 50, 3, 2, 50, 4, 1) == [1, 2, 3, 4, 5]


def test_a_clip_without_frames_stays_without() -> None:
    assert kept() == []


@given(st.lists(st.floats(0, 100), max_size=40), st.floats(0, 100))
def test_exactly_the_sharp_frames_and_the_five_sharpest_stay(
    sharpness: list[float], minimum: float
) -> None:
    ranked = sorted(range(len(sharpness)), key=lambda index: (-sharpness[index], index))
    sharp = {index for index, value in enumerate(sharpness) if value >= minimum}
    expected = sorted(sharp | set(ranked[:KEEP_SHARPEST]))
    assert kept(*sharpness, minimum=minimum) == expected


def test_no_more_than_a_handful_of_frames_wait() -> None:
    made = itertools.count()

    def shots() -> Iterator[Shot]:
        for index in range(1000):
            next(made)
            yield Shot(index)

    next(Selection(Limits(min_sharpness=20.0)).select(shots()))
    assert next(made) <= KEEP_SHARPEST


@pytest.mark.parametrize(("threshold", "left"), [(0, 9), (1, 7), (2, 6), (3, 5)])
def test_a_frame_that_differs_in_fewer_bits_from_a_kept_one_goes(threshold: int, left: int) -> None:
    shots = with_hashes(*apart(5), 0xFF, 0xFF, 0xFF ^ 1, 0xFF ^ 3)
    assert len(select(shots, Limits(near_duplicate_bits=threshold))[0]) == left


def test_frames_are_held_against_every_kept_one_not_just_the_last() -> None:
    shots = with_hashes(*apart(6), *apart(6))
    assert select(shots, Limits(near_duplicate_bits=1))[0] == shots[:6]


def test_slow_drift_is_not_taken_for_standing_still() -> None:
    """Each is near the one before it, but the sixth of them is far from the last kept one."""
    shots = with_hashes(*[(1 << number) - 1 for number in range(64)])
    left, dropped = select(shots, Limits(near_duplicate_bits=6))
    assert [shot.index for shot in left] == list(range(0, 64, 6))
    assert dropped == {Fault.NEAR_DUPLICATE: 64 - len(left)}


def test_more_kept_frames_than_there_is_room_for_at_first_are_all_remembered() -> None:
    hashes = [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(500)]
    shots = with_hashes(*hashes, *hashes)
    assert select(shots, Limits(near_duplicate_bits=1))[0] == shots[:500]


def test_a_frame_that_was_dropped_drops_no_other() -> None:
    blurred, sharp = Shot(5, 1.0, dhash=7), Shot(6, 50.0, dhash=7)
    shots = [*with_hashes(*apart(5)), blurred, sharp]
    left, dropped = select(shots, Limits(min_sharpness=20.0, near_duplicate_bits=2))
    assert sharp in left
    assert dropped == {Fault.BLURRED: 1}


def test_of_a_clip_that_stands_still_the_sharpest_stay() -> None:
    shots = [replace(shot, sharpness=shot.index) for shot in with_hashes(*[3] * 50)]
    left, dropped = select(shots, Limits(near_duplicate_bits=2))
    assert [shot.index for shot in left] == [0, 46, 47, 48, 49]
    assert +dropped == {Fault.NEAR_DUPLICATE: 45}


def test_a_part_that_is_just_as_large_as_allowed_is_allowed() -> None:
    shots = [*with_hashes(*range(5)), Shot(5, dark_share=0.75, bright_share=0.5)]
    assert select(shots, Limits(max_dark_share=0.75, max_bright_share=0.5))[0] == shots


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"dark_share": 0.9, "bright_share": 0.9, "sharpness": 1.0, "dhash": 0}, Fault.DARK),
        ({"bright_share": 0.9, "sharpness": 1.0, "dhash": 0}, Fault.BRIGHT),
        ({"sharpness": 1.0, "dhash": 0}, Fault.BLURRED),
        ({"dhash": 0}, Fault.NEAR_DUPLICATE),
    ],
)
def test_a_frame_with_several_faults_counts_for_the_first(
    wrong: dict[str, float], expected: Fault
) -> None:
    shots = [*with_hashes(0, *apart(5)), replace(Shot(6, dhash=1 << 63), **wrong)]
    assert select(shots, Limits(20.0, 2, 0.8, 0.8))[1] == {expected: 1}


def test_the_limits_as_they_stand_drop_nothing() -> None:
    shots = [Shot(index, 0.0, 1.0, 1.0) for index in range(20)]
    assert select(shots, Limits()) == (shots, Counter())


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_sharpness": -1.0},
        {"min_sharpness": float("nan")},
        {"near_duplicate_bits": -1},
        {"near_duplicate_bits": 65},
        {"max_dark_share": 1.1},
        {"max_dark_share": float("nan")},
        {"max_bright_share": -0.1},
    ],
)
def test_a_senseless_limit_is_refused_by_its_name(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ContractError, match=name):
        replace(Limits(), **wrong).check()


SHARE = st.sampled_from([0.0, 0.3, 0.6, 1.0])
LIMITS = st.builds(Limits, st.integers(0, 100), st.integers(0, 64), SHARE, SHARE)
HASHES = st.one_of(st.integers(0, 15), st.integers(0, 2**64 - 1))
CLIPS = st.lists(st.tuples(st.integers(0, 100), SHARE, SHARE, HASHES), max_size=40).map(
    lambda rows: [Shot(index, *row) for index, row in enumerate(rows)]
)


@given(CLIPS, LIMITS)
def test_every_frame_is_kept_or_counted_once(shots: list[Shot], limits: Limits) -> None:
    left, dropped = select(shots, limits)
    assert len(left) + dropped.total() == len(shots)
    assert all(count >= 0 for count in dropped.values())


@given(CLIPS, LIMITS)
def test_five_frames_stay_or_all_there_are_in_their_order(
    shots: list[Shot], limits: Limits
) -> None:
    left = [shot.index for shot in select(shots, limits)[0]]
    assert len(left) >= min(KEEP_SHARPEST, len(shots))
    assert left == sorted(set(left))


@given(CLIPS, LIMITS)
def test_kept_frames_differ_and_dropped_ones_resemble_a_kept_one(
    shots: list[Shot], limits: Limits
) -> None:
    """True of every clip with enough good frames; in others some bad ones are taken back."""
    left, _ = select(shots, limits)
    good = [shot for shot in left if limits.fault_of(shot) is None]
    if len(left) > KEEP_SHARPEST:
        pairs = itertools.combinations(left, 2)
        assert all(bits(*pair) >= limits.near_duplicate_bits for pair in pairs)
    for shot in set(shots) - set(left):
        before = [other for other in good if other.index < shot.index]
        alike = any(bits(shot, other) < limits.near_duplicate_bits for other in before)
        assert alike or limits.fault_of(shot) is not None


@given(CLIPS, LIMITS, LIMITS)
def test_wider_limits_of_quality_keep_all_that_narrower_ones_keep(
    shots: list[Shot], one: Limits, other: Limits
) -> None:
    """Not so of near-duplicates: a frame that goes may let two stay that it stood between."""
    narrow, wide = (
        Limits(
            choose(one.min_sharpness, other.min_sharpness),
            0,
            unlike(one.max_dark_share, other.max_dark_share),
            unlike(one.max_bright_share, other.max_bright_share),
        )
        for choose, unlike in ((max, min), (min, max))
    )
    faultless = [shot for shot in select(shots, narrow)[0] if narrow.fault_of(shot) is None]
    assert set(faultless) <= set(select(shots, wide)[0])


@given(CLIPS)
def test_a_threshold_of_one_keeps_no_more_frames_than_none_and_one_of_all_bits_only_five(
    shots: list[Shot],
) -> None:
    counts = [len(select(shots, Limits(near_duplicate_bits=level))[0]) for level in (0, 1, 64)]
    opposite = any(bits(shots[0], shot) == 64 for shot in shots)
    assert counts[0] == len(shots) >= counts[1] >= counts[2]
    assert opposite or counts[2] == min(KEEP_SHARPEST, len(shots))
