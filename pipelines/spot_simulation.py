"""How long a run takes and what it costs where spot nodes are taken away: drawn many times.

The model, which docs/cost.md explains:

- A node is taken away after a time that is exponentially distributed, `evictions_per_hour` a node
  (a Poisson process), whatever happened before. Every pod is alone on its node.
- A pod needs `startup_s` before it works. An eviction ends it; what it did is lost, or, of a step
  that resumes, what it did since its last checkpoint, one each `checkpoint_s` of work.
- It is tried again after the pause of the compiled pipeline, as often as that says. A task that
  fails for good ends the run; what had begun by then is paid for.
- Tasks begin when those are done that they depend on; a loop's iterations at once, or `at_once`
  of them, the next one when a place is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from components.errors import RollcallError
from pipelines.costs import HOUR
from pipelines.node_pools import POOLS
from pipelines.placement import PLACEMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pipelines.pipeline_graph import Node, Retry
    from pipelines.prices import PriceList
    from pipelines.scenario import Scenario

    Seconds = NDArray[np.float64]
    """[runs]: one value for each drawn run."""

RESUMING: Final = frozenset({"fine_tune_model"})
"""Steps that go on at their last checkpoint."""

VALUES_AT_ONCE: Final = 2_000_000
"""Tasks, times runs that are drawn together; each takes three numbers, so 48 MB in all."""

QUANTILES: Final = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        seconds: [succeeded] from the start of each run that succeeded to its end.
        costs: [runs] of each run, whether it succeeded or not, in the price file's currency.
        evictions: [runs] pods that were evicted.
    """

    seconds: Seconds
    costs: Seconds
    evictions: Seconds

    @property
    def failed_share(self) -> float:
        """Part of the runs in which a task used up its retries."""
        return 1 - len(self.seconds) / len(self.costs)

    @property
    def cost_of_a_success(self) -> float | None:
        """What is paid on average until a run succeeds, started anew where it fails."""
        return float(self.costs.sum()) / len(self.seconds) if len(self.seconds) else None

    def to_json(self) -> dict[str, Any]:
        """As plain values; the seconds are null where no run succeeded."""
        return {
            "seconds": _summary(self.seconds),
            "cost": _summary(self.costs),
            "cost_of_a_success": self.cost_of_a_success,
            "evictions": float(self.evictions.mean()),
            "failed_share": self.failed_share,
        }


def _summary(values: Seconds) -> dict[str, float] | None:
    if not len(values):
        return None
    low, middle, high = np.quantile(values, QUANTILES)
    return {"mean": float(values.mean()), "p5": low, "p50": middle, "p95": high}


def simulate(
    graph: Node,
    work: Mapping[str, Sequence[float]],
    prices: PriceList,
    scenario: Scenario,
    *,
    spot: bool = True,
) -> Outcome:
    """Draw runs.

    Args:
        graph: the pipeline.
        work: seconds of each task that a run did, by step; a loop has as many iterations as the
            steps in it have tasks.
        prices: of the nodes.
        scenario: what is supposed.
        spot: whether steps of the spot pool run there; else all is on nodes of the same size that
            nobody takes away, at the regular price.

    Raises:
        RollcallError: a spot price is needed and not known, or a task would last longer than it
            may.
    """
    _check_time_limits(work, scenario)
    tasks = sum(len(seconds) for seconds in work.values())
    together = max(1, VALUES_AT_ONCE // max(1, tasks))
    parts = []
    generator = np.random.default_rng(scenario.seed)
    for start in range(0, scenario.runs, together):
        runs = min(together, scenario.runs - start)
        draw = _Draw(work, prices, scenario, generator, runs, spot=spot)
        parts.append(draw.outcome(graph))
    return Outcome(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Outcome.__annotations__
        )
    )


def _check_time_limits(work: Mapping[str, Sequence[float]], scenario: Scenario) -> None:
    for step, tasks in work.items():
        needed = scenario.startup_s + max(tasks) * scenario.work_factor
        if needed > PLACEMENTS[step].timeout_s:
            raise RollcallError(
                f"a task of {step} would take {needed:.0f} s and be stopped after "
                f"{PLACEMENTS[step].timeout_s} s: that much work needs more workers"
            )


@dataclass(frozen=True)
class TaskTimes:
    """How one task fared, [runs] each.

    Attributes:
        elapsed: seconds until it was done, or failed for good, pauses included.
        occupied: seconds of these in which it had a node.
        evictions: pods that were evicted.
        succeeded: whether it was done.
    """

    elapsed: Seconds
    occupied: Seconds
    evictions: Seconds
    succeeded: NDArray[np.bool_]


def draw_task(
    work_s: float,
    retry: Retry,
    generator: np.random.Generator,
    runs: int,
    *,
    evictions_per_hour: float,
    startup_s: float = 0.0,
    checkpoint_s: float = 0.0,
) -> TaskTimes:
    """Draw how a task of `work_s` seconds fares.

    With neither start-up nor pause nor limit the mean time is (e^(rL) - 1) / r for work L and rate
    r, and (L / c)(e^(rc) - 1) / r with a checkpoint every c (Daly, A higher order estimate of the
    optimum checkpoint interval for restart dumps, FGCS 22, 2006, without dump and restart times);
    within k retries it is done with probability 1 - (1 - e^(-rL))^(k + 1).
    """
    rate = evictions_per_hour / HOUR
    elapsed, occupied, evictions = np.zeros(runs), np.zeros(runs), np.zeros(runs)
    kept, given_up = np.zeros(runs), np.zeros(runs, bool)
    going = np.arange(runs)
    for attempt in range(retry.limit + 1):
        needed = startup_s + work_s - kept[going]
        until = generator.exponential(1 / rate, len(going)) if rate else np.full(len(going), np.inf)
        spent = np.minimum(needed, until)
        elapsed[going] += spent
        occupied[going] += spent
        evicted = until < needed
        going, spent = going[evicted], spent[evicted]
        evictions[going] += 1
        if checkpoint_s:
            worked = np.maximum(spent - startup_s, 0)
            kept[going] += np.floor(worked / checkpoint_s) * checkpoint_s
        if attempt == retry.limit:
            given_up[going] = True
            break
        elapsed[going] += retry.pause_s(attempt)
        late = elapsed[going] > retry.window_s
        given_up[going[late]] = True
        going = going[~late]
        if not len(going):
            break
    return TaskTimes(elapsed, occupied, evictions, ~given_up)


class _Draw:
    """Runs that are drawn together."""

    def __init__(
        self,
        work: Mapping[str, Sequence[float]],
        prices: PriceList,
        scenario: Scenario,
        generator: np.random.Generator,
        runs: int,
        *,
        spot: bool,
    ) -> None:
        self._work, self._prices, self._scenario = work, prices, scenario
        self._generator, self._runs, self._spot = generator, runs, spot
        self._failed_at = np.full(runs, np.inf)
        self._begun: list[tuple[Seconds, Seconds, Seconds]] = []

    def outcome(self, graph: Node) -> Outcome:
        """Draw them."""
        end = self._group(graph, np.zeros(self._runs), iteration=0)
        costs, evictions = np.zeros(self._runs), np.zeros(self._runs)
        for start, cost, evicted in self._begun:
            paid = start < self._failed_at
            costs += np.where(paid, cost, 0)
            evictions += np.where(paid, evicted, 0)
        return Outcome(end[np.isinf(self._failed_at)], costs, evictions)

    def _group(self, group: Node, start: Seconds, iteration: int) -> Seconds:
        """When all of a group's tasks are done, if it begins at `start`."""
        ends: dict[str, Seconds] = {}
        for child in group.children:
            begin = start
            for name in child.after:
                begin = np.maximum(begin, ends[name])
            ends[child.name] = (
                self._task(child, begin, iteration)
                if child.step
                else self._loop(child, begin)
                if child.loop
                else self._group(child, begin, iteration)
            )
        end = start
        for each in ends.values():
            end = np.maximum(end, each)
        return end

    def _loop(self, loop: Node, start: Seconds) -> Seconds:
        """As `_group`; an iteration takes the place that is free first."""
        count = max((len(self._work.get(task.step, ())) for task in loop.tasks()), default=0)
        places = min(self._scenario.at_once or count, count)
        free = np.repeat(start[np.newaxis], max(places, 1), axis=0)  # [places, runs]
        columns = np.arange(self._runs)
        for iteration in range(count):
            place = free.argmin(axis=0)
            free[place, columns] = self._group(loop, free[place, columns], iteration)
        return free.max(axis=0)

    def _task(self, task: Node, start: Seconds, iteration: int) -> Seconds:
        tasks = self._work.get(task.step, ())
        if iteration >= len(tasks):  # cached, or left out by a condition
            return start
        row, scenario = PLACEMENTS[task.step], self._scenario
        pool = POOLS[row.pool]
        on_spot = self._spot and pool.spot
        times = draw_task(
            tasks[iteration] * scenario.work_factor,
            task.retry,
            self._generator,
            self._runs,
            evictions_per_hour=scenario.evictions_per_hour if on_spot else 0.0,
            startup_s=scenario.startup_s,
            checkpoint_s=scenario.checkpoint_s if task.step in RESUMING else 0.0,
        )
        price = self._prices.price_of(pool.sku)
        per_hour = price.spot if on_spot else price.regular
        if per_hour is None:
            raise RollcallError(f"the price file knows no spot price of {pool.sku}")
        end = start + times.elapsed
        cost = times.occupied * pool.share(row) * per_hour / HOUR
        self._begun.append((start, cost, times.evictions))
        failed = ~times.succeeded
        self._failed_at[failed] = np.minimum(self._failed_at, end)[failed]
        return end
