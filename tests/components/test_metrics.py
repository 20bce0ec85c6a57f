"""Nested metrics under flat names, and where a step shows them."""

from __future__ import annotations

from kfp import dsl

from components.artifacts import read_json
from components.metrics import flat_numbers, publish


def test_numbers_are_named_by_their_path_and_the_rest_is_left_out():
    nested = {"a": 1, "b": {"c": 0.5, "d": {"e": 2}}, "name": "x", "none": None, "flag": True}
    assert dict(flat_numbers(nested)) == {"a": 1.0, "b.c": 0.5, "b.d.e": 2.0}


def test_what_is_published_is_shown_and_stands_in_the_file_with_what_the_step_took(tmp_path):
    metrics = dsl.Metrics(uri=str(tmp_path / "metrics"))
    publish(metrics, {"clips": 3, "rejects": {"empty": 1}, "person": "p1"})
    assert set(metrics.metadata) == {
        "clips",
        "rejects.empty",
        "step.seconds",
        "step.peak_memory_bytes",
    }
    assert read_json(tmp_path / "metrics") == metrics.metadata
