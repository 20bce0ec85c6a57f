"""Amdahl's law, what tasks cost, and the schedule on a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.ingest_videos.sharding import balance
from pipelines.compilation import COMPILED
from pipelines.scaling_model import (
    BACKBONE_STEPS,
    NEEDS,
    SHARD_STEPS,
    WITHOUT_STARTS,
    Amdahl,
    Cluster,
    TaskCost,
    fit_amdahl,
    fit_cost,
    predict,
    schedule,
    serial_share_of,
    tasks_of,
)

BACKBONES = ("first", "second", "third")
COSTS = {
    "ingest_videos": TaskCost(1.0, 0.01),
    "decide_retraining": TaskCost(1.0, 0.0),
    "export_backbones": TaskCost(10.0, 0.0),
    "extract_frames": TaskCost(1.0, 0.05),
    "embed_frames": TaskCost(2.0, 0.1),
    "split_dataset": TaskCost(1.0, 0.005),
    **{f"train_model {name}": TaskCost(15.0, 0.01) for name in BACKBONES},
    "compare_models": TaskCost(1.0, 0.0),
    "register_model": TaskCost(3.0, 0.0),
}
CLIPS = (10.0,) * 97
ONE_AT_A_TIME = replace(WITHOUT_STARTS, regular_workers=1)

times = st.floats(0.0, 1e4)
lengths = st.lists(st.floats(0.5, 300.0), min_size=1, max_size=20)
counts = st.integers(1, 24)
task_costs = st.builds(TaskCost, st.floats(0.0, 60.0), st.floats(0.0, 1.0))
all_costs = st.fixed_dictionaries(dict.fromkeys(COSTS, task_costs))


class TestAmdahl:
    @given(st.floats(0.1, 1e4), times, st.lists(counts, min_size=2, max_size=6, unique=True))
    def test_exact_times_give_their_serial_share_back(self, serial, parallel, workers):
        law = Amdahl(serial, parallel)
        fitted = fit_amdahl(workers, [law.seconds(count) for count in workers])
        assert fitted.serial_share == pytest.approx(law.serial_share, abs=1e-6)
        assert fitted.seconds(1) == pytest.approx(law.seconds(1))

    def test_more_than_linear_gains_leave_nothing_serial_and_never_less(self):
        assert fit_amdahl([1, 2, 4], [8.0, 3.0, 1.0]).serial_seconds == 0

    def test_times_that_grow_with_workers_leave_nothing_parallel_and_never_less(self):
        fitted = fit_amdahl([1, 2, 4], [8.0, 9.0, 10.0])
        assert (fitted.parallel_seconds, fitted.seconds(1)) == (0, pytest.approx(9.0))

    @given(st.floats(0.01, 1.0), st.integers(2, 64))
    def test_a_speed_up_says_the_serial_share(self, share, workers):
        law = Amdahl(share, 1 - share)
        assert serial_share_of(law.speed_up(workers), workers) == pytest.approx(share)


@given(
    times, st.floats(0.0, 10.0), st.lists(st.floats(1, 1e3), min_size=2, max_size=6, unique=True)
)
def test_exact_tasks_give_their_cost_back(fixed, slope, sizes):
    cost = TaskCost(fixed, slope)
    fitted = fit_cost(sizes, [cost.seconds(size) for size in sizes])
    for size in sizes:
        assert fitted.seconds(size) == pytest.approx(cost.seconds(size), rel=1e-6, abs=1e-6)


def reaching(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """All that each step waits for, whatever is between."""
    found: dict[str, set[str]] = {}
    for step, direct in edges.items():
        open_, seen = list(direct), set()
        while open_:
            before = open_.pop()
            if before not in seen:
                seen.add(before)
                open_ += edges[before]
        found[step] = seen
    return found


def test_the_steps_wait_for_what_they_wait_for_in_the_compiled_pipeline():
    spec = next(yaml.safe_load_all((COMPILED / "training.yaml").read_text(encoding="ascii")))
    dags = {name: row["dag"]["tasks"] for name, row in spec["components"].items() if "dag" in row}
    edges: dict[str, set[str]] = {}

    def steps_of(task: str) -> set[str]:
        inner = dags.get(f"comp-{task}")
        return set().union(*map(steps_of, inner)) if inner else {task.replace("-", "_")}

    def walk(tasks: dict, before: set[str]) -> None:
        for name, row in tasks.items():
            needed = before.union(*map(steps_of, row.get("dependentTasks", [])))
            if f"comp-{name}" in dags:
                walk(dags[f"comp-{name}"], needed)
            else:
                edges[name.replace("-", "_")] = needed

    walk(dags["comp-exit-handler-1"], set())
    assert reaching({step: set(before) for step, before in NEEDS.items()}) == reaching(edges)


@given(all_costs, lengths)
def test_one_worker_takes_the_sum_of_all_tasks(costs, clips):
    tasks = tasks_of(costs, clips, 1, BACKBONES)
    predicted = predict(costs, clips, 1, BACKBONES, ONE_AT_A_TIME)
    assert predicted.seconds == pytest.approx(sum(task.seconds for task in tasks))


@given(all_costs, lengths, counts, counts)
def test_where_starting_costs_nothing_more_workers_are_never_slower(costs, clips, some, more):
    few, many = (predict(costs, clips, n, BACKBONES, WITHOUT_STARTS) for n in (some, some + more))
    assert many.seconds <= few.seconds + 1e-6


@given(all_costs, lengths, counts)
def test_where_starting_costs_nothing_the_longest_chain_is_all_work(costs, clips, workers):
    predicted = predict(costs, clips, workers, BACKBONES, ONE_AT_A_TIME)
    assert predicted.start_seconds == pytest.approx(0, abs=1e-6)


@given(all_costs, lengths, counts)
def test_no_number_of_workers_is_faster_than_the_longest_clip(costs, clips, workers):
    predicted = predict(costs, clips, workers, BACKBONES, WITHOUT_STARTS)
    least = sum(costs[step].seconds(max(clips)) for step in SHARD_STEPS)
    assert predicted.seconds >= least - 1e-6


@given(all_costs, lengths, counts, st.builds(Cluster, *[st.floats(0, 300)] * 4, st.integers(1, 4)))
def test_the_longest_chain_accounts_for_all_of_the_time(costs, clips, workers, cluster):
    predicted = predict(costs, clips, workers, BACKBONES, cluster)
    total = sum(predicted.work_seconds.values()) + predicted.start_seconds
    assert total == pytest.approx(predicted.seconds)
    assert predicted.start_seconds >= -1e-6


@given(all_costs, lengths, counts, st.builds(Cluster, *[st.floats(0, 300)] * 4, st.integers(1, 4)))
def test_no_task_begins_before_what_it_needs_and_no_worker_does_two(costs, clips, workers, cluster):
    placed = schedule(tasks_of(costs, clips, workers, BACKBONES), workers, cluster)
    for each in placed.values():
        begun = each.ends - each.task.seconds
        assert all(placed[need].ends <= begun + 1e-6 for need in each.task.needs)
    spot = [each for each in placed.values() if each.task.step in {*SHARD_STEPS, *BACKBONE_STEPS}]
    for each in spot:
        middle = each.ends - each.task.seconds / 2
        at_once = [o for o in spot if o.ends - o.task.seconds < middle < o.ends]
        assert len(at_once) <= max(workers, 1)


def test_a_run_has_as_many_shards_as_workers_but_no_more_than_clips():
    def shards(workers):
        tasks = tasks_of(COSTS, CLIPS[:5], workers, BACKBONES)
        return sum(task.step == "embed_frames" for task in tasks)

    assert [shards(workers) for workers in (1, 3, 64)] == [1, 3, 5]


def test_shards_are_those_that_ingest_would_deal_out():
    clips = (30.0, 10.0, 10.0, 10.0)
    tasks = {task.name: task.seconds for task in tasks_of(COSTS, clips, 2, BACKBONES)}
    loads = [
        sum(c for c, s in zip(clips, balance(clips, 2), strict=True) if s == n) for n in (0, 1)
    ]
    cost = COSTS["embed_frames"]
    assert [tasks[f"embed_frames {n}"] for n in (0, 1)] == [cost.seconds(load) for load in loads]


def test_heads_train_beside_each_other_where_there_are_workers():
    def training(workers):
        placed = schedule(tasks_of(COSTS, CLIPS, workers, BACKBONES), workers, WITHOUT_STARTS)
        return len({each.ends for each in placed.values() if each.task.step == "train_model"})

    assert [training(workers) for workers in (1, 2, 3)] == [3, 2, 1]


def test_each_pod_image_and_node_on_the_chain_is_counted():
    """All steps one after another; run, exit handler, condition and loops have drivers too."""
    few = predict(COSTS, CLIPS, 64, BACKBONES, WITHOUT_STARTS).seconds
    chain = len(NEEDS)

    def added(**seconds):
        cluster = replace(WITHOUT_STARTS, **seconds)
        return predict(COSTS, CLIPS, 64, BACKBONES, cluster).seconds - few

    assert added(driver_seconds=1.0) == pytest.approx(chain + 2 + 1 + 2 * 2)
    assert added(start_seconds=1.0) == pytest.approx(chain)
    assert added(node_seconds=1.0) == pytest.approx(1)


def test_a_node_pulls_each_image_once():
    """The one without TensorFlow and the one with it, on the spot node and on the regular ones."""
    one = predict(COSTS, CLIPS, 1, BACKBONES, WITHOUT_STARTS).seconds
    pulled = predict(COSTS, CLIPS, 1, BACKBONES, replace(WITHOUT_STARTS, pull_seconds=1.0)).seconds
    assert pulled - one == pytest.approx(2 + 2)
