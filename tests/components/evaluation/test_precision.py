"""The default precision is float16, unless int8 costs next to nothing."""

from __future__ import annotations

import pytest

from components.evaluation.precision import choose_precision


@pytest.mark.parametrize(
    ("int8", "chosen"),
    [(0.95, "int8"), (0.94, "int8"), (0.9399, "float16"), (0.97, "int8"), (0.0, "float16")],
)
def test_int8_is_the_default_only_if_it_loses_at_most_a_point(int8, chosen):
    accuracy = {"float32": 0.95, "float16": 0.95, "int8": int8}
    assert choose_precision(accuracy)[0] == chosen


def test_the_rule_says_what_int8_loses():
    accuracy = {"float32": 0.95, "float16": 0.95, "int8": 0.9}
    assert (
        choose_precision(accuracy)[1] == "int8 loses 5.0 points to float32, more than the 1 allowed"
    )


def test_what_cannot_be_measured_is_not_taken_for_no_loss():
    assert choose_precision(dict.fromkeys(("float32", "float16", "int8")))[0] == "float16"


@pytest.mark.parametrize("exported", ["float32", "float16"])
def test_the_only_one_that_was_exported_is_the_default(exported):
    assert choose_precision({exported: 0.9}) == (exported, "int8 was not exported")


def test_float16_is_preferred_to_float32():
    assert choose_precision({"float32": 0.9, "float16": 0.2})[0] == "float16"


def test_a_model_that_was_not_exported_has_no_default():
    with pytest.raises(ValueError, match="no precision"):
        choose_precision({})
