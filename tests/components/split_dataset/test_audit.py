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


def test_the_message_of_a_leak_names_nobody(audit):
    with pytest.raises(LeakError) as caught:
        audit([row("pseudonym", "s0", "train"), row("pseudonym", "s0", "test"), *HONEST])
    assert "pseudonym" not in str(caught.value)


@pytest.mark.parametrize("label", [2, -2])
def test_a_label_outside_the_classes_is_refused(audit, label):
    with pytest.raises(ContractError, match=r"outside -1\.\.1"):
        audit([*HONEST, row("b", "s0", "train", 0.0, label)])
