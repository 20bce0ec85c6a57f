"""Blurred frames go, but never the whole clip."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from components.extract_frames.sharpest import KEEP_SHARPEST, drop_blurred

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Shot:
    index: int
    sharpness: float


def kept(*sharpness: float, minimum: float = 20.0) -> list[int]:
    shots = [Shot(index, value) for index, value in enumerate(sharpness)]
    return [shot.index for shot in drop_blurred(shots, minimum)]


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
            yield Shot(index, 50.0)

    next(drop_blurred(shots(), 20.0))
    assert next(made) <= KEEP_SHARPEST
