"""Frames that look the same on two sides are found, mirrored ones too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import Split
from components.extract_frames.picture import difference_hash
from components.split_dataset import duplicates
from components.split_dataset.duplicates import (
    COPIED_BITS,
    NEAR_BITS,
    find_duplicates,
    mirrored,
)
from components.split_dataset.sides import Frames, code_of
from tests.shards import hash_of

FAR = [hash_of(f"far{number}") for number in range(40)]


def frames(*clips: tuple[Split, int, list[int]], people: list[int] | None = None) -> Frames:
    """Clips of one side each: side, session's number, hashes; all one person's if not told."""
    return Frames(
        dhash=np.asarray([value for *_, hashes in clips for value in hashes], np.uint64),
        time_s=np.asarray([0.2 * n for *_, own in clips for n in range(len(own))]),
        side=np.asarray([code_of(side) for side, _, own in clips for _ in own], np.uint8),
        starts=np.cumsum([0, *(len(own) for *_, own in clips)]),
        session=np.asarray([session for _, session, _ in clips]),
        person=np.asarray(people or [0] * len(clips)),
    )


def flip(value: int, bits: int) -> int:
    return value ^ ((1 << bits) - 1)


def mirror(value: int) -> int:
    return int(mirrored(np.asarray([value], np.uint64))[0])


def bits(one: int, other: int) -> int:
    return min((each ^ other).bit_count() for each in (one, mirror(one)))


@given(st.integers(0, 2**64 - 1))
def test_a_picture_mirrored_twice_is_itself(value):
    assert mirror(mirror(value)) == value


@given(st.integers(0, 2**32))
def test_the_hash_of_a_mirrored_picture_follows_from_the_hash(seed):
    # No two neighbours of the 9x8 pixels are equal: each row is a shuffle of different values.
    generator = np.random.default_rng(seed)
    small = np.stack([generator.permutation(np.arange(9) * 28) for _ in range(8)])
    image = np.repeat(np.kron(small, np.ones((10, 10))).astype(np.uint8)[..., None], 3, axis=2)
    assert mirror(difference_hash(image)) == difference_hash(np.ascontiguousarray(image[:, ::-1]))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Split),
            st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8)), min_size=1, max_size=7),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_what_is_near_is_what_a_comparison_of_all_with_all_finds(clips):
    given = frames(
        *((side, n, [flip(FAR[a], b) for a, b in own]) for n, (side, own) in enumerate(clips))
    )
    session = np.repeat(given.session, np.diff(given.starts))
    rows = list(zip(given.side.tolist(), session.tolist(), given.dhash.tolist(), strict=True))
    stays = {Split.TRAIN: (Split.CALIBRATION, Split.TEST), Split.CALIBRATION: (Split.TEST,)}
    codes = {code_of(own): {code_of(side) for side in sides} for own, sides in stays.items()}
    expected = [
        any(
            there in codes.get(side, ()) and session != its and bits(value, other) <= NEAR_BITS
            for there, its, other in rows
        )
        for side, session, value in rows
    ]
    with pytest.MonkeyPatch.context() as patch:  # so that a few frames fill several blocks
        patch.setattr(duplicates, "_ROWS", 2)
        patch.setattr(duplicates, "_COLUMNS", 5)
        assert find_duplicates(given).near.tolist() == expected


ROUGHLY = [flip(value, COPIED_BITS) for value in FAR]


@pytest.mark.parametrize("sides", [(Split.TEST, Split.TRAIN), (Split.CALIBRATION, Split.TRAIN)])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FAR[:10], ROUGHLY[:10]),
        (FAR[:10], [mirror(value) for value in ROUGHLY[:10]]),
        (FAR[:20], ROUGHLY[8:14]),  # cut out of the longer one
        (ROUGHLY[8:14], FAR[:20]),
        (FAR[:10], FAR[9::-1]),  # backwards, but nearly the same
        (FAR[:10], [*FAR[:5], *FAR[20:25]]),
    ],
)
def test_a_clip_most_of_which_stands_on_another_side_is_copied(sides, one, other):
    found = find_duplicates(frames((sides[0], 0, one), (sides[1], 1, other)))
    assert found.copied_clips == [(0, 1)]


@pytest.mark.parametrize(
    "other",
    [
        [flip(value, COPIED_BITS + 1) for value in FAR[:10]],
        ROUGHLY[9::-1],  # the same room, but not the same movement
        [*FAR[:4], *FAR[20:26]],  # less than half
        FAR[:4],  # all of it, but too little to tell
    ],
)
def test_a_clip_of_which_less_looks_the_same_is_not(other):
    pair = frames((Split.TEST, 0, FAR[:10]), (Split.TRAIN, 1, other))
    assert not find_duplicates(pair).copied_clips


@pytest.mark.parametrize("side", [Split.TRAIN, Split.CALIBRATION, Split.TEST])
def test_a_clip_on_the_same_side_is_no_leak_of_one_person_but_copied_from_another(side):
    clips = [(side, 0, FAR[20:30]), (side, 1, FAR[:10]), (side, 2, FAR[30:]), (side, 3, FAR[:10])]
    assert not find_duplicates(frames(*clips)).copied_clips
    copied = find_duplicates(frames(*clips, people=[0, 0, 1, 1]))
    assert copied.copied_clips == [(1, 3)]
    assert not copied.near.any()


def test_in_a_session_of_its_own_a_clip_is_not_copied_and_loses_what_it_can_spare():
    pair = frames((Split.TRAIN, 0, FAR[:10]), (Split.TEST, 0, [*FAR[:4], *FAR[20:26]]))
    found = find_duplicates(pair)
    assert not found.copied_clips
    assert np.flatnonzero(found.near).tolist() == [0, 1, 2, 3]


def test_a_clip_of_somebody_who_holds_still_keeps_its_frames():
    pair = frames((Split.TRAIN, 0, FAR[:1] * 10), (Split.TEST, 0, FAR[:1] * 5))
    assert not find_duplicates(pair).near.any()
