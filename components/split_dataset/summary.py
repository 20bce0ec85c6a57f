"""What the Kubeflow UI shows of the audit: counts, no ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.markdown import table

if TYPE_CHECKING:
    from collections.abc import Mapping

_COUNTS = ("people", "sessions", "transactions", "frames")


def metrics_of(findings: Mapping[str, Any]) -> dict[str, int]:
    """The counts of an audit, each under a name of its own."""
    protocol = findings["protocol"]
    sides = {
        **protocol["sides"],
        **{f"strangers_{side}": counts for side, counts in protocol["strangers"].items()},
    }
    return {
        **{f"{side}_{name}": counts[name] for side, counts in sides.items() for name in _COUNTS},
        "gap_frames": protocol["gap_frames"],
        "near_duplicates_removed": findings["near_duplicates_removed"],
    }


def markdown_of(findings: Mapping[str, Any]) -> str:
    """The audit as Markdown: how it was split, what stands on each side, and the checks."""
    protocol = findings["protocol"]
    rows = [
        *protocol["sides"].items(),
        *((f"strangers, {side}", counts) for side, counts in protocol["strangers"].items()),
    ]
    removed = findings["near_duplicates_removed"]
    verdict = "the step fails on any" if findings["enforced"] else "shown only: the leak is wanted"
    sides = table(("side", *_COUNTS), [(side, *_values(counts)) for side, counts in rows])
    checks = table((f"check ({verdict})", "found"), list(findings["checks"].items()))
    left_out = f"Frames in gaps: {protocol['gap_frames']}; near-duplicates taken out: {removed}."
    return f"# Split: {protocol['name']}{_mark(protocol)}\n\n{sides}\n{left_out}\n\n{checks}"


def _mark(protocol: Mapping[str, Any]) -> str:
    if protocol["leaks"]:
        return " (leaks: no score of it counts)"
    return " (within-session, optimistic)" if protocol["within_session"] else ""


def _values(counts: Mapping[str, int]) -> list[int]:
    return [counts[name] for name in _COUNTS]
