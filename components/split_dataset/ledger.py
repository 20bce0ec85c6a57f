"""The books of a run: every clip that came in is in the dataset or among the rejects."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from components.artifacts import read_json, write_json
from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    EXTRACT_FILE,
    INGEST_FILE,
    REJECTS,
    REJECTS_FILE,
    SOURCE_FILE,
)
from components.errors import ContractError
from components.parquet import open_table, parquet_writer, read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def close_books(
    clips: Path, extractions: Sequence[Path], used: set[str], output: Path
) -> dict[str, Any]:
    """Gather all rejects into `output` and sum up what became of the source.

    Args:
        clips: the directory that ingest_videos wrote.
        extractions: the directories that extract_frames noted its rejects in.
        used: ids of the clips that have frames.
        output: the directory to write REJECTS_FILE and SOURCE_FILE in.

    Returns:
        What SOURCE_FILE holds: the source's fingerprint, and counts of clips, frames and rejects.

    Raises:
        ContractError: a clip is neither in the dataset nor among the rejects, or in both.
    """
    reasons: Counter[str] = Counter()
    rejected: set[str] = set()
    with parquet_writer(output / REJECTS_FILE, REJECTS) as writer:
        for directory in (clips, *extractions):
            with open_table(directory / REJECTS_FILE, REJECTS) as file:
                for batch in file.iter_batches():
                    reasons.update(batch["reason"].to_pylist())
                    if directory != clips:  # a single still of an album has no clip_id
                        rejected.update(batch["clip_id"].drop_null().to_pylist())
                    writer.write_batch(batch)
    ingested = set(read_table(clips / CLIPS_FILE, CLIPS, ["clip_id"])["clip_id"].to_pylist())
    lost, twice = ingested - used - rejected, used & rejected
    if lost or twice:
        raise ContractError(
            f"of {len(ingested)} clips {len(lost)} are neither in the dataset nor rejected, and "
            f"{len(twice)} are both: a shard is missing or was given twice"
        )
    summary = {
        **read_json(clips / INGEST_FILE),
        "extraction": _sum(read_json(directory / EXTRACT_FILE) for directory in extractions),
        "clips_used": len(used),
        "rejects_by_reason": dict(sorted(reasons.items())),
    }
    write_json(output / SOURCE_FILE, summary)
    return summary


def _sum(notes: Iterable[dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for note in notes:
        for name, value in note.items():
            total[name] = total.get(name, 0) + value
    return total
