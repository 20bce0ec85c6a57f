"""The summary of a task says what was measured, and what was not."""

from __future__ import annotations

import pytest

from components.evaluation.summary import summarise
from tests.components.evaluation.cases import WITHOUT_STRANGERS, evaluated

EDGE = {
    "precision": "int8",
    "rule": "int8 loses 0.0 points to float32",
    "precisions": {
        name: {
            "size_bytes": size,
            "latency_ms": {"p50": 4.0, "p99": 5.0},
            "identity_accuracy": 0.5,
        }
        for name, size in (("float32", 8_000_000), ("int8", 2_000_000))
    },
}


def words(evaluation, **more):
    leaky = {"identity_accuracy": 0.99, "role_accuracy": 0.99, "n": 9}
    named = {"name": "Tiny", "status": "succeeded", "reason": None}
    return summarise({**named, **evaluation.metrics, "random_split": leaky, "edge": EDGE, **more})


def test_the_summary_tells_rates_with_what_is_left_open():
    told = words(evaluated())
    assert "| right person | 100.0% (0.0% to 100.0%) | 100.0% (0.0% to 100.0%) |" in told
    assert "| FPIR | 0.0% of 2 (up to 100.0%) | 0.0% of 1 (up to 100.0%) |" in told
    assert "| int8 (default) | 2.0 | 4.0 | 5.0 | 50.0% |" in told


def test_the_summary_calls_not_measurable_what_is():
    assert "| FPIR | not measurable | not measurable |" in words(evaluated(*WITHOUT_STRANGERS))


@pytest.mark.parametrize(("passed", "expected"), [(True, "passed: 5.0%"), (False, "**FAILED")])
def test_the_summary_tells_how_the_negative_control_went(passed, expected):
    control = {"identity_accuracy": 0.05, "n": 20, "chance": 0.05, "passed": passed}
    assert f"Negative control {expected}" in words(evaluated(), negative_control=control)


def test_the_summary_of_a_model_that_failed_is_its_reason():
    failed = {"name": "Tiny", "status": "failed", "reason": "# no file\nput it there"}
    assert summarise(failed) == "# Tiny\n\nIt failed:\n\n    # no file\n    put it there\n"
