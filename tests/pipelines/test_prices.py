"""A price file is read, checked and fetched anew."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from components.errors import RollcallError
from pipelines import prices as module
from pipelines.node_pools import POOLS
from pipelines.prices import SNAPSHOT, current_prices, fetch_prices, read_prices, write_prices
from tests.fake_retail_prices import row, running_fake

SIZES = ("Standard_D4s_v5", "Standard_D8s_v5")

GOOD = {
    "region": "westeurope",
    "currency": "USD",
    "date": "2026-01-31",
    "source": "made up",
    "per_hour": {"Standard_D4s_v5": {"regular": 0.2, "spot": None}},
}


def written(tmp_path, **changes):
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(GOOD | changes))
    return path


@pytest.fixture
def azure(monkeypatch):
    with running_fake() as fake:
        monkeypatch.setattr(module, "ENDPOINT", fake.url)
        fake.pages = [[row(size, 0.1 * n) for n, size in enumerate(SIZES, 2)]]
        yield fake


def fetch(**changes):
    return fetch_prices(**{"skus": SIZES, "region": "westeurope", "currency": "USD"} | changes)


class TestSnapshot:
    def test_has_both_prices_of_every_pools_nodes_and_says_where_from(self):
        snapshot = read_prices(SNAPSHOT)
        assert all(snapshot.price_of(pool.sku).spot for pool in POOLS.values())
        assert "commit" in snapshot.source

    def test_is_used_until_prices_are_refreshed(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        assert current_prices() == SNAPSHOT
        write_prices(read_prices(SNAPSHOT), module.REFRESHED)
        assert current_prices() == module.REFRESHED


class TestFile:
    def test_is_read_as_it_was_written(self, tmp_path):
        prices = read_prices(written(tmp_path))
        write_prices(prices, tmp_path / "again.json")
        assert read_prices(tmp_path / "again.json") == prices
        assert prices.date == date(2026, 1, 31)
        assert prices.price_of("Standard_D4s_v5").spot is None

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({"currency": "dollars"}, "currency"),
            ({"date": "yesterday"}, "date"),
            ({"source": ""}, "source"),
            ({"per_hour": {}}, "per_hour"),
            ({"per_hour": {"A": {"regular": 0, "spot": None}}}, "per_hour.A.regular"),
            ({"per_hour": {"A": {"regular": 1}}}, "per_hour.A.spot"),
            ({"per_hour": {"A": {"regular": 1, "spot": -1}}}, "per_hour.A.spot"),
            ({"per_hour": {"A": {"regular": 1, "spot": None, "low": 1}}}, "per_hour.A.low"),
            ({"prices": 1}, "prices"),
        ],
    )
    def test_that_is_wrong_is_refused_with_the_place(self, tmp_path, changes, place):
        with pytest.raises(RollcallError, match=f"is no price file: {place}:"):
            read_prices(written(tmp_path, **changes))

    def test_that_is_no_json_is_refused(self, tmp_path):
        path = tmp_path / "prices.json"
        path.write_text("{")
        with pytest.raises(RollcallError, match="is no price file"):
            read_prices(path)

    def test_that_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(RollcallError, match="there is no price file"):
            read_prices(tmp_path / "none.json")

    def test_without_a_size_says_which_it_has(self, tmp_path):
        with pytest.raises(RollcallError, match="no Standard_D2s_v5, only Standard_D4s_v5"):
            read_prices(written(tmp_path)).price_of("Standard_D2s_v5")

    @pytest.mark.parametrize(("today", "old"), [("2026-05-01", False), ("2026-05-02", True)])
    def test_is_old_after_ninety_days(self, tmp_path, today, old):
        assert read_prices(written(tmp_path)).is_old(date.fromisoformat(today)) is old


class TestFetch:
    def test_gives_regular_and_spot_prices_of_today(self, azure):
        azure.pages[0].append(row("Standard_D4s_v5", 0.05, " Spot"))
        prices = fetch()
        assert prices.date == datetime.now(UTC).date()
        assert prices.price_of("Standard_D4s_v5").regular == 0.2
        assert prices.price_of("Standard_D4s_v5").spot == 0.05
        assert prices.price_of("Standard_D8s_v5").spot is None

    def test_asks_for_these_sizes_in_this_region_and_currency(self, azure):
        fetch()
        (query,) = azure.asked
        assert query["currencyCode"] == "'USD'"
        assert query["$filter"] == (
            "serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armRegionName eq "
            "'westeurope' and (armSkuName eq 'Standard_D4s_v5' or armSkuName eq 'Standard_D8s_v5')"
        )

    def test_reads_all_pages(self, azure):
        azure.pages = [[each] for each in azure.pages[0]]
        assert set(fetch().per_hour) == set(SIZES)
        assert len(azure.asked) == 2

    @pytest.mark.parametrize(
        "other",
        [
            {"productName": "Virtual Machines Dsv5 Series Windows"},
            {"productName": "Dsv5 Series Cloud Services"},
            {"skuName": "Standard_D4s_v5 Low Priority"},
            {"type": "DevTestConsumption"},
            {"unitOfMeasure": "1/Month"},
            {"armSkuName": "Standard_D96s_v5"},
        ],
    )
    def test_takes_no_other_product_for_a_linux_node(self, azure, other):
        azure.pages[0].insert(0, row("Standard_D4s_v5", 9.0, **other))
        assert fetch().price_of("Standard_D4s_v5").regular == 0.2

    def test_refuses_two_prices_of_one_thing(self, azure):
        azure.pages[0].append(row("Standard_D4s_v5", 0.3))
        with pytest.raises(RollcallError, match="two prices for Standard_D4s_v5"):
            fetch()

    def test_leaves_out_a_size_that_is_not_offered_there(self, azure):
        azure.pages[0].pop()
        assert set(fetch().per_hour) == {"Standard_D4s_v5"}

    def test_without_any_price_asks_for_the_regions_name(self, azure):
        azure.pages[0].clear()
        with pytest.raises(RollcallError, match="no price in westeurope: is it spelt"):
            fetch()

    @pytest.mark.usefixtures("azure")
    @pytest.mark.parametrize("other", [{"currency": "EUR"}, {"region": "northeurope"}])
    def test_refuses_an_answer_to_another_question(self, other):
        with pytest.raises(RollcallError, match="check --region and --currency"):
            fetch(**other)

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (b"<html>", "Expecting value"),
            (b"[]", "valid dictionary"),
            (b'{"Items": [{"armSkuName": "x"}]}', "Items.0.currencyCode: Field required"),
            (
                json.dumps({"Items": [row("Standard_D4s_v5", -1.0)]}).encode(),
                "Items.0.retailPrice: Input should be greater than or equal to 0",
            ),
        ],
    )
    def test_refuses_what_is_not_of_the_documented_form(self, azure, answer, told):
        azure.answer = answer
        with pytest.raises(RollcallError, match=f"not of the documented form: .*{told}"):
            fetch()

    def test_does_not_follow_a_link_to_another_host(self, azure):
        azure.next_link = "http://localhost.example/api/retail/prices"
        with pytest.raises(RollcallError, match=r"goes on at localhost\.example: not followed"):
            fetch()

    def test_ends_after_so_many_pages(self, azure):
        azure.next_link = azure.url
        with pytest.raises(RollcallError, match="more than 20 pages"):
            fetch()
        assert len(azure.asked) == module.MOST_PAGES

    @pytest.mark.usefixtures("azure")
    def test_ends_at_an_answer_that_is_too_large(self, monkeypatch):
        monkeypatch.setattr(module, "MOST_BYTES", 100)
        with pytest.raises(RollcallError, match="larger than 100 bytes"):
            fetch()

    def test_says_what_else_can_be_done_where_azure_fails(self, azure):
        azure.status = 503
        with pytest.raises(RollcallError, match=r"503.*Try again later, or use a price file"):
            fetch()

    def test_waits_no_longer_than_its_time_limit(self, azure, monkeypatch):
        monkeypatch.setattr(module, "TIMEOUT_S", 0.2)
        azure.silent = True
        with pytest.raises(RollcallError, match="timed out"):
            fetch()

    def test_says_where_nobody_listens(self, monkeypatch):
        with running_fake() as fake:
            monkeypatch.setattr(module, "ENDPOINT", fake.url)
        with pytest.raises(RollcallError, match=r"no prices from 127\.0\.0\.1"):
            fetch()
