"""How the end of a run is told: in the log, and to a real server on this machine."""

from __future__ import annotations

import json
import logging

import pytest

from components.champions import FAILED
from components.notify import notify as module
from components.notify.notify import notify
from components.notify.webhook import WEBHOOK_VARIABLE, Limits
from components.registry import GATE, REASON, RUN
from tests.registered import register, write_model
from tests.web_server import scripted_server

BRIEF = Limits(connect_s=0.2, read_s=0.2, backoff_s=0.02, deadline_s=20)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    for name in module.PATIENCE:
        monkeypatch.setenv(name, "0" if name.endswith("RETRIES") else "5")


@pytest.fixture
def new(tmp_path):
    """A registry that is not there yet."""
    return f"sqlite:///{tmp_path}/new/mlflow.db"


@pytest.fixture
def webhook(monkeypatch):
    with scripted_server() as server:
        server.answer(200)
        monkeypatch.setenv(WEBHOOK_VARIABLE, server.address)
        yield server


def told(caplog):
    return caplog.records[-1].levelno, json.loads(caplog.messages[-1])


def test_a_success_is_one_json_line(caplog, new):
    with caplog.at_level(logging.INFO, "rollcall"):
        notify("SUCCEEDED", None, "r-1", new)
    level, notice = told(caplog)
    assert (level, notice["status"], notice["registered"]) == (logging.INFO, "succeeded", None)


def test_a_failure_is_logged_as_an_error_with_our_own_message(caplog, new):
    notify("FAILED", "SourceError: no clip", "r-1", new)
    level, notice = told(caplog)
    assert (level, notice["status"], notice["error"]) == (
        logging.ERROR,
        "failed",
        "SourceError: no clip",
    )


def test_an_end_that_kubeflow_does_not_know_is_a_failure_if_it_knows_a_step_that_failed(
    new, webhook
):
    task = {"display_name": "extract-frames", "state": "FAILED"}
    with scripted_server() as kubeflow:
        kubeflow.answer(200, json.dumps({"run_details": {"task_details": [task]}}).encode())
        notify("RUNNING", None, "r-1", new, api=kubeflow.address, limits=BRIEF)
    (posted,) = webhook.bodies
    assert (posted["status"], posted["failed_step"]) == ("failed", "extract_frames")


def test_a_model_that_did_not_pass_is_a_warning_with_the_reasons(caplog, registry, tmp_path):
    failed = {RUN: "r-1", GATE: FAILED, f"{REASON}size": "too large"}
    register(write_model(tmp_path / "model"), registry, champion=False, **failed)
    notify("SUCCEEDED", None, "r-1", registry)
    level, notice = told(caplog)
    assert (level, notice["registered"]["reasons"]) == (logging.WARNING, ["too large"])


def test_a_registry_that_does_not_answer_is_told_and_no_error_of_its_own(caplog, webhook):
    notify("SUCCEEDED", None, "r-1", "http://127.0.0.1:9", limits=BRIEF)
    level, notice = told(caplog)
    assert (level, notice["registry_answered"]) == (logging.WARNING, False)
    assert "127.0.0.1:9" not in json.dumps(webhook.bodies)


def test_what_is_posted_is_what_is_logged_with_a_link_to_the_run(
    caplog, registry, tmp_path, webhook
):
    register(write_model(tmp_path / "model"), registry, **{RUN: "r-1"})
    with caplog.at_level(logging.INFO, "rollcall"):
        notify("SUCCEEDED", None, "r-1", registry, ui_url="https://kubeflow.example/", limits=BRIEF)
    level, notice = told(caplog)
    assert (level, webhook.bodies) == (logging.INFO, [notice])
    assert notice["champion"]["version"] == "1"
    assert notice["report"] == "https://kubeflow.example/#/runs/details/r-1"


@pytest.mark.parametrize(("form", "key"), [("slack", "blocks"), ("teams", "attachments")])
def test_what_is_posted_has_the_form_that_was_asked_for(new, webhook, form, key):
    notify("SUCCEEDED", None, "r-1", new, notify_format=form, limits=BRIEF)
    assert key in webhook.bodies[0]


class TestNothingFailsTheRun:
    def test_not_a_webhook_that_refuses(self, new, webhook, caplog):
        webhook.answers.clear()
        webhook.answer(404)
        notify("SUCCEEDED", None, "r-1", new, limits=BRIEF)
        assert "the webhook did not take the notice: it answered 404" in caplog.text
        assert "s3cr3t" not in caplog.text

    def test_not_a_form_that_is_not_known(self, new, webhook, caplog):
        notify("SUCCEEDED", None, "r-1", new, notify_format="team", limits=BRIEF)
        assert "notify_format is team, not one of json, slack, teams" in caplog.text
        assert not webhook.asked

    def test_not_a_mistake_of_our_own(self, new, monkeypatch, caplog):
        monkeypatch.setattr(module, "look_up", lambda *_: 1 / 0)
        notify("SUCCEEDED", None, "r-1", new)
        assert "could not be told" in caplog.text
        assert "ZeroDivisionError" in caplog.text
