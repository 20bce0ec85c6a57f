"""What Kubeflow shows of a source: counts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.markdown import table

if TYPE_CHECKING:
    from components.ingest_videos.ingest import Ingested


def summarize(ingested: Ingested) -> str:
    """Counts of what was accepted, and of what was rejected by reason, in Markdown."""
    accepted = {
        "Clips": ingested.clips - ingested.albums,
        "Folders of stills": ingested.albums,
        "Stills in them": ingested.stills,
        "Minutes": f"{ingested.seconds / 60:.1f}",
        "People": ingested.people,
        "People of the roster without any": ingested.people_without_clips,
        "Shards": len(ingested.shards),
    }
    text = f"# Source\n\n{table(('Accepted', 'Number'), accepted.items())}\n"
    if not ingested.rejects_by_reason:
        return f"{text}Nothing was rejected.\n"
    reasons = sorted(ingested.rejects_by_reason.items(), key=lambda item: (-item[1], item[0]))
    rejects = table(
        ("Rejected", "Files"), ((reason.replace("_", " "), count) for reason, count in reasons)
    )
    return f"{text}{rejects}"
