"""Finds and removes what derives from one person, and writes a receipt of it.

It looks in three places: the source, a local run's output folder (pipelines/traces.py), and the
model registry. A model cannot unlearn, so one that was trained or tested on the person's clips is
removed from the folder and revoked in the registry.
"""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from components.artifacts import atomic_file, read_json, sha256_of, write_json
from components.contracts import ClipError
from components.errors import ContractError, RegistryError, RollcallError
from components.ingest_videos.probe import CLIP_ID_DIGITS
from components.model_directory import LINEAGE_FILE
from components.pseudonyms import digest_of
from components.registry import CREDENTIALS, database_of, examine_versions, revoke_version
from components.removal import Recovery, Store, StoredFile, open_store
from components.roster import PERSON_ID
from components.sources import localise
from pipelines.local import local_registry, only_run
from pipelines.traces import LEAVE, REMOVE, REVOKE, REWRITE, Clue, Item, clip_ids_in, traces_in

if TYPE_CHECKING:
    from pathlib import Path

RECEIPTS: Final = "receipts"
SOMEBODY: Final = "<person>"
"""What stands in the place of the pseudonym."""

NOT_COVERED: Final = (
    "the person's row in the roster: without it, or without consent, no run opens their files",
    "the files of revoked versions: the registry keeps them until version and run are purged",
    "models that were fetched before, such as those on robots",
    "the artifacts and logs of a cluster, and the output folders of other runs",
    "backups, and copies of a clip under another name",
)


@dataclass(frozen=True)
class Request:
    """What is to be forgotten, and where to look.

    Attributes:
        person_id: the pseudonym.
        source: as a run takes it.
        output: the folder of a local run; the receipt goes there.
        registry: an MLflow URI, or nothing for that of this folder's local runs.
        delete_source: whether the source's files of the person are removed, too.
    """

    person_id: str
    source: str
    output: Path
    registry: str = ""
    delete_source: bool = False

    def checked(self) -> Request:
        """The same, if it can be looked for at all.

        Raises:
            RollcallError: the pseudonym is none, or there is no such output folder.
        """
        if not PERSON_ID.fullmatch(self.person_id):
            raise RollcallError("PERSON has to be a pseudonym: 1 to 64 of A-Z a-z 0-9 _ -")
        if not self.output.is_dir():
            raise RollcallError(
                f"there is no folder {self.output}: name a run's output, or make an empty folder "
                "for the receipt where no run was on this machine"
            )
        return self


@dataclass
class Plan:
    """What was found.

    Attributes:
        request: what was looked for.
        items: what derives from the person, in the order in which it is dealt with.
        problems: what could not be looked into.
        recovery: for how long the source's storage keeps what is removed from it.
        source: where the source is.
        registry: where the registry is, without credentials; None if there is none.
        source_fingerprints: of the sources of the versions to revoke.
    """

    request: Request
    items: list[Item]
    problems: list[str]
    recovery: Recovery | None
    source: str
    registry: str | None
    source_fingerprints: list[str]

    @property
    def not_covered(self) -> tuple[str, ...]:
        """What is left to people."""
        return NOT_COVERED

    @property
    def failed(self) -> int:
        """How much could not be removed or looked into."""
        return len(self.problems) + sum(item.outcome == "failed" for item in self.items)

    def counts(self) -> dict[str, int | dict[str, int]]:
        """For the audit log: numbers alone."""
        done = [item for item in self.items if item.outcome == "done"]
        return {
            "removed": sum(item.action == REMOVE for item in done),
            "rewritten": sum(item.action == REWRITE for item in done),
            "versions_revoked": sum(item.action == REVOKE for item in done),
            "left": sum(item.outcome == "left" for item in self.items),
            "failed": self.failed,
        }


def find_traces(request: Request) -> Plan:
    """Look for what derives from the person; nothing is changed.

    Raises:
        RollcallError: the request is no good, or the source or the registry cannot be opened.
    """
    request = request.checked()
    store = open_store(request.source)
    files = [(file, _digest(file)) for file in store.files_of(request.person_id)]
    ids = {digest[:CLIP_ID_DIGITS] for _, digest in files if digest}
    clue = Clue(request.person_id, frozenset(ids | clip_ids_in(request.output, request.person_id)))
    problems: list[str] = []
    registry = _registry(request)
    revoked, fingerprints = _in_registry(registry, clue, problems) if registry else ([], [])
    # Clips go last: as long as they are there, what was made from them can be found.
    items = [*revoked, *traces_in(request.output, clue, problems)]
    items += [_source_item(store, file, digest, request) for file, digest in files]
    return Plan(
        request=request,
        items=items,
        problems=problems,
        recovery=store.recovery() if files and request.delete_source else None,
        source=store.place,
        registry=CREDENTIALS.sub("//", registry) if registry else None,
        source_fingerprints=fingerprints,
    )


def forget(plan: Plan) -> Path:
    """Remove, rewrite and revoke what was found, and write the receipt.

    The receipt is there before anything is removed, and is written anew at the end: one with the
    outcome `unfinished` is of a command that was killed.

    Returns:
        The receipt's path.

    Raises:
        RollcallError: a run is writing into the output folder.
    """
    started, salt = datetime.now(UTC), secrets.token_hex(16)
    name = f"forget-{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}.json"
    receipt = plan.request.output / RECEIPTS / name
    with only_run(plan.request.output):
        _write_receipt(receipt, plan, salt, started, None)
        for item in plan.items:
            item.carry_out()
        _write_receipt(receipt, plan, salt, started, datetime.now(UTC))
    return receipt


def receipts_of(output: Path, person_id: str) -> list[Path]:
    """The receipts in an output folder that are of that person, oldest first.

    Raises:
        ContractError: a file among them is no receipt.
    """
    return [
        path
        for path in sorted((output / RECEIPTS).glob("forget-*.json"))
        if _is_of(path, person_id)
    ]


def _is_of(receipt: Path, person_id: str) -> bool:
    person = read_json(receipt).get("person")
    if not isinstance(person, dict) or not {"salt", "hmac_sha256"} <= set(person):
        raise ContractError(f"{receipt.name} is no receipt")
    return digest_of(person_id, person["salt"]) == str(person["hmac_sha256"])


def _digest(file: StoredFile) -> str | None:
    if not file.readable:
        return None
    try:
        with localise(file.uri, file.etag) as path:
            return sha256_of(path)
    except (ClipError, OSError):  # it changes, or may not be read: it can be removed all the same
        return None


def _source_item(store: Store, file: StoredFile, digest: str | None, request: Request) -> Item:
    area, _, below = file.path.partition("/")
    return Item(
        what="file of the source",
        place=f"{area}/{below.replace(request.person_id, SOMEBODY)}",
        action=REMOVE if request.delete_source else LEAVE,
        bytes=file.bytes,
        sha256={"content": digest},
        remark=file.remark,
        act=functools.partial(store.remove, file),
    )


def _registry(request: Request) -> str | None:
    """The registry to look into; None if none was named and no local run made one."""
    registry = request.registry or local_registry()
    database = database_of(registry)
    if database is None or database.exists():
        return registry
    if request.registry:
        raise RegistryError(f"there is no registry at {registry}: check --registry")
    return None


def _in_registry(registry: str, clue: Clue, problems: list[str]) -> tuple[list[Item], list[str]]:
    items, fingerprints = [], set()
    now = datetime.now(UTC)
    for found in examine_versions(registry, clue.trace_in):
        if found.problem:
            problems.append(f"version {found.version} of the registry: {found.problem}")
        if found.answer:
            fingerprints.add(found.source_fingerprint)
            aliases = f"; loses the alias {', '.join(found.aliases)}" if found.aliases else ""
            items.append(
                Item(
                    what="model version",
                    place=f"version {found.version}",
                    action=REVOKE,
                    bytes=0,
                    sha256={LINEAGE_FILE: found.lineage_sha256},
                    remark=f"{found.answer}{aliases}",
                    act=functools.partial(revoke_version, registry, found.version, now),
                )
            )
    return items, sorted(fingerprints)


def _write_receipt(
    path: Path, plan: Plan, salt: str, started: datetime, ended: datetime | None
) -> None:
    outcome = "unfinished" if ended is None else "failed" if plan.failed else "succeeded"
    person = {"salt": salt, "hmac_sha256": digest_of(plan.request.person_id, salt)}
    receipt = {
        "schema_version": 1,
        "command": "rollcall forget",
        "code_version": version("rollcall"),
        "person": person,
        "started": started.isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="seconds") if ended else None,
        "outcome": outcome,
        "source": plan.source,
        "registry": plan.registry,
        "items": [item.to_json() for item in plan.items],
        "problems": plan.problems,
        "recoverable": _recoverable(plan.recovery, ended),
        "not_covered": list(plan.not_covered),
    }
    with atomic_file(path) as temporary:
        write_json(temporary, receipt)


def _recoverable(recovery: Recovery | None, ended: datetime | None) -> dict[str, Any] | None:
    """Until when the source's storage keeps what was removed; None if nothing was to be."""
    if recovery is None:
        return None
    until = None
    if recovery.soft_delete and recovery.days and ended:
        until = (ended + timedelta(days=recovery.days)).isoformat(timespec="seconds")
    return {
        "soft_delete": "unknown" if recovery.soft_delete is None else recovery.soft_delete,
        "days": recovery.days,
        "until": until,
        "remark": recovery.remark,
    }
