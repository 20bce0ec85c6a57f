"""Stills make up albums by person and session, in the order of their paths."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.ingest_videos.albums import Albums, group_albums

members = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=40)


def group(owners: list[tuple[int, int]], ids: list[int] | None = None) -> Albums:
    """Stills numbered from 10 on, each with its person and session."""
    return group_albums(
        np.arange(10, 10 + len(owners)),
        np.array(ids or range(len(owners)), np.uint64),
        np.array([person for person, _ in owners], np.uint32),
        np.array([session for _, session in owners], np.uint64),
    )


def listed(albums: Albums) -> list[list[int]]:
    return [albums.stills_of(number).tolist() for number in range(len(albums))]


@given(members)
def test_albums_are_as_the_definition_says(owners: list[tuple[int, int]]) -> None:
    by_owner = sorted(range(len(owners)), key=lambda number: (owners[number], number))
    groups = [list(own) for _, own in groupby(by_owner, key=lambda number: owners[number])]
    expected = [[number + 10 for number in own] for own in sorted(groups)]
    assert listed(group(owners)) == expected


@given(members.filter(bool))
def test_every_still_is_in_one_album(owners: list[tuple[int, int]]) -> None:
    albums = group(owners)
    assert sorted(albums.members.tolist()) == list(range(10, 10 + len(owners)))
    assert albums.sizes().sum() == len(owners)


def test_the_id_of_an_album_is_that_of_its_content_in_any_order() -> None:
    one, same, other = (group([(0, 0)] * 3, ids) for ids in ([7, 8, 9], [9, 7, 8], [7, 8, 10]))
    assert one.clip_id(0) == same.clip_id(0) != other.clip_id(0)
    assert len(one.clip_id(0)) == 16


def test_no_still_is_no_album() -> None:
    assert len(group([])) == 0
