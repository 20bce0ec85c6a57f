"""What is said at the end of a run, whatever it is put into."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from components import errors
from components.champions import PASSED
from components.registry import (
    ACCURACY,
    CHAMPION,
    GATE,
    REASON,
    UNCHANGED_IN,
    champion_version,
    connected,
    find_version,
    version_of_run,
)

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

LONGEST_ERROR: Final = 500

_OWN_ERRORS: Final = frozenset(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.RollcallError)
)
_ENDED_WELL: Final = frozenset({"SUCCEEDED", "COMPLETE"})
"""Kubeflow's word for it has changed with what it keeps its tasks in."""
_ENDED_BADLY: Final = frozenset({"FAILED", "CANCELED"})


class Status(enum.StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    """It succeeded, and had nothing to do."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Kubeflow does not say, and the run left no trace in the registry."""


@dataclass(frozen=True)
class Model:
    """A registered version.

    Attributes:
        version: its number.
        backbone: it is made of.
        accuracy: identity accuracy of transactions on its test, as the tag ACCURACY has it; empty
            where it was registered without.
        gate: what the gate said, passed or failed.
        reasons: why it failed.
    """

    version: str
    backbone: str
    accuracy: dict[str, Any]
    gate: str | None
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, found: ModelVersion) -> Model:
        """Take from a version's tags what is told of it."""
        tags = found.tags
        reasons = tuple(why for name, why in sorted(tags.items()) if name.startswith(REASON))
        accuracy = json.loads(tags.get(ACCURACY, "{}"))
        backbone = tags.get("backbone", "")
        return cls(str(found.version), backbone, accuracy, tags.get(GATE), reasons)


@dataclass(frozen=True)
class Registered:
    """What the registry knows at the end of a run.

    Attributes:
        champion: who is champion now; None if nobody is.
        own: what the run registered; None if nothing.
        unchanged: whether the run found that nothing changed since the champion was made.
    """

    champion: Model | None = None
    own: Model | None = None
    unchanged: bool = False


def look_up(registry: str, run: str) -> Registered:
    """Look up what an exit handler, which cannot take an output of what it ends, has to know.

    Args:
        registry: an MLflow URI.
        run: id of the pipeline's run.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    own = version_of_run(registry, run)
    champion = None
    if champion_version(registry):
        with connected(registry) as client:
            champion = find_version(client, CHAMPION)
    return Registered(
        Model.of(champion) if champion else None,
        Model.of(own) if own else None,
        bool(champion and champion.tags.get(UNCHANGED_IN) == run),
    )


@dataclass(frozen=True)
class Notice:
    """The end of a run. It holds no pseudonym and no path of a file.

    Attributes:
        run: its id.
        status: a `Status`.
        failed_step: which step failed; None if none did, or it cannot be told.
        error: one of our own messages; others may have a path in them.
        registered: what the registry knows; None if it does not answer.
        report: address of the run in the Kubeflow UI.
    """

    run: str
    status: Status
    failed_step: str | None = None
    error: str | None = None
    registered: Registered | None = field(default_factory=Registered)
    report: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        known = asdict(self.registered) if self.registered else {}
        return {
            "event": "run_ended",
            "run": self.run,
            "status": str(self.status),
            "failed_step": self.failed_step,
            "error": self.error,
            "champion": known.get("champion"),
            "registered": known.get("own"),
            "registry_answered": self.registered is not None,
            "report": self.report,
        }

    @property
    def is_good(self) -> bool:
        """Whether nobody has to look."""
        if self.registered is None or self.status not in {Status.SUCCEEDED, Status.UNCHANGED}:
            return False
        return self.registered.own is None or self.registered.own.gate == PASSED


def conclude(state: str, registered: Registered | None) -> Status:
    """Say how a run ended.

    Where the last task is a loop or a condition that was skipped, or a pod was killed, Kubeflow can
    give RUNNING for all that a handler waits for has ended. Then what the run left in the registry
    counts, as it does that last.

    Args:
        state: what Kubeflow says of the group that the handler handles.
        registered: what the registry knows; None if it does not answer.
    """
    if state in _ENDED_BADLY:
        return Status.FAILED
    if registered and registered.unchanged:
        return Status.UNCHANGED
    if state in _ENDED_WELL or (registered and registered.own):
        return Status.SUCCEEDED
    return Status.UNKNOWN


def own_error(message: str | None) -> str | None:
    """The last of our own errors in a text, cut; None if there is none.

    Only our own messages are known to carry no path and no pseudonym.
    """
    for line in reversed((message or "").splitlines()):
        kind, _, told = line.strip().removeprefix("components.errors.").partition(": ")
        if kind in _OWN_ERRORS and told:
            return f"{kind}: {told}"[:LONGEST_ERROR]
    return None
