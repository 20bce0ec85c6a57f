"""What is drawn agrees with what can be calculated."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import RollcallError
from pipelines import spot_simulation
from pipelines.node_pools import POOLS
from pipelines.pipeline_graph import Node, Retry
from pipelines.placement import PLACEMENTS
from pipelines.scenario import Scenario
from pipelines.spot_simulation import draw_task, simulate
from tests.pipelines.test_costs import PRICES, unknown_spot

RUNS = 100_000
HOUR = 3600.0
WITHOUT_END = Retry(limit=10_000)

WORK = {
    "ingest_videos": [10.0],
    "export_backbones": [30.0],
    "extract_frames": [20.0, 40.0],
    "embed_frames": [50.0, 10.0],
    "split_dataset": [5.0],
    "train_model": [60.0, 30.0, 10.0],
    "compare_models": [2.0],
    "register_model": [3.0],
    "notify": [1.0],
}


def node(step, *after, **more):
    return Node(step, after, step, Retry(limit=3, backoff_s=30), **more)


SHARDS = Node(
    "shards",
    ("ingest_videos", "export_backbones"),
    children=(node("extract_frames"), node("embed_frames", "extract_frames")),
    loop=True,
)
BACKBONES = Node("backbones", ("split_dataset",), children=(node("train_model"),), loop=True)
WATCHED = Node(
    "watched",
    children=(
        node("ingest_videos"),
        node("export_backbones"),
        SHARDS,
        node("split_dataset", "shards"),
        BACKBONES,
        node("compare_models", "backbones"),
        node("register_model", "compare_models"),
    ),
)
TRAINING = Node("root", children=(WATCHED, node("notify", "watched")))
"""In its outlines the training pipeline, so that hand-computed paths stay what they are."""

CALM = Scenario(evictions_per_hour=0.0, startup_s=0.0, runs=10)


def draw(work_s, rate, retry=WITHOUT_END, runs=RUNS, seed=0, **more):
    generator = np.random.default_rng(seed)
    return draw_task(work_s, retry, generator, runs, evictions_per_hour=rate, **more)


def expected_s(work_s, rate):
    """(e^(rL) - 1) / r, in seconds."""
    return (math.exp(rate * work_s / HOUR) - 1) / rate * HOUR


class TestTask:
    @pytest.mark.parametrize("rate", [0.1, 0.5, 2.0])
    def test_takes_as_long_as_the_closed_form_says(self, rate):
        times = draw(0.5 * HOUR, rate)
        assert times.succeeded.all()
        assert times.elapsed.mean() == pytest.approx(expected_s(0.5 * HOUR, rate), rel=0.01)
        assert np.array_equal(times.elapsed, times.occupied)

    def test_counts_start_up_as_work_that_is_always_lost(self):
        times = draw(0.5 * HOUR, 1.0, startup_s=600.0)
        assert times.elapsed.mean() == pytest.approx(expected_s(0.5 * HOUR + 600, 1.0), rel=0.01)

    @pytest.mark.parametrize("parts", [1, 3, 10])
    def test_that_resumes_takes_as_long_as_its_parts_one_by_one(self, parts):
        work_s = 1.5 * HOUR
        times = draw(work_s, 1.0, checkpoint_s=work_s / parts)
        expected = parts * expected_s(work_s / parts, 1.0)
        assert times.elapsed.mean() == pytest.approx(expected, rel=0.01)

    @pytest.mark.parametrize("retries", [0, 1, 4])
    def test_is_done_within_its_retries_as_often_as_the_closed_form_says(self, retries):
        times = draw(HOUR, 0.7, Retry(limit=retries))
        expected = 1 - (1 - math.exp(-0.7)) ** (retries + 1)
        assert times.succeeded.mean() == pytest.approx(expected, abs=0.005)

    def test_is_evicted_as_often_as_the_closed_form_says(self):
        """A geometric number of times: 1 / p - 1, p = e^(-rL)."""
        assert draw(HOUR, 0.5).evictions.mean() == pytest.approx(math.exp(0.5) - 1, rel=0.02)

    def test_without_evictions_takes_its_work_and_nothing_else(self):
        times = draw(100.0, 0.0, Retry(limit=3, backoff_s=30, factor=2), runs=5)
        assert (times.elapsed == 100.0).all()
        assert not times.evictions.any()

    def test_pauses_between_attempts_without_a_node(self):
        times = draw(1e9, 3600.0, Retry(limit=2, backoff_s=30, factor=3), runs=10)
        assert not times.succeeded.any()
        assert times.elapsed - times.occupied == pytest.approx(np.full(10, 30.0 + 90.0))

    def test_begins_no_attempt_after_its_window(self):
        """With an hour's window it is done if the first attempt is, or if a later one begins in it.

        From the first eviction at a time T the second begins at once, so with T below an hour.
        """
        times = draw(1.5 * HOUR, 1.0, Retry(limit=1, window_s=HOUR))
        first, in_time = math.exp(-1.5), 1 - math.exp(-1.0)
        assert times.succeeded.mean() == pytest.approx(first + in_time * first, abs=0.005)


class TestRun:
    def seconds(self, work=WORK, graph=TRAINING, **changes):
        (only,) = set(simulate(graph, work, PRICES, replace(CALM, **changes)).seconds)
        return only

    def test_without_evictions_takes_its_critical_path(self):
        """Export 30, the longer shard 20 + 50, split 5, the longest head 60, then 2, 3 and 1."""
        assert self.seconds() == 30 + 70 + 5 + 60 + 2 + 3 + 1

    def test_takes_the_iterations_one_after_the_other_where_there_is_one_place(self):
        assert self.seconds(at_once=1) == 30 + (70 + 50) + 5 + (60 + 30 + 10) + 2 + 3 + 1

    def test_gives_the_next_iteration_the_place_that_is_free_first(self):
        work = {"train_model": [30.0, 10.0, 15.0, 20.0]}
        assert self.seconds(work, at_once=2) == 45  # 30, then 20 beside 10, 15, or 10, 15, 20

    def test_starts_a_pod_for_each_task_on_the_path(self):
        assert self.seconds(startup_s=7.0) == 171 + 8 * 7

    def test_has_so_many_times_the_work(self):
        assert self.seconds(work_factor=10.0) == 1710

    def test_costs_what_its_nodes_cost(self):
        outcome = simulate(TRAINING, {"train_model": [HOUR]}, PRICES, CALM)
        share = POOLS["spot"].share(PLACEMENTS["train_model"])
        assert outcome.costs == pytest.approx(np.full(10, 0.1 * share))
        assert outcome.cost_of_a_success == pytest.approx(0.1 * share)

    def test_on_regular_nodes_is_never_evicted_and_costs_their_price(self):
        scenario = replace(CALM, evictions_per_hour=50.0)
        outcome = simulate(TRAINING, {"train_model": [HOUR]}, PRICES, scenario, spot=False)
        share = POOLS["spot"].share(PLACEMENTS["train_model"])
        assert outcome.costs == pytest.approx(np.full(10, 0.4 * share))
        assert set(outcome.seconds) == {HOUR}

    def test_lasts_through_the_pauses(self):
        retry = Retry(limit=50, backoff_s=2 * HOUR, factor=1)
        graph = Node("root", children=(Node("a", step="train_model", retry=retry),))
        scenario = Scenario(0.5, 0.0, runs=1000)
        seconds = simulate(graph, {"train_model": [HOUR]}, PRICES, scenario).seconds
        assert min(seconds) == HOUR
        assert min(seconds[seconds > HOUR]) > 3 * HOUR

    def test_leaves_steps_of_the_regular_pool_in_peace(self):
        scenario = replace(CALM, evictions_per_hour=50.0)
        assert set(simulate(TRAINING, {"split_dataset": [HOUR]}, PRICES, scenario).seconds) == {
            HOUR
        }

    def test_of_fine_tuning_resumes(self):
        graph = Node("root", children=(Node("a", step="fine_tune_model", retry=WITHOUT_END),))
        scenario = Scenario(2.0, 0.0, 60.0, runs=2000)
        work = {"fine_tune_model": [HOUR]}
        resumed = simulate(graph, work, PRICES, scenario)
        anew = simulate(graph, work, PRICES, replace(scenario, checkpoint_s=0.0))
        assert resumed.seconds.mean() < anew.seconds.mean()

    def test_that_fails_is_counted_and_pays_for_what_had_begun(self):
        """Without a retry the first hour succeeds with e^-1; only then the second is paid for."""
        first = Node("a", step="train_model")
        second = Node("b", after=("a",), step="split_dataset")
        graph = Node("root", children=(first, second))
        work = {"train_model": [HOUR], "split_dataset": [HOUR]}
        outcome = simulate(graph, work, PRICES, Scenario(1.0, 0.0, runs=RUNS))
        done = math.exp(-1)
        assert outcome.failed_share == pytest.approx(1 - done, abs=0.005)
        assert set(outcome.seconds) == {2 * HOUR}
        on_spot = 0.1 * POOLS["spot"].share(PLACEMENTS["train_model"])
        on_regular = 0.2 * POOLS["regular"].share(PLACEMENTS["split_dataset"])
        expected = (1 - done) * on_spot + done * on_regular  # E[min(T, 1)] = 1 - e^-1
        assert outcome.costs.mean() == pytest.approx(expected, rel=0.01)
        assert outcome.cost_of_a_success == pytest.approx(expected / done, rel=0.02)

    def test_that_never_succeeds_has_no_times(self):
        graph = Node("root", children=(Node("a", step="train_model"),))
        told = simulate(graph, {"train_model": [HOUR]}, PRICES, Scenario(1e6, runs=5)).to_json()
        assert told["seconds"] is told["cost_of_a_success"] is None
        assert told["failed_share"] == 1

    def test_is_the_same_under_the_same_seed_and_not_under_another(self):
        scenario = Scenario(20.0, runs=500, seed=3)
        one, same, other = (
            simulate(TRAINING, WORK, PRICES, each).costs
            for each in (scenario, scenario, replace(scenario, seed=4))
        )
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)

    def test_is_drawn_in_parts_that_fit_into_memory(self, monkeypatch):
        runs = []
        monkeypatch.setattr(spot_simulation, "VALUES_AT_ONCE", 1200)
        real = spot_simulation.draw_task
        monkeypatch.setattr(
            spot_simulation,
            "draw_task",
            lambda *args, **more: runs.append(args[3]) or real(*args, **more),
        )
        outcome = simulate(TRAINING, WORK, PRICES, Scenario(1.0, runs=250))
        assert len(outcome.costs) == 250
        assert max(runs) == 1200 // 13

    def test_with_a_task_longer_than_its_time_limit_is_refused(self):
        work = {"split_dataset": [PLACEMENTS["split_dataset"].timeout_s / 10 + 1]}
        simulate(TRAINING, work, PRICES, CALM)
        with pytest.raises(RollcallError, match=r"a task of split_dataset .* be stopped"):
            simulate(TRAINING, work, PRICES, replace(CALM, work_factor=10.0))

    def test_needs_a_spot_price(self):
        with pytest.raises(RollcallError, match=f"no spot price of {POOLS['spot'].sku}"):
            simulate(TRAINING, WORK, unknown_spot(), CALM)


@settings(max_examples=15)
@given(st.floats(0.0, 1.0), st.integers(0, 3))
def test_more_evictions_are_never_cheaper_in_expectation(rate, retries):
    """(e^(rL) - 1) / r until it succeeds, whatever the retries; half as many again is 28 % more."""
    graph = Node("root", children=(Node("a", step="train_model", retry=Retry(limit=retries)),))
    cheaper, dearer = (
        simulate(graph, {"train_model": [HOUR]}, PRICES, Scenario(each, 0.0, runs=20_000))
        for each in (rate, rate + 0.5)
    )
    assert cheaper.cost_of_a_success < dearer.cost_of_a_success
