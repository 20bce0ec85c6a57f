"""Posting to a real server on this machine: well, down, slow, busy, moved."""

from __future__ import annotations

import logging

import pytest

from components.notify.webhook import LIMITS, Limits, post
from pipelines.placement import PLACEMENTS
from tests.web_server import scripted_server

BRIEF = Limits(connect_s=0.2, read_s=0.2, backoff_s=0.02, retry_after_s=0, deadline_s=20)


@pytest.fixture
def server():
    with scripted_server() as script:
        yield script


def test_json_is_posted_once(server):
    server.answer(200)
    assert post(server.address, {"status": "succeeded"}, BRIEF) is None
    assert [(method, path) for method, path, _ in server.asked] == [("POST", "/services/s3cr3t")]
    assert server.bodies == [{"status": "succeeded"}]


def test_a_server_that_is_down_is_told():
    with scripted_server() as script:
        gone = script.address
    assert post(gone, {}, BRIEF) == "NewConnectionError"


def test_a_server_that_does_not_answer_is_given_up_after_three_tries(server):
    server.answer(200)
    server.silence.clear()
    assert post(server.address, {}, BRIEF) == "ReadTimeoutError"
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_recovers_gets_it(server, status):
    server.answer(status)
    server.answer(200)
    assert post(server.address, {}, BRIEF) is None
    assert len(server.asked) == 2


def test_one_that_stays_broken_is_tried_three_times(server):
    server.answer(503)
    assert post(server.address, {}, BRIEF) == "it answered 503"
    assert len(server.asked) == 3


def test_one_that_asks_to_wait_is_tried_again_and_not_waited_for_at_will(server):
    server.answer(429, Retry_After="86400")  # if it had its way, no test would end
    server.answer(202)
    assert post(server.address, {}, BRIEF) is None
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_refusal_is_not_tried_again(server, status):
    server.answer(status)
    assert post(server.address, {}, BRIEF) == f"it answered {status}"
    assert len(server.asked) == 1


def test_a_redirect_is_not_followed(server):
    server.answer(302, Location="/elsewhere")
    server.answer(200)
    assert post(server.address, {}, BRIEF) == "it answered 302"
    assert len(server.asked) == 1


def test_whatever_hangs_it_ends_by_the_deadline(server):
    server.answer(200)
    server.silence.clear()
    brief = Limits(read_s=30, deadline_s=0.2)
    assert post(server.address, {}, brief) == "no answer within 0.2 s"


@pytest.mark.parametrize(
    "address",
    ["http://hooks.example/s3cr3t", "ftp://127.0.0.1/s3cr3t", "hooks.example/s3cr3t", "https://[/"],
)
def test_an_address_that_others_could_read_or_that_is_none_is_not_posted_to(address):
    problem = post(address, {}, BRIEF)
    assert problem is not None
    assert "s3cr3t" not in problem


@pytest.mark.parametrize("status", [200, 404, 503, None])
def test_the_address_is_never_logged_nor_told(server, status, caplog):
    server.answer(status or 200)
    if status is None:
        server.silence.clear()
    with caplog.at_level(logging.DEBUG):
        problem = post(server.address, {}, BRIEF)
    assert "s3cr3t" not in f"{problem}{caplog.text}"


def test_all_of_it_takes_far_less_than_the_step_may():
    assert 3 * LIMITS.deadline_s < PLACEMENTS["notify"].timeout_s
