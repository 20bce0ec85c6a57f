"""What becomes champion, and what does not."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.register_model.gate import Comparison, Limits, decide

LIMITS = Limits(min_accuracy=0.8, max_fpir=0.1, max_latency_ms=20, max_size_mb=15)
METRICS = {
    "transaction": {"identity_accuracy": 0.9, "open_set": {"fpir_upper": 0.05}},
    "latency_ms": {"p50": 8.0},
    "size_bytes": 9_000_000,
    "negative_control": {"identity_accuracy": 0.05, "chance": 0.05, "passed": True},
}
AUDIT = {"protocol": {"name": "by_session", "leaks": False}, "checks": {"a": 0, "b": 0}}
NO_CHAMPION = Comparison()
EQUAL = Comparison(
    "3",
    transactions=40,
    people=20,
    excluded=2,
    champion=0.9,
    challenger=0.9,
    difference=0.0,
    interval=(-0.1, 0.1),
)


def changed(values, path, value):
    """A copy with one value changed, or taken away where it is None."""
    values = copy.deepcopy(values)
    *folders, name = path.split(".")
    inner = values
    for folder in folders:
        inner = inner[folder]
    inner[name] = value
    if value is None:
        del inner[name]
    return values


def failed(metrics=METRICS, audit=AUDIT, limits=LIMITS, comparison=NO_CHAMPION):
    return [check.name for check in decide(metrics, audit, limits, comparison).failed]


def test_a_model_that_keeps_every_rule_passes_without_a_warning():
    verdict = decide(METRICS, AUDIT, LIMITS, EQUAL)
    assert (verdict.passed, verdict.warnings) == (True, ())


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("transaction.identity_accuracy", 0.79, "accuracy"),
        ("transaction.open_set.fpir_upper", 0.11, "fpir"),
        ("latency_ms.p50", 20.1, "latency"),
        ("size_bytes", 15_000_001, "size"),
        ("negative_control.passed", False, "negative_control"),
        ("transaction.identity_accuracy", None, "accuracy"),
        ("transaction.open_set.fpir_upper", None, "fpir"),
        ("transaction.open_set", None, "fpir"),
        ("latency_ms", None, "latency"),
        ("size_bytes", None, "size"),
        ("negative_control", None, "negative_control"),
        ("transaction.identity_accuracy", float("nan"), "accuracy"),
        ("transaction.open_set.fpir_upper", float("nan"), "fpir"),
    ],
)
def test_each_rule_fails_by_itself_and_so_does_what_was_not_measured(path, value, rule):
    assert failed(changed(METRICS, path, value)) == [rule]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("protocol.leaks", True),
        ("protocol.leaks", None),
        ("checks", {"a": 0, "b": 1}),
        ("checks", {}),
        ("checks", None),
    ],
)
def test_an_audit_that_found_something_or_looked_at_nothing_fails(path, value):
    assert failed(audit=changed(AUDIT, path, value)) == ["audit"]


def test_a_champion_that_is_better_fails_the_model():
    better = replace(EQUAL, challenger=0.7, difference=0.2, interval=(0.01, 0.4))
    verdict = decide(METRICS, AUDIT, LIMITS, better)
    assert [check.name for check in verdict.failed] == ["champion"]
    assert "version 3 is better: 0.900 against 0.700" in verdict.failed[0].sentence


def test_a_champion_that_another_run_can_compare_blocks():
    assert failed(comparison=Comparison("3", "it came up meanwhile", curable=True)) == ["champion"]


def test_a_champion_that_no_run_can_compare_does_not_block_but_is_not_passed_over_in_silence():
    verdict = decide(METRICS, AUDIT, LIMITS, Comparison("3", "its frames were cut otherwise"))
    assert verdict.passed
    assert "version 3: its frames were cut otherwise" in verdict.warnings[0]


def test_rules_that_are_left_open_are_said_to_be():
    open_ = Limits(min_accuracy=0, max_fpir=1, max_latency_ms=20, max_size_mb=15)
    verdict = decide(changed(METRICS, "transaction.open_set", None), AUDIT, open_, NO_CHAMPION)
    assert verdict.passed
    assert ["gate_min_accuracy" in verdict.warnings[0], "gate_max_fpir" in verdict.warnings[1]]
    assert len(verdict.warnings) == 2


def test_every_rule_has_a_sentence_that_stands_in_the_json():
    told = decide(METRICS, AUDIT, LIMITS, EQUAL).to_json()
    assert told["passed"] is True
    assert [check["name"] for check in told["checks"]] == [
        "accuracy",
        "fpir",
        "latency",
        "size",
        "negative_control",
        "audit",
        "champion",
    ]
    assert all(check["sentence"] for check in told["checks"])


SHARES = st.floats(0, 1)
POSITIVE = st.floats(0, 1e3)


@given(
    st.tuples(SHARES, SHARES, POSITIVE, POSITIVE),
    st.tuples(SHARES, SHARES, POSITIVE, POSITIVE),
    st.tuples(SHARES, SHARES, POSITIVE, POSITIVE),
)
def test_a_model_that_is_nowhere_worse_passes_wherever_the_other_does(first, second, demanded):
    better = max(first[0], second[0]), *map(min, first[1:], second[1:])
    limits = Limits(*demanded)
    passed = [decide(measured(each), AUDIT, limits, EQUAL).passed for each in (first, better)]
    assert passed[0] <= passed[1]


@given(st.tuples(SHARES, SHARES, POSITIVE, POSITIVE), st.lists(POSITIVE, min_size=4, max_size=4))
def test_what_passes_passes_looser_limits_too(values, looser):
    strict = Limits(0.5, 0.5, 100, 100)
    loose = Limits(
        max(0, 0.5 - looser[0]), min(1, 0.5 + looser[1]), 100 + looser[2], 100 + looser[3]
    )
    passed = [decide(measured(values), AUDIT, each, EQUAL).passed for each in (strict, loose)]
    assert passed[0] <= passed[1]


def measured(values):
    accuracy, fpir, latency, size = values
    return {
        **METRICS,
        "transaction": {"identity_accuracy": accuracy, "open_set": {"fpir_upper": fpir}},
        "latency_ms": {"p50": latency},
        "size_bytes": size * 1e6,
    }
