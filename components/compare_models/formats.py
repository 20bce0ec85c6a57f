"""Numbers as a reader wants them: few digits, a unit, narrow spaces, never more than is known."""

from __future__ import annotations

import math
import re
from typing import Final

THIN: Final = "\N{NARROW NO-BREAK SPACE}"
MISSING: Final = "not measurable"

_SECONDS_A_MINUTE: Final = 60
_RAISED: Final = str.maketrans("-0123456789", "\N{SUPERSCRIPT MINUS}⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share: float | None) -> str:
    """A share with one decimal; only exactly all is 100 %, only exactly none is 0 %."""
    if share is None:
        return MISSING
    if share in {0, 1}:
        return f"{share * 100:.0f}{THIN}%"
    text = f"{share * 100:.1f}"
    text = {"100.0": ">99.9", "0.0": "<0.1"}.get(text, text)
    return f"{text}{THIN}%"


def round_percent(share: float) -> str:
    """A share that was chosen to be round, such as the tick of an axis."""
    return f"{share * 100:.4g}{THIN}%"


def points(difference: float | None) -> str:
    """A difference of two shares in percentage points, with its sign."""
    if difference is None:
        return MISSING
    rounded = round(difference * 100, 1)
    sign = "\N{MINUS SIGN}" if rounded < 0 else "+" if rounded > 0 else "\N{PLUS-MINUS SIGN}"
    return f"{sign}{abs(rounded):.1f}"


def integer(count: float) -> str:
    """A count with narrow spaces between thousands."""
    return f"{count:,.0f}".replace(",", THIN)


def hits(share: float | None, n: int) -> str:
    """How many of how many, from an accuracy and its number of trials."""
    return MISSING if share is None else f"{integer(round(share * n))} of {integer(n)}"


def significant(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, with a power of ten only under a thousandth."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) < 1e-3:
        return _power_of_ten(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    if decimals <= 0:
        return integer(value)
    return f"{value:.{decimals}f}"


def tick(value: float) -> str:
    """A round number as an axis shows it."""
    return integer(value) if value >= 1000 else _power_of_ten(f"{value:g}")


def _power_of_ten(text: str) -> str:
    """A number in the notation of printf, its exponent raised."""
    digits, exponent, power = text.partition("e")
    if not exponent:
        return digits
    return f"{digits}\N{MULTIPLICATION SIGN}10{str(int(power)).translate(_RAISED)}"


def milliseconds(value: float) -> str:
    """A latency."""
    return f"{significant(value)}{THIN}ms"


def seconds(value: float) -> str:
    """A duration."""
    if value < _SECONDS_A_MINUTE:
        return f"{significant(value)}{THIN}s"
    minutes, rest = divmod(round(value), _SECONDS_A_MINUTE)
    return f"{integer(minutes)}{THIN}min {rest:02d}{THIN}s"


def byte_size(count: int) -> str:
    """A size in decimal units."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{significant(size)}{THIN}{unit}"
        size /= 1000
    return f"{significant(size)}{THIN}GB"


def millions(count: int) -> str:
    """A number of parameters: in full up to ten thousand, in millions above."""
    return integer(count) if count < 10_000 else f"{significant(count / 1e6)}{THIN}M"


def words(code: str) -> str:
    """A code such as `consent_expired` in words."""
    return code.replace("_", " ")


def plain(text: str) -> str:
    """Foreign text in one line, its control and direction characters made visible."""
    line = re.sub(r"[\t\n\r]+", " ", text)
    return "".join(letter if _is_plain(letter) else "\N{REPLACEMENT CHARACTER}" for letter in line)


def _is_plain(letter: str) -> bool:
    return letter.isprintable() or letter == THIN
