"""Reads cron expressions as Kubeflow's scheduler does, and says when they next come true.

The scheduler is robfig/cron of version 1 (https://pkg.go.dev/github.com/robfig/cron@v1.2.0): six
fields, seconds first. It also takes five, but then as second to month, so that the five of a
crontab, which are minute to day of the week, would run at quite other times. Here five fields are
those of a crontab.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from components.errors import RollcallError

if TYPE_CHECKING:
    from collections.abc import Iterator

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SHORTHANDS: Final = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
ANY: Final = ("*", "?")
LONGEST_DAYS: Final = 5 * 366
"""The scheduler looks no further ahead than five years."""


class Field(NamedTuple):
    """A field of an expression: what it is called, its limits, and the names of its values."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


FIELDS: Final = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 0, 6, DAYS),
)


@dataclass(frozen=True)
class Cron:
    """A schedule.

    Attributes:
        expression: six fields, as the scheduler takes them.
        values: what each field allows.
        either: whether a day has to fit the month's or the week's field, as neither is `*`.
    """

    expression: str
    values: tuple[frozenset[int], ...]
    either: bool

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times in UTC that come after `moment`, for as long as the scheduler looks ahead."""
        seconds, minutes, hours = (sorted(each) for each in self.values[:3])
        first = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        for days in range(LONGEST_DAYS):
            day = first + timedelta(days=days)
            if self._is_on(day):
                for hour, minute, second in itertools.product(hours, minutes, seconds):
                    found = day.replace(hour=hour, minute=minute, second=second)
                    if found > moment:
                        yield found

    def _is_on(self, day: datetime) -> bool:
        *_, month_days, months, week_days = self.values
        fits = (day.day in month_days, day.isoweekday() % 7 in week_days)
        return day.month in months and (any(fits) if self.either else all(fits))


def parse_cron(text: str) -> Cron:
    """Read an expression of five or six fields, or a shorthand such as @daily.

    Raises:
        RollcallError: it is none, or never comes true; the message names the field.
    """
    parts = SHORTHANDS.get(text.strip(), text).split()
    if len(parts) == 5:
        parts = ["0", *parts]
    if len(parts) != 6:
        raise RollcallError(
            f"--cron has {len(parts)} of its fields: give five (minute, hour, day of the month, "
            "month, day of the week, as in a crontab), six with the second first, or one of "
            f"{', '.join(SHORTHANDS)}. For example: --cron '0 3 * * mon'"
        )
    values = tuple(map(_values, parts, FIELDS))
    either = not any(part.startswith(ANY) for part in (parts[3], parts[5]))
    cron = Cron(" ".join(parts), values, either)
    if next(cron.after(datetime.now(UTC)), None) is None:
        raise RollcallError(f"--cron {text!r} never comes true within five years")
    return cron


def _values(part: str, of: Field) -> frozenset[int]:
    return frozenset(itertools.chain.from_iterable(_range(each, of) for each in part.split(",")))


def _range(part: str, of: Field) -> range:
    """`*`, `N`, `N-M`, and each with `/STEP`; `N/STEP` goes on to the end."""
    span, slash, step = part.partition("/")
    low, dash, high = span.partition("-")
    if low in ANY and not dash:
        first, last = of.low, of.high
    else:
        first = _value(low, of, part)
        last = _value(high, of, part) if dash else (of.high if slash else first)
    if first > last:
        raise _wrong(part, of, "goes backwards")
    if slash and not (step.isdecimal() and int(step)):
        raise _wrong(part, of, "has a step that is no number from 1")
    return range(first, last + 1, int(step or 1))


def _value(text: str, of: Field, part: str) -> int:
    if text.lower() in of.names:
        return of.names.index(text.lower()) + of.low
    if not (text.isascii() and text.isdecimal() and of.low <= int(text) <= of.high):
        named = f", or {of.names[0]} to {of.names[-1]}" if of.names else ""
        raise _wrong(part, of, f"has to be {of.low} to {of.high}{named}")
    return int(text)


def _wrong(part: str, of: Field, why: str) -> RollcallError:
    return RollcallError(f"--cron: {part!r} for the {of.name} {why}")
