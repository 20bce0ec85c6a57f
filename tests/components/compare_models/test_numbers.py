"""Numbers as text, and where the marks of a chart stand."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compare_models import charts, formats


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "not measurable"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.95, "95.0 %"),
        (11_999 / 12_000, ">99.9 %"),
        (1 / 12_000, "<0.1 %"),
    ],
)
def test_only_all_is_a_hundred_per_cent_and_only_none_is_zero(share, text):
    assert formats.percent(share).replace(formats.THIN, " ") == text


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (formats.milliseconds, 0.0741, "0.0741 ms"),
        (formats.milliseconds, 8.1, "8.10 ms"),
        (formats.milliseconds, 1234.5, "1 234 ms"),
        (formats.seconds, 2.778, "2.78 s"),
        (formats.seconds, 125.4, "2 min 05 s"),
        (formats.byte_size, 999, "999 B"),
        (formats.byte_size, 13_240, "13.2 kB"),
        (formats.byte_size, 9_012_345, "9.01 MB"),
        (formats.byte_size, 3_000_000_000, "3.00 GB"),
        (formats.millions, 2476, "2 476"),
        (formats.millions, 2_257_984, "2.26 M"),
        (formats.significant, 0, "0"),
        (formats.significant, 2.38e-7, "2.38\u00d710\u207b\u2077"),
        (formats.tick, 0.005, "0.005"),
        (formats.tick, 3 * 1e-7, "3\u00d710\u207b\u2077"),
        (formats.tick, 5000.0, "5 000"),
        (formats.points, 0.0216, "+2.2"),
        (formats.points, -0.016, "\u22121.6"),
        (formats.points, 0.0, "\u00b10.0"),
        (formats.points, None, "not measurable"),
        (formats.plain, "a\n\tb\x00\u202e", "a b\ufffd\ufffd"),
    ],
)
def test_numbers_carry_three_digits_and_their_unit(form, value, text):
    assert form(value).replace(formats.THIN, " ") == text


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_counts_come_back_from_shares(trial):
    right, n = trial
    assert formats.hits(right / n, n) == f"{right} of {n}"


@given(st.lists(st.floats(0, 1e6), max_size=9))
def test_an_axis_from_zero_holds_its_values(values):
    axis = charts.from_zero(values)
    assert all(0 <= axis.at(value) <= 100 for value in values)
    assert 2 <= len(axis.ticks) <= 7


@given(st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=9))
def test_an_axis_of_latencies_holds_its_values_and_has_ticks(values):
    axis = charts.positive(values)
    assert all(0 <= axis.at(value) <= 100 for value in values)
    assert 2 <= len(axis.ticks) <= 7
    assert all(0 <= axis.at(tick) <= 100 for tick in axis.ticks)


@given(st.floats(0, 1))
def test_an_axis_of_shares_holds_everything_from_the_lowest(lowest):
    axis = charts.shares(lowest)
    assert axis.low <= lowest
    assert axis.ticks[-1] == 1
    assert len(axis.ticks) <= 7


@given(st.integers(0, 300))
def test_epochs_are_labelled_with_whole_numbers(last):
    ticks = charts.epochs(last).ticks
    assert ticks[0] == 0
    assert all(tick == int(tick) for tick in ticks)
    assert 2 <= len(ticks) <= 7


def test_labels_keep_clear_of_marks_and_of_each_other():
    values = [charts.Value(str(n), 8.0 + n / 10, 1.0, (0.8, 1.0)) for n in range(4)]
    drawn = charts.scatter(values)
    spots = [(mark.x * 2.9 + mark.label_dx, mark.y * 2.6 + mark.label_dy) for mark in drawn.marks]
    assert all(
        abs(a[0] - b[0]) >= 15 or abs(a[1] - b[1]) >= 13
        for a, b in itertools.combinations(spots, 2)
    )
