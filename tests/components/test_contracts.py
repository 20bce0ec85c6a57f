"""What passes between two steps."""

from __future__ import annotations

import pyarrow as pa

from components.contracts import (
    FRAME_KEY,
    FRAMES,
    REJECTS,
    ClipError,
    Reason,
    Reject,
    features_file,
    features_schema,
    rejects_table,
)
from components.errors import RollcallError


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
