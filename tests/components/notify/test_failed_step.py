"""Which step failed, by the events of this machine or by Kubeflow's API (a fake of it)."""

from __future__ import annotations

import json

import pytest
from kfp_server_api import ApiClient, V2beta1PipelineTaskDetail, V2beta1Run, V2beta1RunDetails

from components.errors import SourceError
from components.notify.failed_step import Failure, failed_by_tasks, find_failed_step
from components.telemetry import EVENTS_VARIABLE, Progress, step
from tests.web_server import scripted_server


@pytest.fixture
def events(tmp_path, monkeypatch):
    monkeypatch.setenv(EVENTS_VARIABLE, str(tmp_path / "events.jsonl"))
    return tmp_path / "events.jsonl"


def test_on_this_machine_the_first_step_that_failed_is_found_with_its_own_message(events):
    with step("export_backbones"):
        pass
    with pytest.raises(SourceError), step("ingest_videos"):
        raise SourceError("no roster")
    assert find_failed_step("", "r-1") == Failure("ingest_videos", "SourceError: no roster")


def test_the_message_of_a_foreign_error_is_not_told(events):
    with pytest.raises(EOFError), step("extract_frames", "0"):
        raise EOFError("videos/p-0ab9/s1.mp4")
    assert find_failed_step("", "r-1") == Failure("extract_frames", "EOFError")


def test_a_step_that_was_killed_is_found(events):
    with step("ingest_videos"):
        pass
    Progress("extract_frames", "1").expect(3, "clips")
    expected = Failure("extract_frames", "it ended without a word")
    assert find_failed_step("", "r-1") == expected


def test_before_the_first_event_nothing_can_be_told(events):
    assert find_failed_step("", "r-1") is None


def run_of(*tasks):
    """What Kubeflow answers, by the models of its own client."""
    details = [
        V2beta1PipelineTaskDetail(
            display_name=name, state=state, end_time=f"2026-01-01T00:0{minute}:00Z"
        )
        for minute, (name, state) in enumerate(tasks)
    ]
    run = V2beta1Run(run_id="r-1", run_details=V2beta1RunDetails(task_details=details))
    return ApiClient().sanitize_for_serialization(run)


AROUND = ("root", "exit-handler-1", "condition-2", "for-loop-3", "iteration-item(0:0)", "executor")


def test_of_kubeflows_tasks_the_first_that_failed_and_is_a_step_is_found():
    failed = [(name, "FAILED") for name in (*AROUND, "extract-frames(1)", "embed-frames")]
    run = run_of(("ingest-videos", "SUCCEEDED"), *failed)
    assert failed_by_tasks(run["run_details"]["task_details"]) == Failure("extract_frames")


def test_a_driver_that_failed_counts_as_its_step():
    run = run_of(("train-model-driver", "FAILED"))
    assert failed_by_tasks(run["run_details"]["task_details"]) == Failure("train_model")


def test_where_no_step_failed_none_is_named():
    run = run_of(("root", "FAILED"), ("notify", "RUNNING"))
    assert failed_by_tasks(run["run_details"]["task_details"]) is None


def test_kubeflow_is_asked_for_this_run():
    with scripted_server() as server:
        server.answer(200, json.dumps(run_of(("split-dataset", "FAILED"))).encode())
        assert find_failed_step(server.address, "r/1") == Failure("split_dataset")
    assert server.asked[0][1].endswith("/apis/v2beta1/runs/r%2F1")


@pytest.mark.parametrize(("status", "body"), [(401, b"{}"), (200, b"no JSON"), (200, b"{}")])
def test_an_answer_that_says_nothing_names_no_step(status, body):
    with scripted_server() as server:
        server.answer(status, body)
        assert find_failed_step(server.address, "r-1") is None


def test_a_kubeflow_that_is_down_names_no_step_and_that_is_logged(caplog):
    with scripted_server() as server:
        gone = server.address
    assert find_failed_step(gone, "r-1") is None
    assert "cannot be asked" in caplog.text
