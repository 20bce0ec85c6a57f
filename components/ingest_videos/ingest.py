"""From a source to the clips table: list, admit, probe, settle copies, deal out to shards.

A file is opened only after the roster, its name and its person's consent have been checked. No copy
is kept: a blob is streamed into a temporary file, hashed, probed, and deleted at once. The listing
and the rows go to disk as they come; per file only what `ledger` holds stays in memory.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from components.artifacts import atomic_directory, write_json
from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    INGEST_FILE,
    PEOPLE_FILE,
    REJECTS,
    REJECTS_FILE,
    SECONDS_A_STILL,
    STILLS,
    STILLS_CODEC,
    STILLS_FILE,
    ClipError,
    Reason,
    Reject,
)
from components.errors import ContractError, SourceError
from components.guard import GuardLimits, GuardPool, guarded_threads
from components.ingest_videos.layout import LAYOUTS, SOLE_SESSION, place_of
from components.ingest_videos.ledger import Ledger, Settled, Verdict
from components.ingest_videos.listing import read_listing, write_listing
from components.ingest_videos.people import People
from components.ingest_videos.probe import TASK, Limits, Probe, probe_clip
from components.ingest_videos.probe_still import StillProbe, probe_still
from components.ingest_videos.spool import ROWS_AT_ONCE, RowReader, Rows
from components.parquet import open_table, parquet_writer, write_table
from components.roster import Consent, Person, parse_roster
from components.sources import (
    IMAGES_NAME,
    SUFFIXES,
    VIDEOS_NAME,
    Source,
    SourceFile,
    open_source,
    read_roster,
)
from components.telemetry import Progress, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from datetime import date
    from pathlib import Path

    import pyarrow.parquet as pq

    from components.ingest_videos.albums import Albums

STEP: Final = "ingest_videos"
MAX_WORKERS: Final = 1000
DEFAULT_LIMITS: Final = Limits()

_OF_CLIPS_ALONE: Final = frozenset({"clip_id", "duration_s", "fps", "codec"})
_PROBERS: Final = 4
"""More than there are processors, as they mostly wait for storage."""
_GUARD: Final = GuardLimits(cpu_s=60.0, wall_s=60.0, memory_bytes=512 << 20)
_PROBES_AHEAD: Final = 16
_PROBE_TIMEOUT_S: Final = 1800.0
_LISTING_FILE: Final = "listing.jsonl"
_SPOOL_FILE: Final = "spool.parquet"
_SPOOL: Final = pa.schema([field for field in CLIPS if field.name != "shard"])
_STILLS_SPOOL_FILE: Final = "spool-stills.parquet"
_STILLS_SPOOL: Final = pa.schema(
    [
        pa.field("still_id", pa.string(), nullable=False),
        pa.field("folder_uri", pa.string(), nullable=False),
        *(field for field in _SPOOL if field.name not in _OF_CLIPS_ALONE),
    ]
)
_COPIES: Final = {
    Verdict.DUPLICATE: (Reason.DUPLICATE, "the same content as another file of this person"),
    Verdict.CONFLICTING: (
        Reason.CONFLICTING_PERSON,
        "the same content stands under another person too, so it is wrong for one of them",
    ),
}

log = logging.getLogger("rollcall.ingest_videos")


@dataclass(frozen=True)
class Ingested:
    """What came of a source.

    Attributes:
        shards: numbers of the shards, 0 upwards.
        clips: how many clips were accepted, each album of stills being one.
        albums: how many of them are albums.
        stills: how many stills the albums have.
        seconds: the length of all clips together.
        people: how many people have an accepted clip.
        people_without_clips: how many people of the roster have none.
        rejects_by_reason: how many files were rejected, by `Reason`.
        fingerprint: SHA-256 over what was accepted (`ledger.Settled`).
    """

    shards: tuple[int, ...]
    clips: int
    albums: int
    stills: int
    seconds: float
    people: int
    people_without_clips: int
    rejects_by_reason: dict[str, int]
    fingerprint: str

    def summary(self) -> dict[str, Any]:
        """Return the same as JSON takes it."""
        return {**asdict(self), "shards": list(self.shards)}


def ingest(
    source: str,
    output: Path,
    *,
    workers: int,
    today: date,
    roster: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> Ingested:
    """Write clips, stills, rejects and people.parquet, and ingest.json for a source.

    The clips table has the albums first, then the clips, each by path.

    Args:
        source: folder, file:// URI or Azure Blob URL with videos/ or images/ or both.
        output: directory to write; it appears only when it is complete.
        workers: number of shards wanted, 1 to MAX_WORKERS.
        today: the day on which consent has to hold.
        roster: path, file:// URI or Azure Blob URL of the roster, if not roster.csv in the source.
        limits: what is accepted as a clip.

    Raises:
        ContractError: `workers` is out of range.
        RosterError: the roster is missing or breaks its format.
        SourceError: the source is missing, has no video or still, or none that can be used.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise ContractError(f"workers is {workers}; it has to be 1 to {MAX_WORKERS}")
    with step(STEP) as progress, atomic_directory(output) as work:
        opened = open_source(source)
        known = parse_roster(read_roster(opened, roster))
        listing = work / _LISTING_FILE
        progress.expect(write_listing(listing, opened.files()), "files")
        ledger, people = Ledger(), People(known, today)
        with parquet_writer(work / REJECTS_FILE, REJECTS) as rejects_writer:
            rejects = _Rejects(rejects_writer)
            outcomes = _probed(_admitted(read_listing(listing), known, today), limits)
            _spool(outcomes, work, ledger, people, rejects, progress)
            _refuse_nothing(len(ledger), rejects, opened)
            settled = ledger.settle(workers)
            with parquet_writer(work / CLIPS_FILE, CLIPS) as clips_writer:
                _write_albums(work, settled, clips_writer, people, rejects)
                _write_clips(work, settled, clips_writer, people, rejects)
            rejects.flush()
        _refuse_nothing(settled.kept, rejects, opened)
        for name in (_LISTING_FILE, _SPOOL_FILE, _STILLS_SPOOL_FILE):
            (work / name).unlink()
        write_table(work / PEOPLE_FILE, people.table())
        ingested = _ingested(settled, rejects, people_in_roster=len(known))
        write_json(work / INGEST_FILE, ingested.summary())
    log.info(
        "%d clips and %d stills of %d people accepted",
        ingested.clips - ingested.albums,
        ingested.stills,
        ingested.people,
    )
    return ingested


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A file that may be opened."""

    file: SourceFile
    person: Person
    session: str


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A file that is a usable clip or still."""

    admitted: _Admitted
    probe: Probe | StillProbe


@dataclass(frozen=True, slots=True)
class _Refused:
    """A file that is not."""

    file: SourceFile
    error: ClipError


class _Rejects:
    """Rejects on their way into their file, counted by reason, with an example of each."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._rows = Rows(writer, REJECTS)
        self.by_reason: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, uri: str, error: ClipError, clip_id: str | None = None) -> None:
        self.by_reason[error.reason] += 1
        self._examples.setdefault(error.reason, error.detail)
        self._rows.add(asdict(Reject(uri, STEP, error.reason, error.detail, clip_id)))

    def flush(self) -> None:
        self._rows.flush()

    def describe(self) -> str:
        """One line a reason, with the detail of the first such file (which names nobody)."""
        return "\n".join(
            f"  {reason}: {count} (the first: {self._examples[reason]})"
            for reason, count in self.by_reason.most_common()
        )


def _admitted(
    files: Iterable[SourceFile], roster: Mapping[str, Person], today: date
) -> Iterator[_Admitted | _Refused]:
    for file in files:
        try:
            yield _admit(file, roster, today)
        except ClipError as error:
            yield _Refused(file, error)


def _admit(file: SourceFile, roster: Mapping[str, Person], today: date) -> _Admitted:
    if file.problem is not None:
        raise ClipError(Reason.NOT_A_FILE, file.problem)
    place = place_of(file.path, file.folder)
    person = roster.get(place.person_id)
    if person is None:
        raise ClipError(Reason.NOT_IN_ROSTER, "the roster has no row for the person in its path")
    consent = person.consent_on(today)
    if consent is Consent.MISSING:
        detail = "the person's row has no consent for today with both of its dates"
        raise ClipError(Reason.CONSENT_MISSING, detail)
    if consent is Consent.EXPIRED:
        detail = f"consent ended on {person.consent_expires_on}"
        raise ClipError(Reason.CONSENT_EXPIRED, detail)
    return _Admitted(file, person, place.session)


def _probed(
    files: Iterable[_Admitted | _Refused], limits: Limits
) -> Iterator[_Accepted | _Refused]:
    """Probe on a few threads, a few files ahead; results come in the order of the files."""
    waiting: deque[tuple[SourceFile, Future[_Accepted] | _Refused]] = deque()
    with guarded_threads(TASK, _GUARD, _PROBERS) as (threads, guards):
        for each in files:
            if isinstance(each, _Admitted):
                waiting.append((each.file, threads.submit(_probe, each, limits, guards)))
            else:
                waiting.append((each.file, each))
            if len(waiting) > _PROBES_AHEAD:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())


def _probe(admitted: _Admitted, limits: Limits, guards: GuardPool) -> _Accepted:
    file = admitted.file
    is_still = file.folder == IMAGES_NAME
    return _Accepted(admitted, probe_still(file) if is_still else probe_clip(file, limits, guards))


def _result(file: SourceFile, outcome: Future[_Accepted] | _Refused) -> _Accepted | _Refused:
    if isinstance(outcome, _Refused):
        return outcome
    try:
        return outcome.result(timeout=_PROBE_TIMEOUT_S)
    except ClipError as error:
        return _Refused(file, error)
    except TimeoutError as error:
        raise SourceError(
            f"reading one file took more than {_PROBE_TIMEOUT_S:g} s: the storage does not answer"
        ) from error


def _spool(
    outcomes: Iterable[_Accepted | _Refused],
    work: Path,
    ledger: Ledger,
    people: People,
    rejects: _Rejects,
    progress: Progress,
) -> None:
    with (
        parquet_writer(work / _SPOOL_FILE, _SPOOL) as clips_writer,
        parquet_writer(work / _STILLS_SPOOL_FILE, _STILLS_SPOOL) as stills_writer,
    ):
        clips, stills = Rows(clips_writer, _SPOOL), Rows(stills_writer, _STILLS_SPOOL)
        for outcome in outcomes:
            if isinstance(outcome, _Refused):
                rejects.add(outcome.file.uri, outcome.error)
                people.reject_file(outcome.file.path)
            else:
                row = _row(outcome)
                owner = (row["person_id"], row["role"], row["session"])
                if isinstance(outcome.probe, StillProbe):
                    ledger.add_still(row["still_id"], *owner)
                    stills.add({**row, "folder_uri": _folder_uri(outcome.admitted)})
                else:
                    ledger.add(row["clip_id"], *owner, row["duration_s"])
                    clips.add(row)
            progress.advance()
        clips.flush()
        stills.flush()


def _row(accepted: _Accepted) -> dict[str, Any]:
    """A row of either spool, by the probe."""
    file, person = accepted.admitted.file, accepted.admitted.person
    return {
        **asdict(accepted.probe),
        "uri": file.uri,
        "etag": file.etag,
        "bytes": file.bytes,
        "person_id": person.person_id,
        "role": person.role,
        "session": accepted.admitted.session,
        "consent_expires_on": person.consent_expires_on,
    }


def _folder_uri(admitted: _Admitted) -> str:
    """Of the folder of a session; the SOLE_SESSION has the person's."""
    below = 1 if admitted.session == SOLE_SESSION else 2  # folders that stay of the path
    return admitted.file.uri.rsplit("/", admitted.file.path.count("/") + 1 - below)[0]


def _write_albums(
    work: Path,
    settled: Settled,
    clips_writer: pq.ParquetWriter,
    people: People,
    rejects: _Rejects,
) -> None:
    """Read the spooled stills back, album by album; those that are in none get a reason."""
    with (
        open_table(work / _STILLS_SPOOL_FILE, _STILLS_SPOOL) as spool,
        parquet_writer(work / STILLS_FILE, STILLS) as stills_writer,
    ):
        start = 0
        for batch in spool.iter_batches(batch_size=ROWS_AT_ONCE, columns=["uri", "person_id"]):
            verdicts = settled.still_verdicts[start : start + len(batch)]
            start += len(batch)
            copies = batch.filter(pa.array(verdicts != Verdict.KEPT)).to_pylist()
            for copy, verdict in zip(copies, verdicts[verdicts != Verdict.KEPT], strict=True):
                rejects.add(copy["uri"], ClipError(*_COPIES[Verdict(verdict)]))
                people.reject([copy["person_id"]])
        reader = RowReader(spool)
        clips, stills = Rows(clips_writer, CLIPS), Rows(stills_writer, STILLS)
        for number, shard in enumerate(settled.album_shards):
            album = _album(settled.albums, number, reader, stills)
            people.accept([album["person_id"]])
            clips.add({**album, "shard": shard})
        clips.flush()
        stills.flush()


def _album(albums: Albums, number: int, reader: RowReader, stills: Rows) -> dict[str, Any]:
    """Pass the stills of an album on, and return its row of the clips table."""
    clip_id, members = albums.clip_id(number), albums.stills_of(number)
    album: dict[str, Any] = {"bytes": 0, "width": 0, "height": 0}
    for start in range(0, len(members), ROWS_AT_ONCE):
        for index, row in enumerate(reader.take(members[start : start + ROWS_AT_ONCE]), start):
            stills.add({**row, "clip_id": clip_id, "index": index})
            album = {
                **row,
                "bytes": album["bytes"] + row["bytes"],
                "width": max(album["width"], row["width"]),
                "height": max(album["height"], row["height"]),
            }
    return {
        **album,
        "clip_id": clip_id,
        "uri": album["folder_uri"],
        "etag": None,
        "duration_s": len(members) * SECONDS_A_STILL,
        "fps": None,
        "codec": STILLS_CODEC,
    }


def _write_clips(
    work: Path, settled: Settled, writer: pq.ParquetWriter, people: People, rejects: _Rejects
) -> None:
    """Read the spooled rows back; those that are kept get their shard, the others a reason."""
    start = 0
    with open_table(work / _SPOOL_FILE, _SPOOL) as spool:
        for batch in spool.iter_batches(batch_size=ROWS_AT_ONCE):
            here = slice(start, start + len(batch))
            start += len(batch)
            table = pa.Table.from_batches([batch]).append_column(
                CLIPS.field("shard"), pa.array(settled.shards[here])
            )
            kept = settled.verdicts[here] == Verdict.KEPT
            people.accept(table["person_id"].filter(pa.array(kept)).to_pylist())
            people.reject(table["person_id"].filter(pa.array(~kept)).to_pylist())
            if kept.any():
                writer.write_table(table.filter(pa.array(kept)))
            copies = table.select(["uri", "clip_id"]).filter(pa.array(~kept)).to_pylist()
            verdicts = settled.verdicts[here][~kept]
            for copy, verdict in zip(copies, verdicts, strict=True):
                error = ClipError(*_COPIES[Verdict(verdict)])
                rejects.add(copy["uri"], error, copy["clip_id"])


def _refuse_nothing(clips: int, rejects: _Rejects, source: Source) -> None:
    """An empty result is an error: it says what was looked for, where, and why nothing is left."""
    if clips:
        return
    if not rejects.by_reason:
        raise SourceError(
            f"looked for videos ({' '.join(sorted(SUFFIXES[VIDEOS_NAME]))}) in {source.place} as "
            f"{LAYOUTS[VIDEOS_NAME]}, and for stills ({' '.join(sorted(SUFFIXES[IMAGES_NAME]))}) "
            f"as {LAYOUTS[IMAGES_NAME]}: there is none"
        )
    raise SourceError(
        f"none of the {rejects.by_reason.total()} files in {source.place} can be used:\n"
        f"{rejects.describe()}"
    )


def _ingested(settled: Settled, rejects: _Rejects, *, people_in_roster: int) -> Ingested:
    last_shard = max(settled.shards.max(initial=0), settled.album_shards.max(initial=0))
    return Ingested(
        shards=tuple(range(int(last_shard) + 1)),
        clips=settled.kept,
        albums=len(settled.albums),
        stills=len(settled.albums.members),
        seconds=round(settled.seconds, 3),
        people=settled.people,
        people_without_clips=people_in_roster - settled.people,
        rejects_by_reason={str(key): rejects.by_reason[key] for key in sorted(rejects.by_reason)},
        fingerprint=settled.fingerprint,
    )
