"""What is behind `rollcall cost` and `rollcall prices`: read, reckon, print."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.errors import RollcallError
from pipelines.attempts import read_kubeflow_run, read_local_run
from pipelines.cost_tables import (
    cost_lines,
    cost_table,
    cost_warnings,
    price_table,
    simulation_table,
)
from pipelines.costs import bill_of
from pipelines.node_pools import POOLS
from pipelines.pipeline_graph import read_graph
from pipelines.prices import current_prices, fetch_prices, read_prices, write_prices
from pipelines.settings import Settings
from pipelines.spot_simulation import simulate

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.attempts import RunHistory
    from pipelines.prices import PriceList
    from pipelines.scenario import Scenario
    from pipelines.spot_simulation import Outcome

RUN_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def report_cost(
    run: str,
    price_file: Path | None,
    host: str,
    scenario: Scenario | None,
    console: Console,
    *,
    as_json: bool,
) -> None:
    """Print what a run cost, and what would come of a scenario.

    Args:
        run: output folder of a local run, or the id of one on Kubeflow.
        price_file: the refreshed one or that of Rollcall if None.
        host: of Kubeflow; that of the settings if empty.
        scenario: evictions to draw, or None.
        console: where it is printed.
        as_json: print one JSON object.

    Raises:
        RollcallError: the run, the price file or Kubeflow cannot be read.
    """
    history = _read(run, host)
    prices = read_prices(price_file or current_prices())
    bill = bill_of(history, prices)
    outcomes = _outcomes(history, prices, scenario) if scenario else {}
    warnings = list(cost_warnings(bill, datetime.now(UTC).date()))
    if as_json:
        told: dict[str, Any] = {**bill.to_json(), "warnings": warnings}
        if scenario:
            drawn = {name: outcome.to_json() for name, outcome in outcomes.items()}
            told["simulation"] = {"scenario": asdict(scenario), **drawn}
        console.print(json.dumps(told, indent=1), markup=False, highlight=False, soft_wrap=True)
        return
    console.print(cost_table(bill))
    for line in cost_lines(bill):
        console.print(line, highlight=False, markup=False)
    if scenario:
        console.print(simulation_table(scenario, outcomes))
    for warning in warnings:
        console.print(f"Mind: {warning}.", style="yellow", markup=False)


def report_prices(console: Console) -> None:
    """Print the prices that are reckoned with.

    Raises:
        RollcallError: the price file cannot be read.
    """
    path = current_prices()
    prices = read_prices(path)
    console.print(price_table(prices))
    for name, pool in POOLS.items():
        console.print(f"The pool {name} has nodes of the size {pool.sku}.", highlight=False)
    console.print(f"{path}: {prices.source}", markup=False, highlight=False)


def refresh_prices(region: str, currency: str, output: Path, console: Console) -> None:
    """Fetch today's prices of the pools' nodes, write and print them.

    Raises:
        RollcallError: they cannot be had.
    """
    skus = sorted({pool.sku for pool in POOLS.values()})
    prices = fetch_prices(skus, region, currency)
    write_prices(prices, output)
    console.print(price_table(prices))
    for sku in sorted(set(skus) - set(prices.per_hour)):
        console.print(f"Mind: {sku} is not offered in {region}.", style="yellow")
    console.print(f"wrote {output}", soft_wrap=True)


def _read(run: str, host: str) -> RunHistory:
    if Path(run).is_dir():
        return read_local_run(Path(run))
    if not RUN_ID.fullmatch(run):
        raise RollcallError(f"{run} is neither the output folder of a run nor an id on Kubeflow")
    from pipelines.kubeflow import connect_as_set  # noqa: PLC0415 - slow

    return read_kubeflow_run(connect_as_set(Settings(), host).get_run(run))


def _outcomes(history: RunHistory, prices: PriceList, scenario: Scenario) -> dict[str, Outcome]:
    work = history.work()
    graph = read_graph("fine_tuning.yaml" if "fine_tune_model" in work else "training.yaml")
    return {
        "as placed": simulate(graph, work, prices, scenario),
        "all regular": simulate(graph, work, prices, scenario, spot=False),
    }
