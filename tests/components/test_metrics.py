"""Nested metrics under flat names."""

from __future__ import annotations

from components.metrics import flat_numbers


def test_numbers_are_named_by_their_path_and_the_rest_is_left_out():
    nested = {"a": 1, "b": {"c": 0.5, "d": {"e": 2}}, "name": "x", "none": None, "flag": True}
    assert dict(flat_numbers(nested)) == {"a": 1.0, "b.c": 0.5, "b.d.e": 2.0}
