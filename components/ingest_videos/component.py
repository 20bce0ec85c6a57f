"""The step `ingest_videos` as Kubeflow sees it."""

from typing import List

from kfp import dsl


@dsl.component(base_image="rollcall-data:0.1.0", install_kfp_package=False)
def ingest_videos(
    source: str,
    workers: int,
    clips: dsl.Output[dsl.Dataset],
    summary: dsl.Output[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
    roster: str = "",
) -> List[int]:
    """List the clips and stills of a source, check roster and consent, and deal out to shards.

    Args:
        source: Folder (path or file://) with roster.csv and videos/ or images/ or both, or its URL
            in Azure Blob.
        workers: Number of shards wanted; there are never more than clips.
        clips: Directory with clips.parquet, stills.parquet, rejects.parquet, people.parquet and
            ingest.json.
        summary: Counts of what was accepted, and of rejects by reason.
        metrics: The same counts, and what the step took.
        roster: Where the roster is, if not in the source: path, file:// or URL in Azure Blob.

    Returns:
        The numbers of the shards, for the loop over them.
    """
    from pathlib import Path

    from components.ingest_videos.ingest import ingest
    from components.ingest_videos.summary import summarize
    from components.metrics import publish
    from components.roster import utc_today

    ingested = ingest(source, Path(clips.path), workers=workers, today=utc_today(), roster=roster)
    clips.metadata.update(ingested.summary())
    Path(summary.path).write_text(summarize(ingested), encoding="utf-8")
    publish(metrics, ingested.summary())
    return list(ingested.shards)
