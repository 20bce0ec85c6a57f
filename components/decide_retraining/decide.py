"""What makes a training due: the source, or the options, are not those of the champion."""

from __future__ import annotations

import enum
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from components.artifacts import atomic_file, read_json, write_json
from components.contracts import INGEST_FILE
from components.errors import ContractError
from components.telemetry import step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TRAIN: Final = "train"
UNCHANGED: Final = "unchanged"
"""What the step returns."""

log = logging.getLogger("rollcall")


class Retrain(enum.StrEnum):
    """When a run trains."""

    ALWAYS = "always"
    WHEN_CHANGED = "when_changed"


@dataclass(frozen=True)
class Decision:
    """Whether a run trains.

    Attributes:
        trains: whether it does.
        reason: why, in words.
    """

    trains: bool
    reason: str


def decide_retraining(
    retrain: str,
    clips: Path,
    options: Mapping[str, Any],
    *,
    registry: str,
    run: str,
    written: Path,
) -> Decision:
    """Decide whether this run trains.

    Args:
        retrain: a `Retrain`.
        clips: the directory that ingest_videos wrote; it has the fingerprint of the source.
        options: those that another model would come of if they were others, by name.
        registry: an MLflow URI; not asked where the run trains always.
        run: id of the pipeline's run.
        written: the file to write: the options and the version of the code as JSON, for
            register_model to keep with the model.

    Raises:
        ContractError: `retrain` is no `Retrain`.
        RegistryError: the registry cannot be reached. Nobody can say then whether anything changed,
            and it could not take a model either.
    """
    if retrain not in set(Retrain):
        raise ContractError(f"retrain is {retrain}; it has to be {' or '.join(Retrain)}")
    with step("decide_retraining") as progress:
        progress.expect(1, "decisions")
        options = {**options, "code_version": version("rollcall")}
        with atomic_file(written) as path:
            write_json(path, options)
        if retrain == Retrain.ALWAYS:
            decision = Decision(True, "it was asked to, whatever changed")
        else:
            fingerprint = read_json(clips / INGEST_FILE)["fingerprint"]
            decision = _compare(registry, fingerprint, options, run)
        progress.advance()
    log.info("%s: %s", "training" if decision.trains else "not training", decision.reason)
    return decision


def _compare(registry: str, fingerprint: str, options: Mapping[str, Any], run: str) -> Decision:
    """Hold a run against the champion; one that is found unchanged is tagged with the run.

    An exit handler cannot take an output of what it ends, but it can find the tag.
    """
    from components.registry import (  # noqa: PLC0415 - slow: MLflow
        CHAMPION,
        MODEL_NAME,
        OPTIONS,
        REVOKED,
        SOURCE,
        STATUS,
        UNCHANGED_IN,
        UNCHANGED_ON,
        champion_version,
        connected,
        find_version,
    )

    if champion_version(registry) is None:
        return Decision(True, "there is no champion")
    with connected(registry) as client:
        champion = find_version(client, CHAMPION)
        told = f"the champion, version {champion.version},"
        if champion.tags.get(STATUS) == REVOKED:
            return Decision(True, f"{told} was revoked")
        if champion.tags.get(SOURCE) != fingerprint:
            return Decision(True, f"{told} was made from other clips")
        others = _differing(json.loads(champion.tags.get(OPTIONS, "{}")), options)
        if others:
            return Decision(True, f"{told} was made with other options: {', '.join(others)}")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for name, value in {UNCHANGED_IN: run, UNCHANGED_ON: now}.items():
            client.set_model_version_tag(MODEL_NAME, str(champion.version), name, value)
    return Decision(False, f"{told} was made from the same clips with the same options")


def _differing(made_with: Mapping[str, Any], asked_for: Mapping[str, Any]) -> list[str]:
    """Names of the options that stand in one alone, or with another value."""
    names = sorted({*made_with, *asked_for})
    return [name for name in names if made_with.get(name) != asked_for.get(name)]
