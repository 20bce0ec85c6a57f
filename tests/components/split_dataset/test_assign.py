"""Sides are given to whole sessions, or to blocks of time with a gap between them."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import Protocol, Split
from components.errors import ContractError, SourceError
from components.model_directory import Role
from components.split_dataset.assign import (
    SplitOptions,
    choose_strangers,
    gap_of,
    plan_clips,
    side_at,
    time_blocks,
)
from components.split_dataset.gather import Clip


def clip(person: str, session: str, role: str = "student", seconds: float = 10.0) -> Clip:
    return Clip(person, session, f"{person}/{session}", role, 0, 0, 50, 0.0, seconds)


cohorts = st.lists(
    st.tuples(st.sampled_from(list(Role)), st.integers(1, 5), st.floats(0.4, 60)),
    min_size=4,
    max_size=12,
).map(
    lambda rows: [
        clip(f"p{number}", f"s{session}", role, seconds)
        for number, (role, sessions, seconds) in enumerate(
            [("student", 2, 10.0), ("student", 2, 10.0), *rows]
        )
        for session in range(sessions)
    ]
)


def sides_of(plan) -> set[Split]:
    return {block.split for block in plan} - {Split.GAP}


@given(cohorts, st.integers(0, 99))
def test_no_session_of_several_is_both_learnt_from_and_tested_on(clips, seed):
    plans, strangers = plan_clips(clips, SplitOptions(seed=seed))
    sessions = defaultdict(set)
    for each in clips:
        sessions[each.person_id].add(each.session)
    for each in clips:
        if each.person_id not in strangers and len(sessions[each.person_id]) > 1:
            sides = sides_of(plans[each.clip_id])
            assert sides == {Split.TEST} or Split.TEST not in sides


@given(cohorts, st.integers(0, 99))
def test_everyone_who_is_no_stranger_is_both_learnt_from_and_tested_on(clips, seed):
    plans, strangers = plan_clips(clips, SplitOptions(seed=seed))
    sides = defaultdict(set)
    for each in clips:
        sides[each.person_id] |= sides_of(plans[each.clip_id])
    assert all({Split.TRAIN, Split.TEST} <= sides[p] for p in sides if p not in strangers)


@given(cohorts, st.integers(0, 99), st.sampled_from(Protocol))
def test_a_stranger_is_a_visitor_on_one_side_and_never_in_training(clips, seed, protocol):
    plans, strangers = plan_clips(clips, SplitOptions(seed=seed, protocol=protocol))
    for person in strangers:
        own = [each for each in clips if each.person_id == person]
        sides = set().union(*(sides_of(plans[each.clip_id]) for each in own))
        assert {each.role for each in own} == {"visitor"}
        assert sides in ({Split.TEST}, {Split.CALIBRATION})


@given(cohorts, st.integers(0, 99))
def test_by_session_nobody_is_tested_on_a_session_that_was_learnt_from(clips, seed):
    plans, strangers = plan_clips(clips, SplitOptions(seed=seed, protocol=Protocol.BY_SESSION))
    sides = defaultdict(set)
    for each in clips:
        if each.person_id not in strangers:
            sides[each.person_id, each.session] |= sides_of(plans[each.clip_id])
    assert all(own == {Split.TEST} or Split.TEST not in own for own in sides.values())


def test_by_session_a_person_of_one_session_is_learnt_from_and_not_tested():
    clips = [clip("a", "s0"), clip("a", "s1"), clip("b", "s0")]
    plans, _ = plan_clips(clips, SplitOptions(protocol=Protocol.BY_SESSION))
    assert sides_of(plans["b/s0"]) == {Split.TRAIN, Split.CALIBRATION}


def test_by_session_people_of_one_session_alone_are_refused_with_a_way_out():
    clips = [
        clip("a", "s0"),
        clip("b", "s0"),
        clip("v", "s0", "visitor"),
        clip("v", "s1", "visitor"),
    ]
    with pytest.raises(SourceError, match=r"each of 2 people has one session.*auto or time_blocks"):
        plan_clips(clips, SplitOptions(protocol=Protocol.BY_SESSION))


@given(cohorts, st.integers(0, 99))
def test_by_time_blocks_every_clip_of_the_known_is_on_every_side(clips, seed):
    plans, strangers = plan_clips(clips, SplitOptions(seed=seed, protocol=Protocol.TIME_BLOCKS))
    known = [each for each in clips if each.person_id not in strangers]
    everywhere = {Split.TRAIN, Split.CALIBRATION, Split.TEST}
    assert all(sides_of(plans[each.clip_id]) == everywhere for each in known)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ContractError, match="auto or by_session or time_blocks or random_frames"):
        SplitOptions(protocol="by_day")


@given(st.integers(1, 30), st.floats(0, 1), st.integers(0, 99))
def test_the_asked_share_of_visitors_is_kept_apart_and_halved_between_the_sides(n, share, seed):
    chosen = choose_strangers(
        {f"v{number}": Role.VISITOR for number in range(n)},
        SplitOptions(stranger_share=share, seed=seed),
    )
    tested = sum(side is Split.TEST for side in chosen.values())
    assert len(chosen) - 1 < share * n <= len(chosen)
    assert tested - (len(chosen) - tested) in (0, 1)


def test_one_more_person_changes_nobody_elses_side():
    clips = [clip(f"p{number}", f"s{session}") for number in range(6) for session in range(3)]
    before, _ = plan_clips(clips, SplitOptions())
    after, _ = plan_clips([*clips, clip("new", "s0"), clip("new", "s1")], SplitOptions())
    assert {name: after[name] for name in before} == before


def test_another_seed_gives_another_split():
    clips = [clip(f"p{number}", f"s{session}") for number in range(6) for session in range(3)]
    assert plan_clips(clips, SplitOptions(seed=1)) != plan_clips(clips, SplitOptions(seed=2))


@given(st.floats(0.2, 600), st.floats(0, 5))
def test_blocks_of_time_follow_each_other_with_the_gap_between_them(seconds, gap_s):
    whole = clip("p", "s", seconds=seconds)
    shares = ((Split.TRAIN, 0.6), (Split.CALIBRATION, 0.15), (Split.TEST, 0.25))
    plan = time_blocks(whole, shares, gap_s)
    assert [block.split for block in plan] == [
        Split.TRAIN,
        Split.GAP,
        Split.CALIBRATION,
        Split.GAP,
        Split.TEST,
    ]
    ends = [block.end_s for block in plan]
    assert all(before <= after for before, after in pairwise(ends))
    assert ends[1] - ends[0] == pytest.approx(gap_of(whole, gap_s))


def test_the_last_frame_of_a_clip_is_tested_on():
    plan = time_blocks(clip("p", "s"), ((Split.TRAIN, 0.7), (Split.TEST, 0.3)), 1.0)
    assert side_at(plan, 10.0) is Split.TEST


def test_two_sessions_leave_one_to_learn_from_and_to_calibrate_on():
    clips = [clip("a", "s0"), clip("a", "s1"), clip("b", "s0"), clip("b", "s1")]
    plans, _ = plan_clips(clips, SplitOptions())
    sides = [sides_of(plans[each.clip_id]) for each in clips[:2]]
    assert sorted(sides, key=len) == [{Split.TEST}, {Split.TRAIN, Split.CALIBRATION}]


def test_three_sessions_give_each_side_its_own():
    clips = [clip(person, f"s{session}") for person in "ab" for session in range(3)]
    plans, _ = plan_clips(clips, SplitOptions())
    sides = [sides_of(plans[each.clip_id]) for each in clips[:3]]
    assert sorted(map(sorted, sides)) == [["calibration"], ["test"], ["train"]]


def test_a_single_person_left_to_know_is_refused():
    clips = [clip("a", "s0"), clip("v", "s0", role="visitor")]
    with pytest.raises(SourceError, match="at least two"):
        plan_clips(clips, SplitOptions())
