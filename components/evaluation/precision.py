"""In which precision a model goes to the edge unless somebody asks for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PRECISIONS = ("float32", "float16", "int8")
"""The larger file first."""
LARGEST_LOSS = 0.01
"""Of transaction identity accuracy that int8 may cost for being smaller and faster."""


def choose_precision(accuracy: Mapping[str, float | None]) -> tuple[str, str]:
    """Choose float16, or int8 where that loses at most LARGEST_LOSS.

    Args:
        accuracy: transaction identity accuracy of each of PRECISIONS that was exported; None where
            nothing could be tested.

    Returns:
        The precision, and why it is that one.

    Raises:
        ValueError: nothing was exported.
    """
    exported = [name for name in PRECISIONS if name in accuracy]
    if not exported:
        raise ValueError("a model that was exported in no precision has no default one")
    full, small = accuracy[exported[0]], accuracy.get("int8")
    otherwise = "float16" if "float16" in accuracy else exported[0]
    if "int8" not in accuracy:
        return otherwise, "int8 was not exported"
    if full is None or small is None:
        return otherwise, "what int8 loses cannot be measured: nobody stands on the test side"
    told = f"int8 loses {100 * (full - small):.1f} points to {exported[0]}"
    if full - small <= LARGEST_LOSS + 1e-9:
        return "int8", f"{told}, at most {100 * LARGEST_LOSS:g} allowed"
    return otherwise, f"{told}, more than the {100 * LARGEST_LOSS:g} allowed"
