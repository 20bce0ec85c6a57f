"""The leaderboard as Kubeflow shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.compare_models.formats import byte_size, hits, milliseconds, percent, points
from components.markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = ("Model", "Right person", "Difference, points", "FPIR", "Latency p50", "Size", "Lacked")


def summarize(leaderboard: Mapping[str, Any]) -> str:
    """The models, best first, with what decided, in Markdown."""
    champion, protocol = leaderboard["champion"], leaderboard["protocol"]
    leaks = " (it leaks)" if protocol["leaks"] else ""
    optimistic = " (within-session, optimistic)" if protocol["within_session"] else ""
    title = f"{champion} is the champion" if champion else "Nothing was ranked"
    return (
        f"# {escape(title)}\n\n"
        f"Split {escape(protocol['name'].replace('_', ' '))}{leaks or optimistic}. "
        f"Rule: {escape(leaderboard['rule'])}.\n\n"
        f"{table(COLUMNS, _rows(leaderboard))}\n"
        "Of test transactions. FPIR: strangers taken for somebody known.\n"
    )


def _rows(leaderboard: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for row in leaderboard["models"]:
        if row["status"] != "succeeded":
            yield (row["name"], *[""] * (len(COLUMNS) - 2), f"failed: {row['reason']}")
            continue
        score, difference = row["transaction"], row["difference"]
        yield (
            row["name"],
            f"{percent(score['identity_accuracy'])}, {hits(score['identity_accuracy'], score['n'])}"
            if score["n"]
            else "not measurable",
            points(difference["value"]) if difference else "",
            percent(score["open_set"]["fpir"]),
            milliseconds(row["latency_ms"]["p50"]),
            byte_size(row["size_bytes"]),
            row["lacked"] or ("champion" if row["name"] == leaderboard["champion"] else ""),
        )
