"""How the aliases move, and what is on record of it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from components import champions
from components.champions import FAILED, MOVED, candidate, promote, rollback
from components.errors import DigestError, RegistryError, TrustError
from components.model_directory import EDGE_MODEL_FILE
from components.registry import (
    CHALLENGER,
    CHAMPION,
    GATE,
    MODEL_NAME,
    PREVIOUS,
    REASON,
    connected,
    revoke_version,
)
from tests.registered import aliases, register, write_model

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "model")


@pytest.fixture
def versions(registry, model):
    """Version 1 was champion, version 2 is, version 3 is the challenger, which failed."""
    register(model, registry)
    register(model, registry)
    register(model, registry, champion=False, **{GATE: FAILED, f"{REASON}size": "too large"})
    MlflowClient(registry).set_registered_model_alias(MODEL_NAME, CHALLENGER, "3")
    return registry


def records(registry, version):
    tags = MlflowClient(registry).get_model_version(MODEL_NAME, version).tags
    return [told for name, told in sorted(tags.items()) if name.startswith(MOVED)]


def test_the_champion_of_before_is_the_previous_one(versions):
    assert aliases(versions) == {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: "3"}


def test_a_promoted_challenger_is_champion_and_challenger_no_more(versions):
    move = promote(versions, "3")
    assert (move.before, move.champion, move.changed) == ("2", "3", True)
    assert aliases(versions) == {CHAMPION: "3", PREVIOUS: "2"}


def test_a_move_is_on_record(versions):
    promote(versions, "3")
    assert records(versions, "3") == ["promoted: champion was version 2, is version 3"]
    rollback(versions)
    assert records(versions, "2")[-1] == "rolled back: champion was version 3, is version 2"


def test_a_second_promotion_changes_nothing(versions):
    promote(versions, "3")
    assert not promote(versions, "3").changed
    assert aliases(versions) == {CHAMPION: "3", PREVIOUS: "2"}


def test_rolling_back_makes_the_previous_one_champion_once(versions):
    assert rollback(versions).champion == "1"
    assert aliases(versions) == {CHAMPION: "1", CHALLENGER: "3"}
    with pytest.raises(RegistryError, match="rollcall promote VERSION"):
        rollback(versions)


def test_after_the_champion_was_revoked_a_rollback_is_the_way_to_one(versions):
    revoke_version(versions, "2", NOW)
    assert rollback(versions).before is None
    assert aliases(versions)[CHAMPION] == "1"


def test_the_previous_one_can_be_promoted_where_there_is_no_champion(versions):
    revoke_version(versions, "2", NOW)
    promote(versions, "1")
    assert aliases(versions) == {CHAMPION: "1", CHALLENGER: "3"}


def test_a_revoked_version_is_not_promoted(versions):
    revoke_version(versions, "3", NOW)
    for attempt in (candidate, promote):
        with pytest.raises(TrustError, match="revoked"):
            attempt(versions, "3")


def test_a_version_that_was_changed_is_neither_promoted_nor_rolled_back_to(versions, tmp_path):
    for path in (tmp_path / "registry" / "artifacts").rglob(EDGE_MODEL_FILE):
        path.write_bytes(b"other")
    for attempt in (lambda: promote(versions, "3"), lambda: rollback(versions)):
        with pytest.raises(DigestError, match="was changed"):
            attempt()
    assert aliases(versions) == {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: "3"}


def test_a_version_that_is_not_there_is_not_promoted(versions):
    with pytest.raises(RegistryError):
        promote(versions, "9")


def test_a_candidate_tells_why_the_gate_held_it_up(versions):
    found = candidate(versions, CHALLENGER)
    assert (found.version, found.passed, found.reasons) == ("3", False, ("too large",))
    assert candidate(versions, "1").passed


class DyingClient:
    """A client that dies instead of its n-th change."""

    def __init__(self, client, changes):
        self._client, self._left = client, changes

    def __getattr__(self, name):
        if not name.startswith(("set_", "delete_")):
            return getattr(self._client, name)
        self._left -= 1
        if self._left < 0:
            raise MlflowException("killed")
        return getattr(self._client, name)


@pytest.mark.parametrize("changes", range(4))
@pytest.mark.parametrize(
    ("attempt", "ends"),
    [
        (lambda uri: promote(uri, "3"), {CHAMPION: "3", PREVIOUS: "2"}),
        (rollback, {CHAMPION: "1", CHALLENGER: "3"}),
    ],
)
def test_a_move_that_was_cut_off_leaves_a_champion_and_is_mended_by_another_try(
    versions, monkeypatch, changes, attempt, ends
):
    @contextlib.contextmanager
    def dying(registry):
        with connected(registry) as client:
            yield DyingClient(client, changes)

    monkeypatch.setattr(champions, "connected", dying)
    cut_off = False
    try:
        attempt(versions)
    except RegistryError:
        cut_off = True
    monkeypatch.undo()
    assert aliases(versions)[CHAMPION] in {"2", ends[CHAMPION]}
    if cut_off:
        attempt(versions)
    assert aliases(versions) == ends
