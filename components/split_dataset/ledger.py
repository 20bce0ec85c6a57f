"""The books of a run: every clip that came in is in the dataset or among the rejects."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.artifacts import read_json, write_json
from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    COPIES,
    COPIES_FILE,
    EXTRACT_FILE,
    INGEST_FILE,
    REJECTS,
    REJECTS_FILE,
    SOURCE_FILE,
)
from components.errors import ContractError
from components.parquet import open_table, parquet_writer, read_table, write_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LISTED_PAIRS: Final = 1000
"""Of copies; whoever has more looks at their folders first."""


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


def write_copies(clips: Path, pairs: Sequence[tuple[str, str]], output: Path) -> None:
    """Write COPIES_FILE, for people to find and delete them.

    Args:
        clips: the directory that ingest_videos wrote.
        pairs: ids of clips that are one recording; the first LISTED_PAIRS are written.
        output: the directory to write into.
    """
    told = list(enumerate(pairs[:LISTED_PAIRS], start=1))
    ids = sorted({clip for _, pair in told for clip in pair})
    table = read_table(clips / CLIPS_FILE, CLIPS, [name for name in COPIES.names if name != "pair"])
    own = table.filter(pc.is_in(table["clip_id"], pa.array(ids, pa.string())))
    row_of = {row["clip_id"]: row for row in own.to_pylist()}
    rows = [{"pair": number, **row_of[clip]} for number, pair in told for clip in pair]
    write_table(output / COPIES_FILE, pa.Table.from_pylist(rows, schema=COPIES))


def _sum(notes: Iterable[dict[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for note in notes:
        for name, value in note.items():
            total[name] = total.get(name, 0) + value
    return total
