"""What is known at the end of a run."""

from __future__ import annotations

import json

import pytest

from components.champions import FAILED
from components.notify.notice import (
    LONGEST_ERROR,
    Model,
    Registered,
    Status,
    conclude,
    look_up,
    own_error,
)
from components.registry import ACCURACY, GATE, MODEL_NAME, REASON, RUN, UNCHANGED_IN, connected
from tests.registered import register, write_model

OWN = Registered(own=Model("1", "EfficientNetLite0", {}, "passed", ()))
UNCHANGED = Registered(unchanged=True)


@pytest.mark.parametrize(
    ("state", "registered", "status"),
    [
        ("SUCCEEDED", OWN, Status.SUCCEEDED),
        ("COMPLETE", Registered(), Status.SUCCEEDED),
        ("SUCCEEDED", None, Status.SUCCEEDED),
        ("SUCCEEDED", UNCHANGED, Status.UNCHANGED),
        # Kubeflow may not know that all ended.
        ("RUNNING", OWN, Status.SUCCEEDED),
        ("RUNNING", UNCHANGED, Status.UNCHANGED),
        ("RUNNING", Registered(), Status.UNKNOWN),
        ("RUNNING", None, Status.UNKNOWN),
        ("FAILED", OWN, Status.FAILED),
        ("FAILED", None, Status.FAILED),
    ],
)
def test_how_a_run_ended_is_what_kubeflow_says_or_else_what_it_left(state, registered, status):
    assert conclude(state, registered) is status


def test_the_champion_and_what_the_run_registered_are_looked_up(registry, tmp_path):
    accuracy = {"value": 0.9, "interval": [0.8, 1.0], "trials": 10, "within_session": False}
    register(write_model(tmp_path / "a"), registry, **{ACCURACY: json.dumps(accuracy)})
    failed = {RUN: "r-2", GATE: FAILED, f"{REASON}size": "too large"}
    register(write_model(tmp_path / "b"), registry, champion=False, **failed)
    known = look_up(registry, "r-2")
    assert (known.champion.version, known.champion.accuracy) == ("1", accuracy)
    assert known.own == Model("2", "EfficientNetLite0", {}, FAILED, ("too large",))
    assert not known.unchanged


def test_what_another_run_registered_is_not_told(registry, tmp_path):
    register(write_model(tmp_path / "model"), registry, **{RUN: "r-1"})
    assert look_up(registry, "r-2").own is None


def test_a_run_that_found_nothing_changed_is_known_by_the_champions_tag(registry, tmp_path):
    version = register(write_model(tmp_path / "model"), registry)
    with connected(registry) as client:
        client.set_model_version_tag(MODEL_NAME, version, UNCHANGED_IN, "r-2")
    assert look_up(registry, "r-2").unchanged
    assert not look_up(registry, "r-3").unchanged


def test_a_registry_that_is_not_there_yet_knows_nothing(tmp_path):
    assert look_up(f"sqlite:///{tmp_path}/new/mlflow.db", "r-1") == Registered()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Traceback:\ncomponents.errors.SourceError: no roster", "SourceError: no roster"),
        ("RegistryError: it refused\nexit status 1", "RegistryError: it refused"),
        ("FileNotFoundError: videos/p-0ab9/s1.mp4", None),
        ("videos/p-0ab9/s1.mp4 SourceError: no roster", None),
        ("", None),
        (None, None),
    ],
)
def test_of_an_error_only_our_own_words_are_told(text, told):
    assert own_error(text) == told


def test_an_error_without_end_is_cut():
    assert len(own_error("SourceError: " + "x" * 10**6)) == LONGEST_ERROR
