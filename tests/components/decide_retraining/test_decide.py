"""What makes a training due."""

from __future__ import annotations

import json

import pytest

from components.artifacts import read_json, write_json
from components.contracts import INGEST_FILE
from components.decide_retraining.decide import Retrain, decide_retraining
from components.errors import ContractError, RegistryError
from components.registry import (
    MODEL_NAME,
    OPTIONS,
    REVOKED,
    STATUS,
    UNCHANGED_IN,
    connected,
    find_version,
)
from tests.registered import FINGERPRINT, register, write_model

GIVEN = {"backbones": ["EfficientNetLite0"], "epochs": 5, "crop": "face"}


@pytest.fixture
def decide(tmp_path, registry):
    """Decide on a source; without more it is that of the champion, and so are the options."""

    def decide(retrain="when_changed", fingerprint=FINGERPRINT, options=GIVEN, registry=registry):
        clips, written = tmp_path / "clips", tmp_path / "options"
        clips.mkdir(exist_ok=True)
        write_json(clips / INGEST_FILE, {"fingerprint": fingerprint})
        return decide_retraining(
            retrain, clips, options, registry=registry, run="r-2", written=written
        )

    return decide


@pytest.fixture
def champion(tmp_path, registry, decide):
    """A champion as register_model makes it of the options that were written."""
    decide("always")
    kept = json.dumps(read_json(tmp_path / "options"))
    return register(write_model(tmp_path / "model"), registry, **{OPTIONS: kept})


def tags(registry, version):
    with connected(registry) as client:
        return find_version(client, version).tags


def test_where_nothing_changed_nothing_is_trained_and_the_champion_says_in_which_run(
    decide, champion, registry
):
    decision = decide()
    assert not decision.trains
    assert f"version {champion}" in decision.reason
    assert tags(registry, champion)[UNCHANGED_IN] == "r-2"


def test_other_clips_make_it_due(decide, champion, registry):
    assert decide(fingerprint="0" * 64).trains
    assert UNCHANGED_IN not in tags(registry, champion)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({**GIVEN, "crop": "none"}, "crop"),
        (
            {**GIVEN, "backbones": ["EfficientNetLite0", "MobileNetV2"], "epochs": 9},
            "backbones, epochs",
        ),
        ({"backbones": ["EfficientNetLite0"], "epochs": 5}, "crop"),
        ({**GIVEN, "depth": "all"}, "depth"),
    ],
)
def test_other_options_make_it_due_and_are_named(decide, champion, options, names):
    decision = decide(options=options)
    assert decision.trains
    assert decision.reason.endswith(f": {names}")


def test_another_version_of_the_code_makes_it_due(decide, champion, monkeypatch):
    monkeypatch.setattr("components.decide_retraining.decide.version", lambda _: "9.9")
    assert decide().reason.endswith(": code_version")


def test_a_champion_that_does_not_say_what_it_was_made_with_makes_it_due(
    decide, registry, tmp_path
):
    register(write_model(tmp_path / "older"), registry)
    assert decide().trains


def test_without_a_champion_it_is_due(decide, registry, tmp_path):
    register(write_model(tmp_path / "challenger"), registry, champion=False)
    assert decide().reason == "there is no champion"


def test_without_a_registry_yet_it_is_due_and_none_is_made(decide, tmp_path):
    assert decide(registry=f"sqlite:///{tmp_path}/new/mlflow.db").trains
    assert not (tmp_path / "new").exists()


def test_a_champion_that_was_revoked_makes_it_due_though_its_alias_is_still_there(
    decide, champion, registry
):
    with connected(registry) as client:
        client.set_model_version_tag(MODEL_NAME, champion, STATUS, REVOKED)
    assert decide().reason.endswith("was revoked")


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.mark.usefixtures("_impatient")
def test_a_registry_that_does_not_answer_is_an_error(decide):
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1"):
        decide(registry="http://127.0.0.1:9")


@pytest.mark.usefixtures("_impatient")
def test_a_run_that_trains_always_asks_no_registry(decide, champion):
    assert decide("always", registry="http://127.0.0.1:9").trains


def test_an_order_that_is_not_known_is_refused(decide):
    with pytest.raises(ContractError, match="always or when_changed"):
        decide("sometimes")


def test_the_options_are_written_whatever_is_decided(decide, champion, tmp_path):
    for retrain in Retrain:
        (tmp_path / "options").unlink(missing_ok=True)
        decide(retrain)
        assert read_json(tmp_path / "options").items() >= GIVEN.items()
