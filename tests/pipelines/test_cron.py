"""What a cron expression means to Kubeflow's scheduler, and what is no cron expression."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import RollcallError
from pipelines.cron import DAYS, FIELDS, MONTHS, Cron, parse_cron

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def times(text: str, count: int = 3) -> list[str]:
    return [
        f"{each:%a %d %H:%M:%S}" for each in itertools.islice(parse_cron(text).after(MONDAY), count)
    ]


def test_five_fields_are_those_of_a_crontab_and_get_a_second():
    assert parse_cron("0 3 * * mon").expression == "0 0 3 * * mon"
    assert times("0 3 * * mon") == ["Mon 09 03:00:00", "Mon 16 03:00:00", "Mon 23 03:00:00"]


def test_of_six_fields_the_first_is_the_second():
    assert times("30 0 3 * * 1", 1) == ["Mon 09 03:00:30"]


@pytest.mark.parametrize(
    ("text", "next_ones"),
    [
        ("@daily", ["Tue 03 00:00:00", "Wed 04 00:00:00"]),
        ("@weekly", ["Sun 08 00:00:00", "Sun 15 00:00:00"]),
        ("0 9,17 * * ?", ["Mon 02 17:00:00", "Tue 03 09:00:00"]),
        ("30 8-10/2 * * *", ["Tue 03 08:30:00", "Tue 03 10:30:00"]),
        ("0 20/2 * * *", ["Mon 02 20:00:00", "Mon 02 22:00:00"]),
        ("*/40 * * * *", ["Mon 02 12:40:00", "Mon 02 13:00:00"]),
        ("0 0 1 APR *", ["Wed 01 00:00:00", "Thu 01 00:00:00"]),
    ],
)
def test_lists_ranges_steps_names_and_shorthands(text: str, next_ones: list[str]):
    assert times(text, 2) == next_ones


def test_of_two_days_that_are_given_either_counts():
    assert times("0 0 13 * fri") == ["Fri 06 00:00:00", "Fri 13 00:00:00", "Fri 20 00:00:00"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "0 of its fields"),
        ("0 3 * *", "4 of its fields"),
        ("@fortnightly", "@weekly"),
        ("60 3 * * *", "minute has to be 0 to 59"),
        ("0 24 * * *", "hour has to be 0 to 23"),
        ("0 3 0 * *", "day of the month has to be 1 to 31"),
        ("0 3 * * 7", "0 to 6, or sun to sat"),
        ("0 3 * * monday", "day of the week"),
        ("0 5-2 * * *", "goes backwards"),
        ("*/0 * * * *", "a step"),
        ("-1 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("0 0 30 2 *", "never comes true"),
    ],
)
def test_what_is_no_expression_is_told_by_its_field(text: str, told: str):
    with pytest.raises(RollcallError, match="--cron") as raised:
        parse_cron(text)
    assert told in str(raised.value)


def parts(index: int) -> st.SearchStrategy[str]:
    """What a field can be, and no mistake."""
    field = FIELDS[index]
    values = st.integers(field.low, field.high)
    spans = st.tuples(values, values).map(lambda pair: f"{min(pair)}-{max(pair)}")
    named = st.sampled_from(field.names) if field.names else values.map(str)
    single = st.one_of(st.just("*"), values.map(str), spans, named)
    stepped = st.tuples(single, st.integers(1, 5)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.lists(st.one_of(single, stepped), min_size=1, max_size=3).map(",".join)


@settings(max_examples=50)
@given(st.tuples(*(parts(index) for index in range(6))))
def test_the_times_are_those_that_every_field_allows(fields: tuple[str, ...]):
    try:
        cron = parse_cron(" ".join(fields))
    except RollcallError as error:
        assert "never comes true" in str(error)  # noqa: PT017
        return
    found = list(itertools.islice(cron.after(MONDAY), 5))
    assert found == sorted(set(found))
    assert all(moment > MONDAY and allows(cron, moment) for moment in found)


@settings(max_examples=30)
@given(parts(1), parts(2), st.integers(0, 24 * 60))
def test_no_minute_of_a_day_is_left_out(minute: str, hour: str, start: int):
    cron = parse_cron(f"{minute} {hour} * * *")
    since = MONDAY + timedelta(minutes=start)
    day = [since + timedelta(minutes=each) for each in range(1, 24 * 60 + 1)]
    expected = [moment for moment in day if allows(cron, moment)]
    assert list(itertools.islice(cron.after(since), len(expected))) == expected


def allows(cron: Cron, moment: datetime) -> bool:
    """As crontab(5) has it."""
    seconds, minutes, hours, month_days, months, week_days = cron.values
    clock = moment.second in seconds and moment.minute in minutes and moment.hour in hours
    fits = (moment.day in month_days, moment.isoweekday() % 7 in week_days)
    return clock and moment.month in months and (any(fits) if cron.either else all(fits))


def test_a_name_means_its_number():
    assert parse_cron("0 0 1 dec sat").values[4:] == (frozenset({12}), frozenset({6}))
    assert (len(MONTHS), len(DAYS)) == (12, 7)
