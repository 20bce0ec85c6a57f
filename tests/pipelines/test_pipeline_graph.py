"""The shape of a compiled pipeline is what its source lays out."""

from __future__ import annotations

import pytest
import yaml

from pipelines.pipeline_graph import Retry, read_graph
from pipelines.placement import PLACEMENTS


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


GRAPH = read_graph("fine_tuning.yaml")


def test_has_every_step_once():
    assert sorted(task.step for task in GRAPH.tasks()) == sorted(PLACEMENTS)


def test_training_has_all_but_fine_tuning():
    steps = {task.step for task in read_graph("training.yaml").tasks()}
    assert steps == set(PLACEMENTS) - {"fine_tune_model"}


def test_knows_the_loops_and_the_order_in_them():
    loops = {tuple(t.step for t in node.tasks()) for node in walk(GRAPH) if node.loop}
    assert loops == {("extract_frames", "embed_frames"), ("train_model", "fine_tune_model")}


def test_has_each_task_behind_those_it_waits_for():
    for node in walk(GRAPH):
        names = [child.name for child in node.children]
        for at, child in enumerate(node.children):
            assert set(child.after) <= set(names[:at])


def test_has_the_retries_that_are_compiled():
    for task in GRAPH.tasks():
        assert task.retry.limit == PLACEMENTS[task.step].retries
        assert task.retry.pause_s(0) > 0
        assert task.retry.window_s > PLACEMENTS[task.step].timeout_s


def test_pauses_grow_by_a_factor():
    retry = Retry(limit=9, backoff_s=30, factor=2)
    assert [retry.pause_s(n) for n in range(3)] == [30, 60, 120]


def compiled(folder, tasks):
    components = {f"comp-{name}": {"executorLabel": name} for name in tasks}
    spec = {"root": {"dag": {"tasks": tasks}}, "components": components}
    (folder / "made.yaml").write_text(yaml.safe_dump(spec))
    return read_graph("made.yaml", folder)


def task(name, **more):
    return {"componentRef": {"name": f"comp-{name}"}} | more


def test_tasks_that_wait_for_each_other_are_refused(tmp_path):
    tasks = {"a": task("a", dependentTasks=["b"]), "b": task("b", dependentTasks=["a"])}
    with pytest.raises(ValueError, match="wait for each other"):
        compiled(tmp_path, tasks)


def test_a_duration_that_is_no_number_of_seconds_is_refused(tmp_path):
    policy = {"maxRetryCount": 1, "backoffDuration": "1m", "backoffFactor": 1.0}
    with pytest.raises(ValueError, match="no number of seconds"):
        compiled(tmp_path, {"a": task("a", retryPolicy=policy)})
