"""Who is enrolled well enough, and what the others are told."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import (
    CLIP_QUALITY_FILE,
    ENROLMENT,
    ENROLMENT_FILE,
    FRAMES_FILE,
    PEOPLE,
    PEOPLE_FILE,
    EnrolmentProblem,
)
from components.errors import ContractError
from components.parquet import read_table, write_table
from components.split_dataset.enrolment import (
    ADVICE,
    LEAST_BRIGHTNESS,
    LEAST_DRIFT,
    LEAST_SEEN_S,
    LEAST_SPREAD,
    MOST_BLURRED_SHARE,
    MOST_BRIGHT_SHARE,
    MOST_DARK_SHARE,
    OF_PERSON,
    OF_SESSION,
    Enrolment,
    Session,
    judge,
    pool,
    problems_of,
    write_enrolment,
)
from tests.shards import people, write_shards

GOOD = Session(
    session="s1",
    seen_s=9.8,
    cut_short=False,
    frames_sampled=50,
    frames=40,
    frames_dropped_dark=0,
    frames_dropped_bright=0,
    frames_dropped_blurred=0,
    frames_dropped_near_duplicate=10,
    blurred_share=0.0,
    dark_share=0.1,
    bright_share=0.0,
    sharpness=50.0,
    brightness=110.0,
    spread=9.0,
    flicker=5.0,
)
OTHER = replace(GOOD, session="s2")

shares = st.floats(0, 1)
sessions = st.builds(
    Session,
    session=st.text("ab", min_size=1, max_size=3),
    seen_s=st.floats(0, 300),
    cut_short=st.booleans(),
    frames_sampled=st.integers(1, 100),
    frames=st.integers(1, 100),
    frames_dropped_dark=st.integers(0, 100),
    frames_dropped_bright=st.integers(0, 100),
    frames_dropped_blurred=st.integers(0, 100),
    frames_dropped_near_duplicate=st.integers(0, 100),
    blurred_share=shares,
    dark_share=shares,
    bright_share=shares,
    sharpness=st.floats(0, 1000),
    brightness=st.floats(0, 255),
    spread=st.floats(0, 32),
    flicker=st.floats(0, 64),
)


several = st.lists(sessions, max_size=5, unique_by=lambda session: session.session)


def judged(*own, consent="valid"):
    return judge(Enrolment(consent, own))


@pytest.mark.parametrize(
    ("problem", "column", "limit", "beyond"),
    [
        (EnrolmentProblem.TOO_DARK, "dark_share", MOST_DARK_SHARE, 0.01),
        (EnrolmentProblem.TOO_DARK, "brightness", LEAST_BRIGHTNESS, -0.01),
        (EnrolmentProblem.TOO_BRIGHT, "bright_share", MOST_BRIGHT_SHARE, 0.01),
        (EnrolmentProblem.TOO_FEW_SHARP_FRAMES, "blurred_share", MOST_BLURRED_SHARE, 0.01),
        (EnrolmentProblem.CLIP_TOO_SHORT, "seen_s", LEAST_SEEN_S, -0.01),
    ],
)
def test_a_session_has_a_problem_beyond_its_limit_and_none_at_it(problem, column, limit, beyond):
    assert judged(OTHER, replace(GOOD, **{column: limit})).problems == ()
    assert judged(OTHER, replace(GOOD, **{column: limit + beyond})).problems == (problem,)


@pytest.mark.parametrize(
    ("spread", "above_flicker", "is_turned"),
    [
        (LEAST_SPREAD, 0.0, True),
        (LEAST_SPREAD - 0.01, LEAST_DRIFT, True),
        (LEAST_SPREAD - 0.01, LEAST_DRIFT - 0.01, False),
    ],
)
def test_a_head_has_turned_where_frames_differ_much_or_more_than_neighbours_do(
    spread, above_flicker, is_turned
):
    session = replace(GOOD, spread=spread, flicker=spread - above_flicker)
    problems = () if is_turned else (EnrolmentProblem.HEAD_HARDLY_TURNED,)
    assert judged(OTHER, session).problems == problems


def test_two_good_sessions_are_enough():
    verdict = judged(GOOD, OTHER)
    assert (verdict.text, verdict.advice, verdict.sessions_good) == ("good", "", 2)


def test_one_session_however_good_is_not():
    assert judged(GOOD).problems == (EnrolmentProblem.ONLY_ONE_SESSION,)


def test_nobody_is_good_without_a_clip_that_can_be_used():
    verdict = judged()
    assert verdict.problems == (EnrolmentProblem.NONE_USABLE,)
    assert verdict.session is None


@pytest.mark.parametrize("consent", ["missing", "expired"])
def test_without_consent_nobody_is_told_to_record(consent):
    verdict = judged(consent=consent)
    assert verdict.problems == (EnrolmentProblem.NO_CONSENT,)
    assert verdict.advice.startswith("Do not record")


def test_all_problems_of_the_session_that_decides_are_named():
    verdict = judged(replace(GOOD, dark_share=0.9, spread=0.5))
    assert verdict.text == "too_dark head_hardly_turned only_one_session"
    assert verdict.advice == " ".join(ADVICE[problem] for problem in verdict.problems)


def test_every_problem_has_one_test_and_its_advice():
    assert set(OF_PERSON) | set(OF_SESSION) == set(ADVICE) == set(EnrolmentProblem)
    assert not set(OF_PERSON) & set(OF_SESSION)


@given(several, st.randoms(use_true_random=False))
def test_the_order_of_the_sessions_does_not_matter(own, random):
    shuffled = random.sample(own, len(own))
    assert judged(*own).problems == judged(*shuffled).problems


@given(several)
def test_good_are_those_with_two_good_sessions_and_nobody_else(own):
    verdict = judged(*own)
    assert (not verdict.problems) == (verdict.sessions_good >= 2)
    assert verdict.sessions_good == sum(not problems_of(session) for session in own)


@given(several, sessions)
def test_another_session_never_makes_a_person_worse(own, another):
    before, after = judged(*own), judged(*own, another)
    assert after.sessions_good >= before.sessions_good
    if not before.problems:
        assert not after.problems


@given(several)
def test_who_records_two_sessions_as_advised_is_good(own):
    assert not judged(*own, GOOD, OTHER).problems


@given(st.lists(sessions, min_size=1, max_size=5))
def test_a_session_holds_the_frames_of_its_clips_and_its_measures_lie_between_theirs(clips):
    pooled = pool("s", clips)
    assert pooled.frames_sampled == sum(clip.frames_sampled for clip in clips)
    assert pooled.seen_s == pytest.approx(sum(clip.seen_s for clip in clips))
    spreads = [clip.spread for clip in clips]
    assert min(spreads) - 1e-4 <= pooled.spread <= max(spreads) + 1e-4


def test_a_long_clip_weighs_more_than_a_short_one():
    long, short = replace(GOOD, frames_sampled=90, spread=10.0), replace(GOOD, frames_sampled=10)
    assert pool("s", [long, replace(short, spread=0.0)]).spread == pytest.approx(9.0)


@pytest.fixture
def written(tmp_path):
    return write_shards(tmp_path, people())


@pytest.fixture
def enrolment(written, tmp_path):
    """Write the enrolment; gives its rows."""

    def run():
        clips = [pq.read_table(shard / FRAMES_FILE)["clip_id"] for shard in written.features]
        used = {clip for column in clips for clip in column.to_pylist()}
        write_enrolment(written.clips, written.extractions, used, tmp_path)
        return read_table(tmp_path / ENROLMENT_FILE, ENROLMENT).to_pylist()

    return run


def change_people(written, change):
    path = written.clips / PEOPLE_FILE
    rows = read_table(path, PEOPLE).to_pylist()
    write_table(path, type(pq.read_table(path)).from_pylist(change(rows), PEOPLE))


def test_everybody_in_the_roster_has_one_row_in_its_order(written, enrolment):
    nobody = {"person_id": "nobody", "role": "staff", "consent": "valid"}
    nobody |= {"clips_accepted": 0, "clips_rejected": 2}
    change_people(written, lambda rows: [nobody, *reversed(rows)])
    rows = enrolment()
    assert [row["person_id"] for row in rows] == ["nobody", *(f"p{n}" for n in range(5, -1, -1))]
    assert [row["verdict"] for row in rows] == ["none_usable"] + ["good"] * 6
    assert (rows[0]["clips_rejected"], rows[0]["session"], rows[0]["spread"]) == (2, None, None)


def test_a_clip_without_frames_is_a_rejected_one(written, enrolment):
    change_people(
        written, lambda rows: [{**row, "clips_accepted": row["clips_accepted"] + 1} for row in rows]
    )
    assert {(row["clips_accepted"], row["clips_rejected"]) for row in enrolment()} == {(2, 1)}


def test_the_row_holds_what_was_measured_of_the_session_that_decides(written, enrolment):
    for extraction in written.extractions:
        path = extraction / CLIP_QUALITY_FILE
        table = pq.read_table(path)
        rows = [
            {**row, "spread": 1.5 if row["session"] == "s1" else 9.0} for row in table.to_pylist()
        ]
        write_table(path, type(table).from_pylist(rows, table.schema))
    row = enrolment()[0]
    assert (row["session"], row["spread"], row["sessions"]) == ("s1", 1.5, 2)
    assert (row["sessions_good"], row["verdict"]) == (1, "head_hardly_turned")


def test_a_shard_that_was_not_measured_is_noticed(written, enrolment):
    written.extractions.pop()
    with pytest.raises(ContractError, match="12 clips have frames but 6 were measured"):
        enrolment()


def test_a_clip_of_somebody_outside_the_roster_is_noticed_without_a_name(written, enrolment):
    change_people(written, lambda rows: rows[1:])
    with pytest.raises(ContractError, match="1 people have clips but") as caught:
        enrolment()
    assert "p0" not in str(caught.value)
