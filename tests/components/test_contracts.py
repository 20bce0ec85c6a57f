"""What passes between two steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from components.contracts import (
    FRAME_KEY,
    FRAMES,
    REJECTS,
    STRANGER,
    Classes,
    ClipError,
    Reason,
    Reject,
    Role,
    features_file,
    features_schema,
    rejects_table,
)
from components.errors import ContractError, RollcallError

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = Classes(people=("p1", "p2"), role_of_person=(0, 1))


def test_roles_keep_the_order_of_the_model_s_output() -> None:
    assert list(Role) == ["student", "staff", "visitor"]


def test_reasons_are_told_apart_by_their_codes() -> None:
    assert len({str(reason) for reason in Reason}) == len(Reason.__members__)


def test_a_reject_becomes_a_row() -> None:
    table = rejects_table([Reject("file:///a", "ingest_videos", Reason.EMPTY, "0 bytes")])
    assert table.schema.equals(REJECTS)
    assert table.to_pylist() == [
        {
            "uri": "file:///a",
            "clip_id": None,
            "step": "ingest_videos",
            "reason": "empty",
            "detail": "0 bytes",
        }
    ]


def test_no_rejects_are_a_table_without_rows() -> None:
    assert rejects_table([]).schema.equals(REJECTS)


def test_a_clip_s_error_carries_its_reason_and_can_be_shown() -> None:
    error = ClipError(Reason.TOO_SHORT, "0.2 s")
    assert isinstance(error, RollcallError)
    assert str(error) == "too_short: 0.2 s"


def test_a_frame_begins_with_its_key() -> None:
    assert FRAMES.names[: len(FRAME_KEY)] == FRAME_KEY.names


def test_features_have_the_dimension_that_was_asked_for() -> None:
    assert features_schema(1280).field("feature").type == pa.list_(pa.float16(), 1280)


def test_each_backbone_has_a_file_of_its_own() -> None:
    assert features_file("MobileNetV2") != features_file("MobileNetV3Small")


def test_classes_come_back_as_they_were_written(tmp_path: Path) -> None:
    CLASSES.write(tmp_path / "classes.json")
    assert Classes.read(tmp_path / "classes.json") == CLASSES


@pytest.mark.parametrize(
    ("people", "roles"),
    [(("p1",), (0, 1)), (("p1", "p1"), (0, 0)), (("p1",), (3,)), (("p1",), (-1,))],
    ids=["fewer people than roles", "a person twice", "no such role", "a negative role"],
)
def test_classes_that_contradict_themselves_are_refused(
    people: tuple[str, ...], roles: tuple[int, ...]
) -> None:
    with pytest.raises(ContractError):
        Classes(people=people, role_of_person=roles)


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"people": 3})])
def test_what_is_no_classes_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "classes.json").write_text(content)
    with pytest.raises(ContractError, match=r"classes\.json"):
        Classes.read(tmp_path / "classes.json")


def test_labels_of_people_and_strangers_pass() -> None:
    CLASSES.check_labels([0, 1, STRANGER], where="test")


def test_a_label_out_of_range_is_refused_by_its_place() -> None:
    with pytest.raises(ContractError, match=r"train: person labels \[2\]"):
        CLASSES.check_labels([0, 2], where="train")
