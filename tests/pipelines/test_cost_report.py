"""`rollcall cost` and `rollcall prices`, as a user calls them."""

from __future__ import annotations

import json
import uuid

import kfp_server_api as api
import pytest
from typer.testing import CliRunner

from components.errors import RollcallError
from pipelines import cli, prices
from pipelines.node_pools import POOLS
from pipelines.prices import SNAPSHOT, read_prices
from tests.fake_kubeflow import Snapshot, running_fake
from tests.fake_retail_prices import row
from tests.fake_retail_prices import running_fake as running_fake_prices
from tests.fake_workflow import Attempt, State, Task

STEPS = [
    {"step": "ingest_videos", "tasks": 1, "wall_seconds": 9.0, "task_seconds": 9.0},
    {"step": "train_model", "tasks": 2, "wall_seconds": 1800.0, "task_seconds": 3600.0},
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no prices were refreshed
    (tmp_path / "steps.json").write_text(json.dumps({"wall_seconds": 1810.0, "steps": STEPS}))
    return tmp_path


@pytest.fixture
def azure(monkeypatch):
    with running_fake_prices() as fake:
        monkeypatch.setattr(prices, "ENDPOINT", fake.url)
        yield fake


def call(*arguments):
    options = {"env": {"COLUMNS": "100"}, "catch_exceptions": False}
    return CliRunner().invoke(cli.app, [*map(str, arguments)], **options).output


def json_of(*arguments):
    return json.loads(call("cost", *arguments, "--json"))


class TestCost:
    def test_shows_each_step_and_what_was_saved(self, folder):
        told = call("cost", folder)
        assert "Cost in USD, westeurope, prices of 2026-10-02" in told
        assert "Train head" in told
        assert "node-seconds on spot nodes" in told

    def test_as_json_has_the_same(self, folder):
        told = json_of(folder)
        assert [row["step"] for row in told["steps"]] == ["ingest_videos", "train_model"]
        parts = sum(row["as_placed"] for row in told["steps"])
        assert told["total"]["as_placed"] == pytest.approx(parts)
        assert told["prices_of"] == read_prices(SNAPSHOT).date.isoformat()
        assert "simulation" not in told

    def test_takes_another_price_file(self, folder):
        mine = read_prices(SNAPSHOT).model_dump(mode="json") | {"currency": "EUR"}
        (folder / "mine.json").write_text(json.dumps(mine))
        assert json_of(folder, "--prices", "mine.json")["currency"] == "EUR"

    def test_of_old_prices_warns(self, folder):
        old = read_prices(SNAPSHOT).model_dump(mode="json") | {"date": "2020-01-01"}
        (folder / "old.json").write_text(json.dumps(old))
        assert "the prices are of 2020-01-01" in call("cost", folder, "--prices", "old.json")

    def test_simulates_spot_and_regular_nodes_side_by_side(self, folder):
        arguments = (
            folder,
            "--simulate",
            "--evictions-per-hour",
            1,
            "--runs",
            200,
            "--startup-s",
            0,
        )
        told = json_of(*arguments)["simulation"]
        assert told["scenario"]["evictions_per_hour"] == 1
        assert told["as placed"]["evictions"] > 0 == told["all regular"]["evictions"]
        assert told["all regular"]["seconds"]["p95"] == 9 + 1800
        assert "200 runs, 1 evictions an hour of a spot node" in call("cost", *arguments)

    @pytest.mark.usefixtures("folder")
    def test_of_what_is_no_run_says_so(self):
        with pytest.raises(RollcallError, match="neither the output folder of a run nor an id"):
            call("cost", "nowhere")

    @pytest.mark.usefixtures("folder")
    def test_of_a_run_on_kubeflow_counts_its_lost_pods(self):
        lost = (Attempt(State.FAILED, 20, 600), Attempt(start=700, seconds=1800))
        tasks = (Task("ingest-videos", (Attempt(seconds=9),)), Task("train-model", lost))
        run = str(uuid.uuid4())
        with running_fake(script=[Snapshot(State.SUCCEEDED, tasks)]) as kubeflow:
            kubeflow.runs[run] = api.V2beta1Run(run_id=run, state=State.SUCCEEDED)
            told = json_of(run, "--host", kubeflow.url)
        (_, trained) = told["steps"]
        assert (trained["attempts"], trained["failed"]) == (2, 1)
        assert trained["node_seconds_redone"] == pytest.approx(trained["node_seconds"] / 4)


class TestPrices:
    @pytest.mark.usefixtures("folder")
    def test_shows_those_that_are_reckoned_with_and_where_they_are_from(self):
        told = call("prices")
        assert "USD an hour in westeurope, of 2026-10-02" in told
        assert "The pool spot has nodes of the size" in told
        assert "azure-pricing-radar" in told

    def test_refreshed_are_used_from_then_on(self, folder, azure):
        own = {"armRegionName": "northeurope", "currencyCode": "EUR"}
        azure.pages = [[row(pool.sku, 0.5, **own) for pool in POOLS.values() if not pool.gpu]]
        told = call("prices", "--refresh", "--region", "northeurope", "--currency", "EUR")
        assert "wrote runs/prices.json" in told
        assert f"Mind: {POOLS['gpu'].sku} is not offered in northeurope." in told
        told = json_of(folder)
        assert (told["region"], told["currency"]) == ("northeurope", "EUR")
        assert told["prices_from"] == azure.url
        assert told["total"]["as_placed"] is None
        assert "a spot price is unknown" in told["warnings"][0]

    def test_that_cannot_be_had_leave_the_file_as_it_was(self, folder, azure):
        output = folder / "prices.json"
        output.write_text("before")
        azure.answer = b"<html>"
        with pytest.raises(RollcallError, match="documented form"):
            call("prices", "--refresh", "--output", output)
        assert output.read_text() == "before"
