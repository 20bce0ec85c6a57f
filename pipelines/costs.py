"""What a run costs on the cluster: the nodes that its attempts took, times their price."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from pipelines.node_pools import POOLS
from pipelines.placement import PLACEMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipelines.attempts import Attempt, RunHistory
    from pipelines.node_pools import NodePool
    from pipelines.prices import PriceList

HOUR: Final = 3600


@dataclass(frozen=True)
class Cost:
    """What one step cost, or all of them. Money is in the price file's currency.

    Attributes:
        attempts: pods that ran.
        failed: those of them whose work was done again, or never.
        node_seconds: seconds of a whole node, each attempt's times its share of one.
        node_seconds_alone: the same if every pod had a node to itself, so at the most.
        node_seconds_redone: part of `node_seconds` that the failed attempts took.
        on_spot: had all of it run at the spot price; None where that is not known.
        on_regular: at the regular price, without what was done again after an eviction: nobody
            takes a regular node away.
        as_placed: at the price of the pool where it ran; None as `on_spot`.
        redone: part of `as_placed` that the failed attempts cost.
    """

    attempts: int
    failed: int
    node_seconds: float
    node_seconds_alone: float
    node_seconds_redone: float
    on_spot: float | None
    on_regular: float
    as_placed: float | None
    redone: float | None

    @property
    def saved(self) -> float | None:
        """What the placement saves against regular nodes; negative if it costs more."""
        return None if self.as_placed is None else self.on_regular - self.as_placed

    @property
    def saved_share(self) -> float | None:
        """`saved` as a part of what regular nodes cost; None where that is nothing."""
        return None if self.saved is None or not self.on_regular else self.saved / self.on_regular


@dataclass(frozen=True)
class StepRow:
    """A step of a bill."""

    step: str
    pool: str
    spot: bool
    cost: Cost


@dataclass(frozen=True)
class Bill:
    """What a run cost.

    Attributes:
        prices: by which it was reckoned.
        rows: a step on a pool each, in the order in which they began.
        total: of all rows.
        cached: tasks that cost nothing, as the cache had their outputs.
        uncertain: attempts of which it is not sure to which step they belong.
    """

    prices: PriceList
    rows: tuple[StepRow, ...]
    total: Cost
    cached: int
    uncertain: int

    @property
    def spot_share(self) -> float:
        """The part of the node-seconds that ran on spot nodes."""
        spot = sum(row.cost.node_seconds for row in self.rows if row.spot)
        return spot / self.total.node_seconds if self.total.node_seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "region": self.prices.region,
            "currency": self.prices.currency,
            "prices_of": self.prices.date.isoformat(),
            "prices_from": self.prices.source,
            "steps": [
                {"step": row.step, "pool": row.pool, **_plain(row.cost)} for row in self.rows
            ],
            "total": _plain(self.total),
            "spot_share": self.spot_share,
            "cached_tasks": self.cached,
            "uncertain_attempts": self.uncertain,
            "always_on_per_hour": always_on_per_hour(self.prices),
        }


def bill_of(history: RunHistory, prices: PriceList, pools: Mapping[str, NodePool] = POOLS) -> Bill:
    """Reckon what a run cost, or would have.

    An attempt takes its pod's share of a node for as long as it lasts (`NodePool.share`), and
    costs that share of the node's price. What nodes cost while they are empty is not in it.

    Raises:
        RollcallError: the price file lacks the size of a pool's nodes.
    """
    groups: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in history.attempts:
        groups.setdefault((attempt.step, attempt.pool), []).append(attempt)
    rows = tuple(
        StepRow(step, pool, pools[pool].spot, _cost(attempts, step, pools[pool], prices))
        for (step, pool), attempts in groups.items()
    )
    total = _sum([row.cost for row in rows])
    return Bill(prices, rows, total, history.cached, history.uncertain)


def always_on_per_hour(
    prices: PriceList, pools: Mapping[str, NodePool] = POOLS
) -> dict[str, float]:
    """What the nodes cost an hour that run whether there is work or not, by pool.

    Raises:
        RollcallError: the price file lacks the size of a pool's nodes.
    """
    return {
        name: pool.always_on * prices.price_of(pool.sku).regular
        for name, pool in pools.items()
        if pool.always_on
    }


def _cost(attempts: Sequence[Attempt], step: str, pool: NodePool, prices: PriceList) -> Cost:
    price = prices.price_of(pool.sku)
    share = pool.share(PLACEMENTS[step])
    alone = sum(attempt.seconds for attempt in attempts)
    lost = sum(attempt.seconds for attempt in attempts if not attempt.succeeded)
    kept = alone - lost if pool.spot else alone
    placed = price.spot if pool.spot else price.regular

    def money(seconds: float, per_hour: float | None) -> float | None:
        return None if per_hour is None else seconds * share * per_hour / HOUR

    return Cost(
        attempts=len(attempts),
        failed=sum(not attempt.succeeded for attempt in attempts),
        node_seconds=alone * share,
        node_seconds_alone=alone,
        node_seconds_redone=lost * share,
        on_spot=money(alone, price.spot),
        on_regular=kept * share * price.regular / HOUR,
        as_placed=money(alone, placed),
        redone=money(lost, placed),
    )


def _sum(costs: Sequence[Cost]) -> Cost:
    """Part by part; a sum with something unknown in it is unknown."""
    parts = {each.name: [getattr(cost, each.name) for cost in costs] for each in fields(Cost)}
    sums: dict[str, Any] = {
        name: None if None in values else sum(values) for name, values in parts.items()
    }
    return Cost(**sums)


def _plain(cost: Cost) -> dict[str, Any]:
    return {**asdict(cost), "saved": cost.saved, "saved_share": cost.saved_share}
