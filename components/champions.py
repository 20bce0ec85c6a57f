"""Which version is the champion: how the aliases move, and the record of it.

The alias that robots ask for, CHAMPION, moves last. A move that was cut off before that is begun
again by the same command, and one that was cut off after it has nothing left to do that matters.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.errors import RegistryError
from components.registry import (
    CHALLENGER,
    CHAMPION,
    GATE,
    MODEL_NAME,
    PREVIOUS,
    REASON,
    SOURCE,
    aliases_of,
    connected,
    fetch_model,
    find_version,
    refuse_revoked,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

PASSED: Final = "passed"
FAILED: Final = "failed"
MOVED: Final = "moved."
"""Before the time in the name of a tag that says which alias moved."""


@dataclass(frozen=True)
class Candidate:
    """A version that may become champion.

    Attributes:
        version: its number.
        passed: whether the gate let it pass.
        reasons: why not.
        source_fingerprint: digest of the clips it was made from.
    """

    version: str
    passed: bool
    reasons: tuple[str, ...]
    source_fingerprint: str


@dataclass(frozen=True)
class Move:
    """What became of the aliases.

    Attributes:
        champion: the version that is champion now.
        before: the one that was; None if there was none.
    """

    champion: str
    before: str | None

    @property
    def changed(self) -> bool:
        """Whether it is another one."""
        return self.champion != self.before


def candidate(registry: str, version: str) -> Candidate:
    """Look at a version before it is promoted, by its number or an alias.

    Raises:
        RegistryError: the registry cannot be reached, or has no such version.
        TrustError: it was revoked.
    """
    with connected(registry) as client:
        found = find_version(client, version)
        refuse_revoked(found)
        reasons = [why for name, why in sorted(found.tags.items()) if name.startswith(REASON)]
        return Candidate(
            str(found.version),
            found.tags.get(GATE) == PASSED,
            tuple(reasons),
            found.tags.get(SOURCE, ""),
        )


def promote(registry: str, version: str) -> Move:
    """Make a version champion; the one that is keeps the alias PREVIOUS.

    Args:
        registry: an MLflow URI.
        version: its number.

    Raises:
        RegistryError: the registry cannot be reached, or has no such version.
        TrustError, DigestError: it must not be used, see `components.registry.fetch_model`.
    """
    _check(registry, version)
    with connected(registry) as client:
        return crown(client, version, "promoted")


def rollback(registry: str) -> Move:
    """Make the version with the alias PREVIOUS champion again; nothing is PREVIOUS then.

    Raises:
        RegistryError: the registry cannot be reached, or there is no such version.
        TrustError, DigestError: it must not be used, see `components.registry.fetch_model`.
    """
    with connected(registry) as client:
        aliases = aliases_of(client)
    if PREVIOUS not in aliases:
        raise RegistryError(
            "there is no previous champion to go back to: name a version, rollcall promote VERSION"
        )
    _check(registry, aliases[PREVIOUS])
    with connected(registry) as client:
        move = Move(aliases[PREVIOUS], aliases.get(CHAMPION))
        _record(client, move, "rolled back")
        client.set_registered_model_alias(MODEL_NAME, CHAMPION, move.champion)
        client.delete_registered_model_alias(MODEL_NAME, PREVIOUS)
    return move


def crown(client: MlflowClient, version: str, how: str) -> Move:
    """Move the aliases to a version that is known to be good.

    Args:
        client: of the registry.
        version: its number.
        how: what the record calls it, such as "promoted".
    """
    aliases = aliases_of(client)
    move = Move(version, aliases.get(CHAMPION))
    if aliases.get(CHALLENGER) == version:
        client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)
    if not move.changed:
        return move
    if move.before:
        client.set_registered_model_alias(MODEL_NAME, PREVIOUS, move.before)
    elif aliases.get(PREVIOUS) == version:
        client.delete_registered_model_alias(MODEL_NAME, PREVIOUS)
    _record(client, move, how)
    client.set_registered_model_alias(MODEL_NAME, CHAMPION, version)
    return move


def _record(client: MlflowClient, move: Move, how: str) -> None:
    now = datetime.now(UTC)
    told = f"{how}: champion was version {move.before or 'none'}, is version {move.champion}"
    client.set_model_version_tag(MODEL_NAME, move.champion, f"{MOVED}{now:%Y%m%dT%H%M%S.%fZ}", told)


def _check(registry: str, version: str) -> None:
    """Fetch a version, which verifies all of it, and throw it away."""
    with tempfile.TemporaryDirectory(prefix="rollcall-check-") as folder:
        fetch_model(registry, Path(folder) / "model", version)
