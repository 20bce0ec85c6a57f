"""Copies are found and clips dealt out evenly, whatever their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.ingest_videos.ledger import Ledger, Verdict, judge_copies
from components.ingest_videos.sharding import balance

durations = st.lists(st.floats(0, 300), max_size=60)


def loads(seconds: list[float], shards: np.ndarray) -> np.ndarray:
    return np.bincount(shards, weights=seconds)


@given(durations, st.integers(1, 12))
def test_every_shard_has_a_clip_and_every_clip_a_shard(seconds: list[float], workers: int) -> None:
    shards = balance(seconds, workers)
    assert sorted(set(shards.tolist())) == list(range(min(workers, len(seconds))))


@given(durations.filter(bool), st.integers(1, 12))
def test_two_shards_never_differ_by_more_than_the_longest_clip(
    seconds: list[float], workers: int
) -> None:
    work = loads(seconds, balance(seconds, workers))
    assert np.ptp(work) <= max(seconds) + 1e-9


def test_long_clips_are_spread_before_short_ones_fill_the_gaps() -> None:
    seconds = [10.0, 10.0, 5.0, 5.0, 5.0, 5.0]
    assert loads(seconds, balance(seconds, 2)).tolist() == [20.0, 20.0]


def verdicts(*clips: tuple[int, int]) -> list[Verdict]:
    ids, people = zip(*clips, strict=True)
    judged = judge_copies(np.array(ids, np.uint64), np.array(people, np.uint32))
    return [Verdict(value) for value in judged]


def test_of_copies_under_one_person_the_first_is_kept() -> None:
    assert verdicts((7, 1), (3, 1), (7, 1), (7, 1)) == [
        Verdict.KEPT,
        Verdict.KEPT,
        Verdict.DUPLICATE,
        Verdict.DUPLICATE,
    ]


def test_content_under_two_people_is_dropped_for_all_of_them() -> None:
    found = verdicts((7, 1), (3, 1), (7, 2), (7, 1))
    assert found == [Verdict.CONFLICTING, Verdict.KEPT, Verdict.CONFLICTING, Verdict.CONFLICTING]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1))
def test_copies_are_judged_as_the_definition_says(clips: list[tuple[int, int]]) -> None:
    expected = []
    for place, (content, person) in enumerate(clips):
        owners = {other for same, other in clips if same == content}
        before = (content, person) in clips[:place]
        expected.append(
            Verdict.CONFLICTING
            if len(owners) > 1
            else Verdict.DUPLICATE
            if before
            else Verdict.KEPT
        )
    assert verdicts(*clips) == expected


def ledger_of(*clips: tuple[str, str, str, str, float]) -> Ledger:
    ledger = Ledger()
    for clip in clips:
        ledger.add(*clip)
    return ledger


ONE = ("00000000000000aa", "p1", "student", "s1", 3.0)
TWO = ("00000000000000bb", "p2", "staff", "s1", 4.0)


def test_the_fingerprint_does_not_depend_on_the_order() -> None:
    forth, back = ledger_of(ONE, TWO).settle(2), ledger_of(TWO, ONE).settle(1)
    assert forth.fingerprint == back.fingerprint


@pytest.mark.parametrize("place", range(4))
def test_the_fingerprint_depends_on_content_person_role_and_session(place: int) -> None:
    other = list(TWO)
    other[place] = "00000000000000cc"
    before, after = ledger_of(ONE, TWO).settle(1), ledger_of(ONE, tuple(other)).settle(1)
    assert before.fingerprint != after.fingerprint


rows = st.builds(
    lambda content, person, role, session: (f"{content:016x}", person, role, session, 1.0),
    st.integers(0, 2**64 - 1),
    st.sampled_from(["p1", "p2", "p1p"]),
    st.sampled_from(["student", "staff", "visitor"]),
    st.sampled_from(["s1", "s2", "1s"]),
)
sources = st.lists(rows, max_size=4, unique_by=lambda row: row[0])


@given(sources, sources)
def test_two_sources_have_one_fingerprint_if_and_only_if_they_have_the_same_rows(
    one: list[tuple], other: list[tuple]
) -> None:
    same = ledger_of(*one).settle(1).fingerprint == ledger_of(*other).settle(2).fingerprint
    assert same == (set(one) == set(other))


@given(sources.filter(bool), st.data())
def test_a_person_whose_role_changes_changes_the_fingerprint(
    source: list[tuple], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(source) - 1))
    role = data.draw(st.sampled_from(["student", "staff", "visitor"]))
    changed = list(source)
    changed[place] = (*source[place][:2], role, *source[place][3:])
    same = ledger_of(*source).settle(1).fingerprint == ledger_of(*changed).settle(1).fingerprint
    assert same == (role == source[place][2])


def test_a_copy_changes_neither_fingerprint_nor_seconds() -> None:
    plain, copied = ledger_of(ONE, TWO).settle(1), ledger_of(ONE, TWO, ONE).settle(1)
    assert (plain.fingerprint, plain.seconds) == (copied.fingerprint, copied.seconds)


def test_a_clip_that_is_not_kept_gets_no_shard() -> None:
    assert ledger_of(ONE, ONE).settle(2).shards.tolist() == [0, -1]
