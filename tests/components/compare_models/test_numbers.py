"""Numbers as text, and where the marks of a chart stand."""

from __future__ import annotations

import itertools
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compare_models import charts, formats
from components.compare_models.curves import det, reliability
from components.compare_models.histograms import histograms
from tests.components.compare_models.finished_run import evaluation, succeeded


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


RATES = st.floats(0, 1)


@given(st.lists(st.tuples(RATES, RATES, RATES), min_size=1, max_size=50))
def test_a_det_curve_lies_within_its_plot_and_its_labels_are_apart(curve):
    drawn = det({"det": {"frame": curve, "transaction": None}}, succeeded("A"))
    assert [series.name for series in drawn.series] == ["frames"]
    assert all(0 <= side <= 100 for point in drawn.series[0].points for side in point)
    assert 0 <= drawn.rule <= 100, "the target is on the axis"
    for axis in (drawn.x_axis, drawn.y_axis):
        places = [axis.at(tick) for tick in axis.ticks]
        assert places[0] == 0
        assert places[-1] == 100
        assert all(after - before >= 14 for before, after in itertools.pairwise(places))


def test_a_det_curve_of_normal_deviates_is_straight():
    """Scores of two normal distributions give a line (Martin et al., 1997)."""
    normal = NormalDist()
    thresholds = [step / 10 for step in range(-20, 31)]
    curve = [[at, 1 - normal.cdf(at), normal.cdf(at - 1)] for at in thresholds]
    drawn = det({"det": {"frame": None, "transaction": curve}}, succeeded("A"))
    (x0, y0), *between, (x1, y1) = drawn.series[0].points
    assert len(between) > 20
    for x, y in between:
        assert y == pytest.approx(y0 + (y1 - y0) * (x - x0) / (x1 - x0), abs=0.05)


def test_without_strangers_there_is_no_det_curve():
    assert det({"det": {"frame": None, "transaction": None}}, succeeded("A")) is None


def test_a_reliability_diagram_leaves_out_bins_that_hold_nothing():
    drawn = reliability(evaluation())
    assert [len(series.points) for series in drawn.series] == [5, 5]
    assert drawn.series[0].points[0] == (55.0, 50.0)


def test_bars_are_shares_of_their_own_group_and_know_their_side_of_the_threshold():
    scores = {"edges": [0.0, 0.25, 0.5, 0.75, 1.0], "student": [1, 1, 1, 1], "staff": [0] * 4}
    drawn = histograms({**scores, "visitor": [0] * 4, "stranger": [0, 8, 0, 0]}, 0.6)
    assert [(chart.title, chart.n) for chart in drawn] == [("Students", 4), ("Strangers", 8)]
    sides = [bar.side for bar in drawn[0].bars]
    assert sides == ["below", "below", "across", "above"]
    assert [bar.height for bar in drawn[0].bars] == [25.0] * 4
    assert [bar.height for bar in drawn[1].bars] == [100.0]
    assert {chart.threshold for chart in drawn} == {60.0}


def test_without_a_threshold_nobody_is_below_it():
    drawn = histograms(evaluation()["scores"], None)
    assert {bar.side for chart in drawn for bar in chart.bars} == {"above"}
