"""What is said at the end of a run."""

from __future__ import annotations

import json
import logging

import pytest

from components.champions import FAILED
from components.notify.notice import LONGEST_MESSAGE, find_registered, make_notice, notify
from components.registry import GATE, REASON, RUN
from tests.registered import register, write_model


@pytest.fixture
def new(tmp_path):
    """A registry that is not there yet."""
    return f"sqlite:///{tmp_path}/new/mlflow.db"


def told(caplog):
    return caplog.records[-1].levelno, json.loads(caplog.messages[-1])


def test_a_success_is_one_json_line(caplog, new):
    with caplog.at_level(logging.INFO, "rollcall"):
        notify("SUCCEEDED", "handler", None, None, new, "r-1")
    level, notice = told(caplog)
    assert (level, notice["state"], notice["registered"]) == (logging.INFO, "SUCCEEDED", None)


def test_a_failure_is_logged_as_an_error_with_its_message(caplog, new):
    notify("FAILED", "handler", 13, "no clip", new, "r-1")
    level, notice = told(caplog)
    assert (level, notice["error"]) == (logging.ERROR, "no clip")


def test_a_model_that_passed_is_told_without_alarm(caplog, registry, tmp_path):
    register(write_model(tmp_path / "model"), registry, **{RUN: "r-1"})
    with caplog.at_level(logging.INFO, "rollcall"):
        notify("SUCCEEDED", "handler", None, None, registry, "r-1")
    level, notice = told(caplog)
    assert level == logging.INFO
    assert notice["registered"] == {"version": "1", "gate": "passed", "reasons": []}


def test_a_model_that_did_not_pass_is_a_warning_with_the_reasons(caplog, registry, tmp_path):
    failed = {RUN: "r-1", GATE: FAILED, f"{REASON}size": "too large"}
    register(write_model(tmp_path / "model"), registry, champion=False, **failed)
    notify("SUCCEEDED", "handler", None, None, registry, "r-1")
    level, notice = told(caplog)
    assert level == logging.WARNING
    assert notice["registered"]["reasons"] == ["too large"]


def test_what_another_run_registered_is_not_told(registry, tmp_path):
    register(write_model(tmp_path / "model"), registry, **{RUN: "r-1"})
    assert find_registered(registry, "r-2") is None


def test_a_registry_that_does_not_answer_is_told_and_no_error_of_its_own(caplog, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    notify("SUCCEEDED", "handler", None, None, "http://127.0.0.1:9", "r-1")
    level, notice = told(caplog)
    assert level == logging.WARNING
    assert "127.0.0.1" in notice["registered"]["error"]


def test_a_message_without_end_is_cut():
    assert len(make_notice("FAILED", "handler", 1, "x" * 10**6)["error"]) == LONGEST_MESSAGE
