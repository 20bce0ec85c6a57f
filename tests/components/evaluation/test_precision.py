"""The precision that ships is int8 where it costs next to nothing, else float16 where that does."""

from __future__ import annotations

import pytest

from components.edge.model import Precision
from components.evaluation.precision import choose_precision

FASTER = {Precision.FLOAT32: 8.0, Precision.FLOAT16: 8.0, Precision.INT8: 3.0}


def accuracies(int8, *, full=(0.95, 0.95), half=None):
    """On the calibration side and on the test side."""
    sides = {Precision.FLOAT32: full, Precision.FLOAT16: half or full, Precision.INT8: int8}
    return {
        precision: dict(zip(("calibration", "test"), values, strict=True))
        for precision, values in sides.items()
    }


@pytest.mark.parametrize(
    ("int8", "chosen"),
    [(0.95, "int8"), (0.94, "int8"), (0.9399, "float16"), (0.97, "int8"), (0.0, "float16")],
)
@pytest.mark.parametrize("side", [0, 1])
def test_int8_ships_only_if_it_loses_at_most_a_point_on_either_side(int8, chosen, side):
    values = [0.95, 0.95]
    values[side] = int8
    assert choose_precision(accuracies(values), FASTER)[0] == chosen


def test_the_rule_says_what_int8_loses():
    assert choose_precision(accuracies((0.95, 0.9)), FASTER)[1] == (
        "int8 loses at most 5.0 points to float32 on a side, more than the 1 allowed"
    )


def test_what_cannot_be_measured_is_not_taken_for_no_loss():
    assert choose_precision(accuracies((None, None), full=(None, None)), FASTER)[0] == "float16"


def test_a_side_without_anybody_does_not_count():
    assert choose_precision(accuracies((0.95, None), full=(0.95, None)), FASTER)[0] == "int8"


def test_without_int8_float16_ships():
    exported = accuracies((0.95, 0.95))
    del exported[Precision.INT8]
    assert choose_precision(exported, FASTER) == ("float16", "int8 was not exported")


def test_int8_that_is_no_faster_does_not_ship():
    assert choose_precision(accuracies((0.95, 0.95)), {**FASTER, Precision.INT8: 9.0}) == (
        "float16",
        "int8 is no faster",
    )


@pytest.mark.parametrize(("half", "chosen"), [(0.94, "float16"), (0.93, "float32")])
def test_float16_that_loses_more_than_a_point_does_not_ship_either(half, chosen):
    told = choose_precision(accuracies((0.95, 0.5), half=(half, 0.95)), FASTER)
    assert told[0] == chosen
    assert ("float16 loses at most 2.0 points" in told[1]) == (chosen == "float32")
