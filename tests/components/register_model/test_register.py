"""From a model directory to a version in a real MLflow registry."""

from __future__ import annotations

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from mlflow import MlflowClient

from components.artifacts import read_json, write_json
from components.errors import DigestError
from components.model_directory import (
    EDGE_MODEL_FILE,
    GATE_FILE,
    MANIFEST_FILE,
    METRICS_FILE,
    MODEL_CARD_FILE,
    SBOM_FILE,
    SIGNATURE_FILE,
)
from components.notify.notice import look_up
from components.register_model.gate import Limits
from components.register_model.register import register_model
from components.registry import ACCURACY, MODEL_NAME, OPTIONS, fetch_model
from components.signing import SIGNING_VARIABLE, VERIFY_VARIABLE
from tests.components.register_model.small_run import write_small_run
from tests.components.test_signing import write_keys
from tests.registered import aliases

OPEN = Limits(min_accuracy=0.5, max_fpir=1.0, max_latency_ms=100, max_size_mb=100)


@pytest.fixture
def small(tmp_path):
    return write_small_run(tmp_path / "run")


@pytest.fixture
def register(small, registry, tmp_path):
    """Register a model of the small run."""

    options = tmp_path / "options"
    write_json(options, {"epochs": 5})

    def register(model, limits=OPEN, run="r-1"):
        return register_model(
            model,
            small.dataset,
            small.exported,
            small.audit,
            limits,
            options=options,
            registry=registry,
            run=run,
            registered=tmp_path / "registered",
        )

    return register


def tags(registry, version):
    return MlflowClient(registry).get_model_version(MODEL_NAME, version).tags


def test_a_model_that_passes_is_champion_with_all_its_papers(small, register, registry, tmp_path):
    version = register(small.write_model("first"))
    assert aliases(registry) == {"champion": version}
    fetched = fetch_model(registry, tmp_path / "fetched")
    papers = {MODEL_CARD_FILE, SBOM_FILE, GATE_FILE, MANIFEST_FILE}
    assert papers <= {path.name for path in fetched.iterdir()}
    assert papers - {MANIFEST_FILE} <= set(read_json(fetched / MANIFEST_FILE)["sha256"])
    found = MlflowClient(registry).get_model_version(MODEL_NAME, version)
    assert found.description == (fetched / MODEL_CARD_FILE).read_text()
    assert (found.tags["gate"], found.tags["pipeline_run"]) == ("passed", "r-1")


def test_the_registry_knows_the_options_and_what_accuracy_may_be_told(small, register, registry):
    measured = {"identity_accuracy": 0.9, "identity_interval": [0.8, 1.0], "n": 8}
    found = tags(registry, register(small.write_model("first", transaction=measured)))
    assert json.loads(found[OPTIONS]) == {"epochs": 5}
    assert json.loads(found[ACCURACY]) == {
        "value": 0.9,
        "interval": [0.8, 1.0],
        "trials": 8,
        "within_session": False,
    }


def test_papers_that_were_changed_in_the_registry_are_not_fetched(
    small, register, registry, tmp_path
):
    register(small.write_model("first"))
    for name in (MODEL_CARD_FILE, SBOM_FILE, GATE_FILE):
        (stored,) = (tmp_path / "registry" / "artifacts").rglob(name)
        before = stored.read_bytes()
        stored.write_text("all is well")
        with pytest.raises(DigestError, match=f"{name} was changed"):
            fetch_model(registry, tmp_path / "fetched")
        stored.write_bytes(before)


def test_a_model_as_good_as_the_champion_takes_its_place(small, register, registry):
    register(small.write_model("first"))
    small.write_reigning()
    register(small.write_model("second"))
    assert aliases(registry) == {"champion": "2", "previous": "1"}


def test_a_model_that_fails_is_challenger_and_says_why_and_the_champion_stays(
    small, register, registry
):
    register(small.write_model("first"))
    small.write_reigning()
    strict = Limits(min_accuracy=0.95, max_fpir=0.1, max_latency_ms=0, max_size_mb=1)
    metrics = {"negative_control": {"identity_accuracy": 0.9, "chance": 0.1, "passed": False}}
    version = register(small.write_model("second", wrong=8, **metrics), strict)
    assert aliases(registry) == {"champion": "1", "challenger": version}
    found = tags(registry, version)
    rules = ("accuracy", "fpir", "latency", "size", "negative_control", "champion")
    assert found["gate"] == "failed"
    assert {name for name in found if name.startswith("gate_failed.")} == {
        f"gate_failed.{rule}" for rule in rules
    }


def test_a_champion_that_cannot_be_compared_is_replaced_with_a_warning(
    small, register, registry, caplog
):
    register(small.write_model("first"))
    small.write_reigning(crop="face")
    register(small.write_model("second"))
    assert aliases(registry)["champion"] == "2"
    assert "crop=face" in caplog.text


def test_where_no_model_was_chosen_nothing_is_registered(small, register, registry, tmp_path):
    model = small.write_model("first")
    (model / METRICS_FILE).unlink()
    assert register(model) == ""
    assert aliases(registry) == {}
    assert list((tmp_path / "registered").iterdir()) == []


def test_a_model_that_was_changed_on_the_way_is_not_registered(small, register, registry):
    model = small.write_model("first")
    (model / EDGE_MODEL_FILE).write_bytes(b"other")
    with pytest.raises(DigestError, match=EDGE_MODEL_FILE):
        register(model)
    assert aliases(registry) == {}


def test_with_a_key_the_version_is_signed(small, register, registry, tmp_path, monkeypatch):
    keys = write_keys(tmp_path / "keys")
    monkeypatch.setenv(SIGNING_VARIABLE, str(keys / "private.pem"))
    monkeypatch.setenv(VERIFY_VARIABLE, str(keys / "public.pem"))
    register(small.write_model("first"))
    assert (fetch_model(registry, tmp_path / "fetched") / SIGNATURE_FILE).is_file()


def test_the_exit_notice_says_what_the_gate_decided(small, register, registry):
    strict = Limits(min_accuracy=0.5, max_fpir=0.1, max_latency_ms=100, max_size_mb=100)
    version = register(small.write_model("first"), strict, run="r-7")
    told = look_up(registry, "r-7").own
    assert (told.version, told.gate) == (version, "failed")
    assert "FPIR" in told.reasons[0]


def test_no_log_line_names_anybody(small, register, caplog):
    with caplog.at_level("INFO"):
        register(small.write_model("first"))
    assert caplog.messages
    assert not [person for person in small.classes.people if person in caplog.text.split()]
