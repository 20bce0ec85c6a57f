"""What is said at the end of a run."""

from __future__ import annotations

import json
import logging

from components.notify.notice import LONGEST_MESSAGE, make_notice, notify


def test_a_success_is_one_json_line(caplog):
    with caplog.at_level(logging.INFO, "rollcall"):
        notify("SUCCEEDED", "handler", None, None)
    assert json.loads(caplog.messages[0])["state"] == "SUCCEEDED"


def test_a_failure_is_logged_as_an_error_with_its_message(caplog):
    notify("FAILED", "handler", 13, "no clip")
    assert caplog.records[0].levelno == logging.ERROR
    assert json.loads(caplog.messages[0])["error"] == "no clip"


def test_a_message_without_end_is_cut():
    assert len(make_notice("FAILED", "handler", 1, "x" * 10**6)["error"]) == LONGEST_MESSAGE
