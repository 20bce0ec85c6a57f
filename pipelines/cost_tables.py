"""What `rollcall cost` and `rollcall prices` print."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipelines.costs import always_on_per_hour
from pipelines.progress import title_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from pipelines.costs import Bill, Cost
    from pipelines.prices import PriceList
    from pipelines.scenario import Scenario
    from pipelines.spot_simulation import Outcome

COLUMNS: Final = ("pods", "lost", "node s", "spot", "regular", "placed")


def cost_table(bill: Bill) -> Table:
    """A row for each step, and their sum."""
    prices, digits = bill.prices, _digits(bill.total.on_regular)
    title = f"Cost in {prices.currency}, {prices.region}, prices of {prices.date}"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False
    )
    table.add_column("step", no_wrap=True)
    table.add_column("pool")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in bill.rows:
        table.add_row(title_of(row.step), row.pool, *_cells(row.cost, digits))
    table.add_row("All", "", *_cells(bill.total, digits), style="bold")
    return table


def cost_lines(bill: Bill) -> Iterator[str]:
    """What the table comes to, and what is not in it."""
    prices, total = bill.prices, bill.total
    digits = _digits(total.on_regular)

    def money(value: float | None) -> str:
        return f"{_money(value, digits)} {prices.currency}"

    yield f"All on regular nodes: {money(total.on_regular)}. As placed: {money(total.as_placed)}."
    if total.saved_share is not None:
        yield (
            f"Saved: {money(total.saved)}, {total.saved_share:.1%}, with {bill.spot_share:.1%} of "
            "the node-seconds on spot nodes."
        )
    if total.failed:
        yield (
            f"Lost, so done again or in vain: {total.failed} of {total.attempts} pods, "
            f"{total.node_seconds_redone:.0f} node-seconds, {money(total.redone)} of the sum."
        )
    yield (
        f"If each pod had a node to itself: {total.node_seconds_alone:.0f} node-seconds, not "
        f"{total.node_seconds:.0f}."
    )
    always = always_on_per_hour(prices)
    yield (
        f"Besides, whether there is work or not: {sum(always.values()):.3f} {prices.currency} an "
        f"hour for nodes that are always on ({', '.join(always)})."
    )
    if bill.cached:
        yield f"{bill.cached} tasks took an earlier run's outputs, at no cost."


def cost_warnings(bill: Bill, today: date) -> Iterator[str]:
    """What to mind of it."""
    if bill.prices.is_old(today):
        yield f"the prices are of {bill.prices.date}: rollcall prices --refresh fetches today's"
    if bill.total.as_placed is None:
        yield "a spot price is unknown (null in the price file), and so is what was saved"
    if bill.uncertain:
        yield (
            f"of {bill.uncertain} pods Kubeflow does not tell for sure to which step they belong"
        )


def simulation_table(scenario: Scenario, outcomes: Mapping[str, Outcome]) -> Table:
    """What comes of a scenario, a column for each placement."""
    title = (
        f"{scenario.runs} runs, {scenario.evictions_per_hour:g} evictions an hour of a spot node"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("")
    for name in outcomes:
        table.add_column(name, justify="right")
    told = [outcome.to_json() for outcome in outcomes.values()]
    digits = _digits(max(each["cost"]["mean"] for each in told))
    for measure, shown in (("seconds", 1), ("cost", digits)):
        for key, label in (("p5", "5 %"), ("p50", "50 %"), ("p95", "95 %"), ("mean", "mean")):
            cells = (_money(each[measure] and each[measure][key], shown) for each in told)
            table.add_row(f"{measure}, {label}", *cells)
    table.add_row(
        "cost until one succeeds", *(_money(each["cost_of_a_success"], digits) for each in told)
    )
    table.add_row("evictions a run", *(f"{each['evictions']:.3f}" for each in told))
    table.add_row("runs that fail", *(f"{each['failed_share']:.2%}" for each in told))
    return table


def price_table(prices: PriceList) -> Table:
    """What nodes cost an hour."""
    title = f"{prices.currency} an hour in {prices.region}, of {prices.date}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("size")
    for name in ("regular", "spot", "spot is cheaper by"):
        table.add_column(name, justify="right")
    for sku, price in prices.per_hour.items():
        less = "" if price.spot is None else f"{1 - price.spot / price.regular:.1%}"
        table.add_row(sku, f"{price.regular:g}", _money(price.spot, 6), less)
    return table


def _cells(cost: Cost, digits: int) -> list[str]:
    return [
        str(cost.attempts),
        str(cost.failed) if cost.failed else "",
        f"{cost.node_seconds:.1f}",
        *(_money(value, digits) for value in (cost.on_spot, cost.on_regular, cost.as_placed)),
    ]


def _digits(amount: float) -> int:
    """Decimals with which an amount shows three figures, and cents at least."""
    return max(2, 2 - math.floor(math.log10(amount))) if amount > 0 else 2


def _money(value: Any, digits: int) -> str:  # noqa: ANN401 - float or None
    return "unknown" if value is None else f"{value:.{digits}f}"
