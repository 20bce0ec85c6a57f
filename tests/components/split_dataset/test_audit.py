"""The audit catches leaks that are planted in an index."""

from __future__ import annotations

import pyarrow as pa
import pytest

from components.contracts import INDEX
from components.errors import ContractError, LeakError
from components.model_directory import STRANGER, Classes
from components.parquet import write_table
from components.split_dataset.assign import SplitOptions
from components.split_dataset.audit import audit_index

CLASSES = Classes(("a", "b"), (0, 0))


def row(person="a", session="s0", split="train", time_s=0.0, label=0, clip=None):
    clip_id = clip or f"{person}-{session}"
    return {
        "clip_id": clip_id,
        "person_id": person,
        "role": "student",
        "session": session,
        "index": int(time_s * 5),
        "time_s": time_s,
        "split": split,
        "random_split": split,
        "transaction": f"{clip_id}/{split}",
        "person": label,
        "role_label": 0,
    }


HONEST = [
    row("a", "s0", "train"),
    row("a", "s1", "test"),
    row("b", "s0", "train", 0.0, 1),
    row("b", "s0", "gap", 4.5, 1),
    row("b", "s0", "test", 5.0, 1),
    row("v", "s0", "test", 0.0, STRANGER),
    row("w", "s0", "calibration", 0.0, STRANGER),
]


@pytest.fixture
def audit(tmp_path):
    def run(rows, protocol="auto", copied=0):
        write_table(tmp_path / "index.parquet", pa.Table.from_pylist(rows, INDEX))
        options = SplitOptions(protocol=protocol)
        return audit_index(tmp_path / "index.parquet", CLASSES, options, copied)

    return run


def test_an_honest_split_passes(audit):
    assert set(audit(HONEST)["checks"].values()) == {0}


def test_the_protocol_counts_what_stands_on_each_side(audit):
    protocol = audit(HONEST)["protocol"]
    assert protocol["sides"]["train"] == {
        "people": 2,
        "sessions": 2,
        "transactions": 2,
        "frames": 2,
    }
    assert protocol["strangers"]["test"]["people"] == 1
    assert protocol["gap_frames"] == 1


@pytest.mark.parametrize(
    ("people", "name", "optimistic"),
    [("a", "by_session", False), ("b", "time_blocks", True), ("ab", "mixed", True)],
)
def test_the_protocol_says_how_it_was_split(audit, people, name, optimistic):
    protocol = audit([each for each in HONEST if each["person_id"] in people])["protocol"]
    assert (protocol["name"], protocol["within_session"]) == (name, optimistic)


@pytest.mark.parametrize(
    ("leak", "check"),
    [
        ([row("a", "s1", "train")], "sessions_on_both_sides"),
        ([row("a", "s0", "test")], "sessions_on_both_sides"),
        ([row("a", "s1", "calibration")], "sessions_on_both_sides"),
        ([row("a", "s2", "train", clip="a-s1")], "clips_in_two_sessions"),
        ([row("v", "s1", "train", 0.0, STRANGER)], "strangers_trained_on"),
        ([row("v", "s1", "calibration", 0.0, STRANGER)], "strangers_on_both_sides"),
        ([row("b", "s0", "train", 4.8, 1)], "blocks_too_close"),
    ],
)
def test_a_planted_leak_fails_the_step(audit, leak, check):
    with pytest.raises(LeakError, match=check):
        audit([*HONEST, *leak])


def test_a_session_that_is_the_only_one_may_not_be_on_both_sides_by_session(audit):
    with pytest.raises(LeakError, match="sessions_on_both_sides"):
        audit(HONEST, "by_session")


def test_every_session_may_be_on_both_sides_by_time_blocks(audit):
    protocol = audit([*HONEST, row("a", "s0", "test", 5.0)], "time_blocks")["protocol"]
    assert (protocol["people_split_by_session"], protocol["people_split_by_time"]) == (0, 2)


def test_a_clip_under_two_names_fails_the_step(audit):
    with pytest.raises(LeakError, match=r"'clips_under_two_names': 3.*delete its copies"):
        audit(HONEST, copied=3)


def test_somebody_of_whom_nothing_but_near_duplicates_is_left_fails_the_step(audit):
    left = [row("a", "s1", "test"), row("a", "s0", "near_duplicate")]
    with pytest.raises(LeakError, match="'people_without_training_frames': 1"):
        audit([*HONEST[2:], *left])


def test_frames_taken_out_are_counted_and_stand_on_no_side(audit):
    taken = [row("a", "s0", "near_duplicate", 1.0)]
    taken += [row("w", "s0", "near_duplicate", 1.0, STRANGER)]
    found = audit([*HONEST, *taken])
    assert found["near_duplicates_removed"] == 2
    assert found["protocol"]["sides"] == audit(HONEST)["protocol"]["sides"]


def test_who_is_learnt_from_and_not_tested_is_counted(audit):
    protocol = audit([*HONEST[:2], row("b", "s0", "train", 0.0, 1)], "by_session")["protocol"]
    assert (protocol["name"], protocol["people_not_tested"]) == ("by_session", 1)


def test_random_frames_are_reported_to_leak_and_fail_nothing(audit):
    found = audit([*HONEST, row("a", "s0", "test", 3.0)], "random_frames", copied=1)
    assert found["checks"]["sessions_on_both_sides"] == 2
    assert found["checks"]["clips_under_two_names"] == 1
    assert found["enforced"] is False
    protocol = {name: found["protocol"][name] for name in ("name", "leaks", "within_session")}
    assert protocol == {"name": "random_frames", "leaks": True, "within_session": True}


def test_the_message_of_a_leak_names_nobody(audit):
    with pytest.raises(LeakError) as caught:
        audit([row("pseudonym", "s0", "train"), row("pseudonym", "s0", "test"), *HONEST])
    assert "pseudonym" not in str(caught.value)


@pytest.mark.parametrize("label", [2, -2])
def test_a_label_outside_the_classes_is_refused(audit, label):
    with pytest.raises(ContractError, match=r"outside -1\.\.1"):
        audit([*HONEST, row("b", "s0", "train", 0.0, label)])
