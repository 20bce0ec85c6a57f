"""One thing is worked on while the one before it is used."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.embed_frames.ahead import work_ahead


@given(st.lists(st.integers()))
def test_each_comes_with_what_was_made_of_it_in_order(items):
    assert list(work_ahead(lambda item: 2 * item, items)) == [(item, 2 * item) for item in items]


def test_the_next_is_worked_on_while_one_is_used():
    begun = [threading.Event() for _ in range(3)]
    for item, _ in work_ahead(lambda item: begun[item].set(), range(3)):
        assert all(event.wait(10) for event in begun[: item + 2])


def test_no_more_than_two_are_there_at_once():
    fetched = []
    for used, _ in enumerate(work_ahead(lambda item: item, map(fetched.append, range(9)))):
        assert len(fetched) <= used + 2


def test_what_stops_the_work_is_raised_where_its_result_is_asked_for():
    def work(item):
        if item == 1:
            raise OSError("no space")
        return item

    results = work_ahead(work, range(3))
    assert next(results) == (0, 0)
    with pytest.raises(OSError, match="no space"):
        next(results)
