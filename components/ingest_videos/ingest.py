"""From a source to the clips table: admit, probe, settle copies, deal out to shards.

A clip is opened only after the roster, its name and its person's consent have been checked. No copy
is kept: a blob is streamed into a temporary file, hashed, probed, and deleted at once. Rows go to
disk as they come; per clip only what `ledger` holds stays in memory.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from components.artifacts import (
    atomic_directory,
    open_table,
    parquet_writer,
    write_json,
    write_table,
)
from components.contracts import (
    CLIPS,
    CLIPS_FILE,
    INGEST_FILE,
    PEOPLE_FILE,
    REJECTS,
    REJECTS_FILE,
    ClipError,
    Reason,
    Reject,
    rejects_table,
)
from components.errors import ContractError, SourceError
from components.guard import GuardLimits, GuardPool, guarded_threads
from components.ingest_videos.layout import LAYOUTS, place_of
from components.ingest_videos.ledger import Ledger, Settled, Verdict
from components.ingest_videos.people import People
from components.ingest_videos.probe import TASK, Limits, Probe, probe_clip
from components.roster import Consent, Person, parse_roster
from components.sources import VIDEO_SUFFIXES, Source, SourceFile, open_source
from components.telemetry import Progress, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from datetime import date
    from pathlib import Path

    import pyarrow.parquet as pq

STEP: Final = "ingest_videos"
MAX_WORKERS: Final = 1000
DEFAULT_LIMITS: Final = Limits()

_ROWS_AT_ONCE: Final = 1024
_PROBERS: Final = 4
"""More than there are processors, as they mostly wait for storage."""
_GUARD: Final = GuardLimits(cpu_s=60.0, wall_s=60.0, memory_bytes=512 << 20)
_PROBES_AHEAD: Final = 16
_PROBE_TIMEOUT_S: Final = 1800.0
_SPOOL_FILE: Final = "spool.parquet"
_SPOOL: Final = pa.schema([field for field in CLIPS if field.name != "shard"])
_LEDGER_COLUMNS: Final = ("clip_id", "person_id", "role", "session", "duration_s")
_COPIES: Final = {
    Verdict.DUPLICATE: (Reason.DUPLICATE, "the same content as another clip of this person"),
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
        clips: how many clips were accepted.
        seconds: their length together.
        people: how many people have an accepted clip.
        people_without_clips: how many people of the roster have none.
        rejects_by_reason: how many clips were rejected, by `Reason`.
        fingerprint: SHA-256 over what was accepted (`ledger.Settled`).
    """

    shards: tuple[int, ...]
    clips: int
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
    limits: Limits = DEFAULT_LIMITS,
) -> Ingested:
    """Write clips (by path), rejects and people.parquet, and ingest.json for a source.

    Args:
        source: folder, file:// URI or Azure Blob URL with roster.csv and videos/.
        output: directory to write; it appears only when it is complete.
        workers: number of shards wanted, 1 to MAX_WORKERS.
        today: the day on which consent has to hold.
        limits: what is accepted as a clip.

    Raises:
        ContractError: `workers` is out of range.
        RosterError: the roster is missing or breaks its format.
        SourceError: the source is missing, has no video, or none that can be used.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise ContractError(f"workers is {workers}; it has to be 1 to {MAX_WORKERS}")
    with step(STEP) as progress, atomic_directory(output) as work:
        opened = open_source(source)
        roster = parse_roster(opened.read_roster())
        progress.expect(sum(1 for _ in opened.files()), "files")
        ledger, people = Ledger(), People(roster, today)
        with parquet_writer(work / REJECTS_FILE, REJECTS) as rejects_writer:
            rejects = _Rejects(rejects_writer)
            outcomes = _probed(_admitted(opened, roster, today), limits)
            _spool(outcomes, work, ledger, people, rejects, progress)
            _refuse_nothing(len(ledger), rejects, opened)
            settled = ledger.settle(workers)
            _write_clips(work, settled, people, rejects)
            rejects.flush()
        _refuse_nothing(settled.kept, rejects, opened)
        (work / _SPOOL_FILE).unlink()
        write_table(work / PEOPLE_FILE, people.table())
        ingested = _ingested(settled, rejects, people_in_roster=len(roster))
        write_json(work / INGEST_FILE, ingested.summary())
    log.info("%d clips of %d people accepted", ingested.clips, ingested.people)
    return ingested


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A file that may be opened."""

    file: SourceFile
    person: Person
    session: str


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A file that is a usable clip."""

    admitted: _Admitted
    probe: Probe


@dataclass(frozen=True, slots=True)
class _Refused:
    """A file that is not."""

    file: SourceFile
    error: ClipError


class _Rows:
    """Rows on their way into a Parquet file, a few thousand at a time."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=_SPOOL))
            self._rows.clear()


class _Rejects:
    """Rejects on their way into their file, counted by reason, with an example of each."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[Reject] = []
        self.by_reason: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, uri: str, error: ClipError, clip_id: str | None = None) -> None:
        self.by_reason[error.reason] += 1
        self._examples.setdefault(error.reason, error.detail)
        self._waiting.append(Reject(uri, STEP, error.reason, error.detail, clip_id))
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._writer.write_table(rejects_table(self._waiting))
            self._waiting.clear()

    def describe(self) -> str:
        """One line a reason, with the detail of the first such clip (which names nobody)."""
        return "\n".join(
            f"  {reason}: {count} (the first: {self._examples[reason]})"
            for reason, count in self.by_reason.most_common()
        )


def _admitted(
    source: Source, roster: Mapping[str, Person], today: date
) -> Iterator[_Admitted | _Refused]:
    for file in source.files():
        try:
            yield _admit(file, roster, today)
        except ClipError as error:
            yield _Refused(file, error)


def _admit(file: SourceFile, roster: Mapping[str, Person], today: date) -> _Admitted:
    if file.problem is not None:
        raise ClipError(Reason.NOT_A_FILE, file.problem)
    place = place_of(file.path)
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
    """Probe on a few threads, a few clips ahead; results come in the order of the files."""
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
    return _Accepted(admitted, probe_clip(admitted.file, limits, guards))


def _result(file: SourceFile, outcome: Future[_Accepted] | _Refused) -> _Accepted | _Refused:
    if isinstance(outcome, _Refused):
        return outcome
    try:
        return outcome.result(timeout=_PROBE_TIMEOUT_S)
    except ClipError as error:
        return _Refused(file, error)
    except TimeoutError as error:
        raise SourceError(
            f"reading one clip took more than {_PROBE_TIMEOUT_S:g} s: the storage does not answer"
        ) from error


def _spool(
    outcomes: Iterable[_Accepted | _Refused],
    work: Path,
    ledger: Ledger,
    people: People,
    rejects: _Rejects,
    progress: Progress,
) -> None:
    with parquet_writer(work / _SPOOL_FILE, _SPOOL) as writer:
        rows = _Rows(writer)
        for outcome in outcomes:
            if isinstance(outcome, _Refused):
                rejects.add(outcome.file.uri, outcome.error)
                people.reject_file(outcome.file.path)
            else:
                row = _row(outcome)
                ledger.add(**{name: row[name] for name in _LEDGER_COLUMNS})
                rows.add(row)
            progress.advance()
        rows.flush()


def _row(accepted: _Accepted) -> dict[str, Any]:
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


def _write_clips(work: Path, settled: Settled, people: People, rejects: _Rejects) -> None:
    """Read the spooled rows back; those that are kept get their shard, the others a reason."""
    start = 0
    with (
        open_table(work / _SPOOL_FILE, _SPOOL) as spool,
        parquet_writer(work / CLIPS_FILE, CLIPS) as writer,
    ):
        for batch in spool.iter_batches(batch_size=_ROWS_AT_ONCE):
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
            f"looked for videos ({' '.join(sorted(VIDEO_SUFFIXES))}) in {source.place} as "
            f"{LAYOUTS}: there is none"
        )
    raise SourceError(
        f"none of the {rejects.by_reason.total()} files in {source.place} can be used:\n"
        f"{rejects.describe()}"
    )


def _ingested(settled: Settled, rejects: _Rejects, *, people_in_roster: int) -> Ingested:
    return Ingested(
        shards=tuple(range(int(settled.shards.max()) + 1)),
        clips=settled.kept,
        seconds=round(settled.seconds, 3),
        people=settled.people,
        people_without_clips=people_in_roster - settled.people,
        rejects_by_reason={str(key): rejects.by_reason[key] for key in sorted(rejects.by_reason)},
        fingerprint=settled.fingerprint,
    )
