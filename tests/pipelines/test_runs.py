"""Runs are listed, waited for with patience, and tell why they failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from components.errors import RollcallError
from pipelines.kubeflow import connect, silent
from pipelines.runs import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    MAX_HICCUPS,
    failures_of,
    list_runs,
    steps_of,
    wait_for,
)
from tests.fake_kubeflow import Fault, Snapshot
from tests.fake_workflow import WORKFLOW, Attempt, State, Task, loop, node_id, pod_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fake_kubeflow import FakeKubeflow

EXIT = ("exit-handler-1",)
RUNNING, DONE, FAILED = Attempt(State.RUNNING), Attempt(), Attempt(State.FAILED)
INGEST = Task("ingest-videos", [DONE], EXIT)
NOTIFY = Task("notify", [DONE], ("exit-handler-1.onExit",))


class Refilling(list):
    """A list that does something after each that is appended."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self.then = then

    def append(self, each: str) -> None:
        super().append(each)
        self.then()


def head(index: int, *attempts: Attempt) -> Task:
    return Task("train-model", attempts, EXIT + loop("for-loop-2", index))


class Waiting:
    """Waits for a run without losing time over it."""

    def __init__(self, fake: FakeKubeflow, *script: Snapshot) -> None:
        self.client = connect(fake.url)
        self.run_id = fake.add_run(*script)
        self.pauses: list[float] = []
        self.hiccups: list[str] = []
        self.shown: list[str] = []

    def __call__(self, hours: float = 1.0):
        return wait_for(
            self.client,
            self.run_id,
            lambda run: self.shown.append(run.state),
            hours=hours,
            hiccup=self.hiccups.append,
            sleep=self.pauses.append,
        )


@pytest.mark.parametrize("end", [State.SUCCEEDED, State.FAILED, State.CANCELED, State.SKIPPED])
def test_waiting_ends_when_the_run_does(kubeflow: FakeKubeflow, end: str):
    waiting = Waiting(kubeflow, Snapshot(State.PENDING), Snapshot(State.RUNNING), Snapshot(end))
    assert waiting().state == end
    assert waiting.shown == [State.PENDING, State.RUNNING, end]


def test_the_pause_grows_to_a_limit_while_nothing_changes(kubeflow: FakeKubeflow):
    waiting = Waiting(kubeflow, *[Snapshot(State.RUNNING)] * 12, Snapshot(State.SUCCEEDED))
    waiting()
    assert waiting.pauses == sorted(waiting.pauses)
    assert (waiting.pauses[0], waiting.pauses[-1]) == (FIRST_PAUSE_S, LONGEST_PAUSE_S)


def test_news_make_the_next_look_come_soon(kubeflow: FakeKubeflow):
    still = [Snapshot(State.RUNNING)] * 6
    news = Snapshot(State.RUNNING, [INGEST])
    waiting = Waiting(kubeflow, *still, news, Snapshot(State.SUCCEEDED))
    waiting()
    assert waiting.pauses[-1] == FIRST_PAUSE_S < waiting.pauses[-2]


def test_a_network_that_fails_for_a_while_is_survived(kubeflow: FakeKubeflow):
    waiting = Waiting(kubeflow, Snapshot(State.SUCCEEDED))
    kubeflow.faults += [Fault("/runs/", 0, times=2), Fault("/runs/", 503, times=MAX_HICCUPS - 3)]
    assert waiting().state == State.SUCCEEDED
    assert len(waiting.hiccups) == MAX_HICCUPS - 1


def test_a_network_that_stays_away_ends_the_waiting_and_says_how_to_resume(kubeflow: FakeKubeflow):
    waiting = Waiting(kubeflow, Snapshot(State.RUNNING))
    kubeflow.faults.append(Fault("/runs/", 503, times=MAX_HICCUPS))
    with pytest.raises(RollcallError, match=f"rollcall runs {waiting.run_id} --wait"):
        waiting()


def test_only_questions_in_a_row_count(kubeflow: FakeKubeflow):
    waiting = Waiting(kubeflow, *[Snapshot(State.RUNNING)] * 3, Snapshot(State.SUCCEEDED))
    away = Fault("/runs/", 0, times=MAX_HICCUPS - 1)
    kubeflow.faults.append(replace(away))
    waiting.shown = Refilling(lambda: kubeflow.faults.append(replace(away)))
    waiting()
    assert len(waiting.hiccups) == 4 * (MAX_HICCUPS - 1)


def test_a_token_that_is_over_is_no_hiccup(kubeflow: FakeKubeflow):
    waiting = Waiting(kubeflow, Snapshot(State.RUNNING))
    kubeflow.faults.append(Fault("/runs/", 401))
    with pytest.raises(RollcallError, match=r"ROLLCALL_TOKEN_FILE.*The run goes on"):
        waiting()
    assert waiting.hiccups == []


def test_a_run_that_never_ends_is_not_waited_for_for_ever(kubeflow: FakeKubeflow):
    waiting = Waiting(kubeflow, Snapshot(State.RUNNING))
    with pytest.raises(RollcallError, match="not over after 0 hours"):
        waiting(hours=0)


def test_a_step_counts_the_iterations_that_are_known_of(kubeflow: FakeKubeflow):
    tasks = [NOTIFY, head(0, DONE), head(1, RUNNING), head(2, FAILED), INGEST]
    waiting = Waiting(kubeflow, Snapshot(State.RUNNING, tasks))
    steps = {each.step: each for each in steps_of(waiting.client.get_run(waiting.run_id))}
    assert list(steps) == ["ingest_videos", "train_model", "notify"]
    heads = steps["train_model"]
    assert (heads.tasks, heads.done, heads.running, heads.failed) == (3, 1, 1, 1)


def test_a_step_took_from_its_first_start_to_its_last_end(kubeflow: FakeKubeflow):
    tasks = [head(0, FAILED, Attempt(start=90, seconds=60)), head(1, DONE)]
    waiting = Waiting(kubeflow, Snapshot(State.SUCCEEDED, tasks))
    (step,) = steps_of(waiting.client.get_run(waiting.run_id))
    assert step.seconds == 150


def test_a_step_that_goes_on_took_until_now(kubeflow: FakeKubeflow):
    waiting = Waiting(kubeflow, Snapshot(State.RUNNING, [head(0, RUNNING)]))
    run = waiting.client.get_run(waiting.run_id)
    started = min(each.start_time for each in run.run_details.task_details)
    (step,) = steps_of(run)
    assert step.seconds == pytest.approx((datetime.now(UTC) - started).total_seconds(), abs=60)


def failures(fake: FakeKubeflow, *tasks: Task):
    waiting = Waiting(fake, Snapshot(State.FAILED, tasks))
    return failures_of(waiting.client, waiting.client.get_run(waiting.run_id))


def test_a_failure_has_the_end_of_its_own_log(kubeflow: FakeKubeflow):
    failed = head(1, FAILED, FAILED)
    kubeflow.logs = {pod_of(failed, 0): "first try\n", pod_of(failed, 1): "last try\n"}
    (failure,) = failures(kubeflow, INGEST, head(0, DONE), failed, NOTIFY)
    assert (failure.title, failure.log, failure.problem) == ("Train head", ["last try"], "")


def test_a_log_is_found_under_the_name_of_a_pod_with_labels(kubeflow: FakeKubeflow):
    failed = Task("ingest-videos", [FAILED], EXIT)
    labelled = pod_of(failed).replace("-retry-", "-metadata-0-1-retry-")
    kubeflow.logs = {labelled: "SourceError: nothing there\n"}
    (failure,) = failures(kubeflow, failed)
    assert failure.log == ["SourceError: nothing there"]


def test_a_log_that_is_gone_is_said_to_be(kubeflow: FakeKubeflow):
    (failure,) = failures(kubeflow, head(0, FAILED))
    assert (failure.log, "Failed to read logs" in failure.problem) == ([], True)


def test_what_the_server_says_of_a_task_is_passed_on(kubeflow: FakeKubeflow):
    (failure,) = failures(kubeflow, head(0, FAILED)._replace(error="OOMKilled\x1b[2J"))
    assert failure.error == "OOMKilled [2J"


def test_a_driver_that_failed_stands_for_its_step(kubeflow: FakeKubeflow):
    node = node_id(f"{WORKFLOW}.root.exit-handler-1.ingest-videos-driver").rpartition("-")[2]
    kubeflow.logs = {f"{WORKFLOW}-system-container-driver-{node}": "no such claim\n"}
    (failure,) = failures(kubeflow, INGEST._replace(driver=State.FAILED))
    assert (failure.title, failure.log) == ("ingest-videos-driver", ["no such claim"])


def test_of_a_driver_in_a_loop_no_log_is_invented(kubeflow: FakeKubeflow):
    broken = head(0, DONE)._replace(driver=State.FAILED)
    (failure,) = failures(kubeflow, broken, head(1, DONE))
    assert "it cannot be told which pod" in failure.problem


def test_a_right_that_is_missing_is_not_asked_for_again(kubeflow: FakeKubeflow):
    kubeflow.faults.append(Fault("/log", 403, message="readLog"))
    (failure,) = failures(kubeflow, head(0, FAILED))
    assert "(readLog)" in failure.problem
    assert sum("/log" in each for each in kubeflow.seen) == 1


def test_runs_are_listed_newest_first_and_no_more_than_asked_for(kubeflow: FakeKubeflow):
    client = connect(kubeflow.url)
    runs = [kubeflow.add_run(Snapshot(State.SUCCEEDED)) for _ in range(4)]
    assert [each.run_id for each in list_runs(client, 3)] == runs[:0:-1]


def test_runs_of_one_experiment_are_listed_under_its_name(kubeflow: FakeKubeflow):
    client = connect(kubeflow.url)
    with silent():
        ours = client.create_experiment("ours").experiment_id
        others = client.create_experiment("others").experiment_id
    run = kubeflow.add_run(experiment_id=ours, recurring_run_id="nightly")
    kubeflow.add_run(experiment_id=others)
    (row,) = list_runs(client, 10, "ours")
    assert (row.run_id, row.experiment, row.scheduled) == (run, "ours", True)
    with pytest.raises(RollcallError, match="no experiment nobodys"):
        list_runs(client, 10, "nobodys")
