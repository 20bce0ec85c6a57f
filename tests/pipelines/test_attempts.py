"""The pods of a run are found in what a local run wrote, and in what Kubeflow tells."""

from __future__ import annotations

import json
from datetime import timedelta

import kfp_server_api as api
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import RollcallError
from pipelines.attempts import Attempt, read_kubeflow_run, read_local_run
from pipelines.placement import PLACEMENTS
from tests.fake_workflow import START, State, Task, loop, task_details
from tests.fake_workflow import Attempt as Pod

LOST = State.FAILED


def local_run(folder, *steps):
    content = {"wall_seconds": 1.0, "steps": [dict(step) for step in steps]}
    (folder / "steps.json").write_text(json.dumps(content))
    return folder


def kubeflow_run(*tasks, state=State.SUCCEEDED, details=None):
    details = task_details(tasks) if details is None else details
    return api.V2beta1Run(
        run_id="r-1",
        state=state,
        finished_at=START + timedelta(hours=10),
        run_details=api.V2beta1RunDetails(task_details=details),
    )


def read(*tasks, **more):
    """The attempts without their pool, and with whole seconds."""
    return {
        (each.step, each.number, each.start, each.end, each.succeeded)
        for each in read_kubeflow_run(kubeflow_run(*tasks, **more)).attempts
    }


class TestLocalRun:
    def test_has_an_attempt_a_task_all_of_the_same_length_on_the_steps_pool(self, tmp_path):
        step = {"step": "extract_frames", "tasks": 2, "task_seconds": 30.0, "wall_seconds": 16.0}
        history = read_local_run(local_run(tmp_path, step))
        assert history.attempts == (Attempt("extract_frames", "spot", 0, 0.0, 15.0, True),) * 2
        assert history.work() == {"extract_frames": [15.0, 15.0]}

    def test_that_failed_is_refused(self, tmp_path):
        with pytest.raises(RollcallError, match=r"no steps\.json .* a run that failed has none"):
            read_local_run(tmp_path)

    @pytest.mark.parametrize(
        "step", [{"step": "embed_frames"}, {"step": "x", "tasks": 0, "task_seconds": 1.0}]
    )
    def test_of_another_form_is_refused(self, tmp_path, step):
        with pytest.raises(RollcallError, match=r"not as docs/outputs\.md says"):
            read_local_run(local_run(tmp_path, step))

    def test_with_a_step_that_is_none_is_refused(self, tmp_path):
        step = {"step": "dream", "tasks": 1, "task_seconds": 1.0}
        with pytest.raises(RollcallError, match="there is no step dream"):
            read_local_run(local_run(tmp_path, step))


class TestKubeflowRun:
    def test_has_the_pods_of_every_task_and_nothing_of_what_is_around_them(self):
        tasks = (
            Task("ingest-videos", (Pod(start=0, seconds=10),)),
            Task("split-dataset", (Pod(start=40, seconds=20),)),
        )
        assert read(*tasks) == {
            ("ingest_videos", 0, 0.0, 10.0, True),
            ("split_dataset", 0, 40.0, 60.0, True),
        }

    def test_has_an_attempt_for_each_pod_that_was_lost(self):
        evicted = (Pod(LOST, 0, 30), Pod(LOST, 60, 30), Pod(start=150, seconds=50))
        assert read(Task("train-model", evicted, loop("for-loop-3", 0))) == {
            ("train_model", 0, 0.0, 30.0, False),
            ("train_model", 1, 60.0, 90.0, False),
            ("train_model", 2, 150.0, 200.0, True),
        }

    def test_tells_pods_of_steps_apart_that_run_at_the_same_time(self):
        tasks = (
            Task("ingest-videos", (Pod(LOST, 0, 40), Pod(start=70, seconds=60))),
            Task("export-backbones", (Pod(start=0, seconds=100),)),
        )
        history = read_kubeflow_run(kubeflow_run(*tasks))
        assert history.uncertain == 0
        assert {(each.step, each.number, each.seconds) for each in history.attempts} == {
            ("ingest_videos", 0, 40.0),
            ("ingest_videos", 1, 60.0),
            ("export_backbones", 0, 100.0),
        }

    def test_gives_no_lost_pod_to_a_task_that_was_done_before(self):
        lost = (Pod(LOST, 0, 40), Pod(LOST, 70, 28), Pod(start=130, seconds=60))
        tasks = (Task("ingest-videos", lost), Task("export-backbones", (Pod(seconds=100),)))
        history = read_kubeflow_run(kubeflow_run(*tasks))
        assert history.uncertain == 0
        assert [each.step for each in history.attempts if not each.succeeded] == [
            "ingest_videos",
            "ingest_videos",
        ]

    def test_has_the_pods_of_every_iteration(self):
        tasks = [
            task
            for shard, seconds in enumerate((20, 50))
            for task in (
                Task("extract-frames", (Pod(start=0, seconds=seconds),), loop("for-loop-2", shard)),
                Task("embed-frames", (Pod(start=seconds, seconds=9),), loop("for-loop-2", shard)),
            )
        ]
        assert read(*tasks) == {
            ("extract_frames", 0, 0.0, 20.0, True),
            ("extract_frames", 0, 0.0, 50.0, True),
            ("embed_frames", 0, 20.0, 29.0, True),
            ("embed_frames", 0, 50.0, 59.0, True),
        }

    def test_counts_tasks_that_the_cache_had(self):
        tasks = (Task("ingest-videos"), Task("split-dataset", ()), Task("compare-models", ()))
        history = read_kubeflow_run(kubeflow_run(*tasks))
        assert history.cached == 2
        assert [each.step for each in history.attempts] == ["ingest_videos"]

    def test_leaves_out_what_a_pod_waited_for_a_node(self):
        details = task_details([Task("ingest-videos", (Pod(start=0, seconds=100),))])
        (pod,) = [each for each in details if each.display_name == "executor(0)"]
        pod.state_history = [
            api.V2beta1RuntimeStatus(START + timedelta(seconds=s), state)
            for s, state in ((1, State.PENDING), (75, State.RUNNING), (101, State.SUCCEEDED))
        ]
        (attempt,) = read_kubeflow_run(kubeflow_run(details=details)).attempts
        assert (attempt.start, attempt.end) == (75.0, 100.0)

    def test_that_failed_has_what_was_in_vain(self):
        task = Task("split-dataset", (Pod(LOST, 0, 10), Pod(LOST, 40, 10)))
        assert {each[-1] for each in read(task, state=State.FAILED)} == {False}

    def test_that_was_cancelled_ends_with_the_run_where_a_pod_has_no_end(self):
        task = Task("train-model", (Pod(State.RUNNING, 0, 10),))
        (attempt,) = read_kubeflow_run(kubeflow_run(task, state=State.CANCELED)).attempts
        assert attempt.end == 10 * 3600

    def test_says_of_how_many_pods_the_step_is_a_guess(self):
        pods = (Pod(LOST, 0, 10),)
        tasks = (Task("ingest-videos", pods), Task("export-backbones", pods))
        assert read_kubeflow_run(kubeflow_run(*tasks, state=State.FAILED)).uncertain == 2

    @pytest.mark.parametrize(
        ("parameter", "pools"),
        [
            ("spot_node_selector", {"train_model": "regular", "fine_tune_model": "spot"}),
            ("tuning_node_selector", {"train_model": "spot", "fine_tune_model": "regular"}),
        ],
    )
    def test_is_on_the_pools_that_its_parameters_chose(self, parameter, pools):
        run = kubeflow_run(
            Task("train-model", (Pod(start=0),)), Task("fine-tune-model", (Pod(start=100),))
        )
        chosen = {parameter: {"rollcall.io/pool": "regular"}}
        run.runtime_config = api.V2beta1RuntimeConfig(parameters=chosen)
        assert {each.step: each.pool for each in read_kubeflow_run(run).attempts} == pools

    def test_on_a_pool_that_is_none_is_refused(self):
        run = kubeflow_run(Task("train-model"))
        run.runtime_config = api.V2beta1RuntimeConfig(
            parameters={"spot_node_selector": {"rollcall.io/pool": "large"}}
        )
        with pytest.raises(RollcallError, match="there is no pool large"):
            read_kubeflow_run(run)

    @pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.CANCELING])
    def test_that_goes_on_is_refused(self, state):
        with pytest.raises(RollcallError, match=f"run r-1 is {state}"):
            read_kubeflow_run(kubeflow_run(Task("ingest-videos"), state=state))

    @pytest.mark.parametrize("details", [[], None])
    def test_without_pods_is_refused(self, details):
        run = kubeflow_run(details=details or [])
        run.run_details = run.run_details if details is not None else None
        with pytest.raises(RollcallError, match="tells nothing of the pods of run r-1"):
            read_kubeflow_run(run)

    def test_of_another_pipeline_is_refused(self):
        with pytest.raises(RollcallError, match="during no task of this pipeline"):
            read_kubeflow_run(kubeflow_run(Task("dream")))


seconds = st.integers(1, 500)
tasks = st.lists(
    st.tuples(
        st.sampled_from(sorted(PLACEMENTS)), st.integers(0, 100), st.lists(seconds, max_size=3)
    ),
    min_size=1,
    max_size=6,
)


@given(tasks, seconds)
def test_every_pod_is_found_once_whatever_runs_at_the_same_time(drawn, last):
    made = []
    for index, (step, start, lost) in enumerate(drawn):
        pods, at = [], float(start)
        for each in lost:
            pods.append(Pod(LOST, at, each))
            at += each + 30
        pods.append(Pod(start=at, seconds=last))
        made.append(Task(step.replace("_", "-"), pods, loop("for-loop-2", index)))
    history = read_kubeflow_run(kubeflow_run(*made))
    expected = sorted(pod.seconds for task in made for pod in task.attempts)
    assert sorted(each.seconds for each in history.attempts) == expected
    assert sum(each.succeeded for each in history.attempts) == len(made)
