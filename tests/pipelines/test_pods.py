"""The pods behind a task are found, though the server names none."""

from __future__ import annotations

import pytest

from pipelines.pods import Nodes, _fnv
from tests.fake_workflow import WORKFLOW, Attempt, State, Task, loop, node_id, pod_of, task_details

EXIT = ("exit-handler-1",)
FAILED, OK = Attempt(State.FAILED), Attempt()
IN_LOOP = tuple(
    Task("train-model", attempts, EXIT + loop("for-loop-2", index))
    for index, attempts in enumerate(([OK], [FAILED, FAILED], [OK]))
)
"""Three backbones, of which the second failed, and was tried again."""
INGEST = Task("ingest-videos", inside=EXIT)


def task_named(name: str, state: str, details: list):
    (found,) = [each for each in details if (each.display_name, each.state) == (name, state)]
    return found


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("general-cpu-rnggt.root", 4293776163),
        ("general-cpu-rnggt.root.workspace-name", 3375089848),
        ("general-cpu-rnggt.root.workspace-name.executor(0)", 1467617326),
        ("general-cpu-rnggt.root.workspace-name.onExit.close-driver", 1471979654),
    ],
)
def test_the_hash_is_the_one_that_argo_was_recorded_to_give(name: str, digest: int):
    assert _fnv(name) == digest


def test_the_pod_is_that_of_the_last_attempt_in_the_iteration_that_failed():
    details = task_details([INGEST, *IN_LOOP])
    pods = Nodes(details).pods_of(task_named("train-model", State.FAILED, details))
    assert next(pods) == pod_of(IN_LOOP[1], attempt=1)


def test_a_step_outside_of_loops_has_its_pod_too():
    details = task_details([INGEST, *IN_LOOP])
    pods = Nodes(details).pods_of(task_named("ingest-videos", State.SUCCEEDED, details))
    assert next(pods) == pod_of(INGEST)


def test_a_template_with_labels_is_tried_as_well():
    details = task_details([INGEST])
    hash_ = pod_of(INGEST).rpartition("-")[2]
    pods = Nodes(details).pods_of(task_named("ingest-videos", State.SUCCEEDED, details))
    assert f"{WORKFLOW}-metadata-0-1-retry-system-container-impl-{hash_}" in pods


def test_a_driver_outside_of_loops_has_its_pod():
    details = task_details([INGEST])
    driver = task_named("ingest-videos-driver", State.SUCCEEDED, details)
    hash_ = node_id(f"{WORKFLOW}.root.exit-handler-1.ingest-videos-driver").rpartition("-")[2]
    assert next(Nodes(details).pods_of(driver)) == f"{WORKFLOW}-system-container-driver-{hash_}"


def test_of_a_driver_in_a_loop_it_cannot_be_told():
    details = task_details(IN_LOOP)
    driver = next(each for each in details if each.display_name == "train-model-driver")
    assert list(Nodes(details).pods_of(driver)) == []


def test_a_step_that_was_found_in_the_cache_has_none_to_read():
    cached = Task("ingest-videos", (), EXIT)
    details = task_details([cached])
    pods = Nodes(details).pods_of(task_named("ingest-videos", State.SUCCEEDED, details))
    assert not any("retry" in pod for pod in pods)


def test_a_run_without_nodes_has_no_pods():
    (alone,) = [each for each in task_details([INGEST]) if each.display_name == "executor(0)"]
    assert list(Nodes([alone]).pods_of(alone)) == []
