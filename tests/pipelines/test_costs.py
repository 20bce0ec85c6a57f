"""What a run costs, by hand and in sum."""

from __future__ import annotations

from datetime import date
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import RollcallError
from pipelines.attempts import Attempt, RunHistory
from pipelines.cost_tables import cost_lines, cost_warnings
from pipelines.costs import always_on_per_hour, bill_of
from pipelines.node_pools import POOLS
from pipelines.placement import PLACEMENTS
from pipelines.prices import Price, PriceList

PRICES = PriceList(
    region="westeurope",
    currency="USD",
    date=date(2026, 1, 1),
    source="made up",
    per_hour={
        POOLS["system"].sku: Price(regular=0.1, spot=0.02),
        POOLS["regular"].sku: Price(regular=0.2, spot=0.04),
        POOLS["spot"].sku: Price(regular=0.4, spot=0.1),
        POOLS["gpu"].sku: Price(regular=0.8, spot=0.3),
    },
)
HOUR = 3600.0
SHARE = POOLS["spot"].share(PLACEMENTS["train_model"])


def attempt(step="train_model", seconds=HOUR, *, number=0, succeeded=True, pool=None):
    pool = pool or PLACEMENTS[step].pool
    return Attempt(step, pool, number, 10.0, 10.0 + seconds, succeeded)


def bill(*attempts, prices=PRICES, **more):
    return bill_of(RunHistory(attempts, **more), prices)


def unknown_spot():
    size = POOLS["spot"].sku
    return PRICES.model_copy(
        update={"per_hour": PRICES.per_hour | {size: Price(regular=0.4, spot=None)}}
    )


class TestBill:
    def test_of_an_hour_on_a_part_of_a_spot_node(self):
        """The share is the larger of 1.5 / 3.86 cores and of 6 / 30.7 GiB."""
        total = bill(attempt()).total
        assert pytest.approx(1.5 / 3.86) == SHARE
        assert total.node_seconds == pytest.approx(HOUR * SHARE)
        assert total.node_seconds_alone == HOUR
        assert total.as_placed == total.on_spot == pytest.approx(0.1 * SHARE)
        assert total.on_regular == pytest.approx(0.4 * SHARE)
        assert total.saved == pytest.approx(0.3 * SHARE)
        assert total.saved_share == pytest.approx(0.75)

    def test_of_the_regular_pool_saves_nothing(self):
        made = bill(attempt("split_dataset"))
        assert made.total.as_placed == made.total.on_regular
        assert made.total.saved == 0
        assert made.spot_share == 0

    def test_counts_what_was_evicted_on_spot_and_not_where_nobody_evicts(self):
        lost = attempt(seconds=HOUR / 2, succeeded=False)
        total = bill(lost, attempt(number=1)).total
        assert (total.attempts, total.failed) == (2, 1)
        assert total.as_placed == pytest.approx(1.5 * 0.1 * SHARE)
        assert total.redone == pytest.approx(0.5 * 0.1 * SHARE)
        assert total.node_seconds_redone == pytest.approx(0.5 * HOUR * SHARE)
        assert total.on_regular == pytest.approx(0.4 * SHARE)

    def test_counts_what_failed_on_a_regular_node_there(self):
        total = bill(
            attempt("split_dataset", succeeded=False), attempt("split_dataset", number=1)
        ).total
        assert total.on_regular == total.as_placed == pytest.approx(2 * total.redone)

    def test_of_a_node_with_a_gpu_takes_all_of_it(self):
        total = bill(attempt("fine_tune_model", pool="gpu")).total
        assert (total.as_placed, total.on_regular) == (0.3, 0.8)

    def test_can_cost_more_on_spot_than_on_regular_nodes(self):
        lost = [attempt(number=n, succeeded=False) for n in range(4)]
        total = bill(*lost, attempt(number=4)).total
        assert total.saved < 0
        assert total.saved_share == pytest.approx(-0.25)

    def test_has_a_row_for_each_step_and_pool(self):
        attempts = (attempt(), attempt(pool="regular"), attempt("notify"), attempt())
        rows = [(row.step, row.pool, row.cost.attempts) for row in bill(*attempts).rows]
        assert rows == [
            ("train_model", "spot", 2),
            ("train_model", "regular", 1),
            ("notify", "regular", 1),
        ]

    def test_does_not_guess_an_unknown_spot_price(self):
        made = bill(attempt(), attempt("notify"), prices=unknown_spot())
        total = made.total
        assert total.on_spot is total.as_placed is total.redone is total.saved is None
        assert total.on_regular > 0
        assert made.to_json()["total"]["saved_share"] is None
        assert "As placed: unknown USD." in next(cost_lines(made))
        assert any("spot price is unknown" in line for line in cost_warnings(made, PRICES.date))

    def test_without_the_size_of_a_pool_is_refused(self):
        prices = PRICES.model_copy(update={"per_hour": {"X": Price(regular=1, spot=1)}})
        with pytest.raises(RollcallError, match=f"no {POOLS['spot'].sku}"):
            bill(attempt(), prices=prices)

    def test_of_nothing_is_nothing(self):
        assert bill(cached=8).total.as_placed == 0
        assert bill(cached=8).total.saved_share is None


def test_nodes_that_are_always_on_are_told_apart():
    pools = {"system": POOLS["system"], "spot": POOLS["spot"]}
    assert always_on_per_hour(PRICES, pools) == {"system": 2 * 0.1}


class TestLines:
    def test_tell_what_is_saved_and_what_was_lost(self):
        made = bill(attempt(succeeded=False), attempt(number=1), cached=3)
        told = "\n".join(cost_lines(made))
        assert "Saved: 0.078 USD, 50.0%, with 100.0% of the node-seconds on spot nodes." in told
        assert "Lost, so done again or in vain: 1 of 2 pods, 1399 node-seconds, 0.039 USD" in told
        assert "If each pod had a node to itself: 7200 node-seconds, not 2798." in told
        assert "0.400 USD an hour for nodes that are always on (system, regular)." in told
        assert "3 tasks took an earlier run's outputs, at no cost." in told

    @pytest.mark.parametrize(("today", "warned"), [(date(2026, 4, 1), 0), (date(2026, 4, 2), 1)])
    def test_warn_of_prices_older_than_ninety_days(self, today, warned):
        told = list(cost_warnings(bill(attempt()), today))
        assert sum("the prices are of 2026-01-01" in line for line in told) == warned

    def test_warn_of_pods_whose_step_is_a_guess(self):
        told = "".join(cost_warnings(bill(attempt(), uncertain=2), PRICES.date))
        assert "of 2 pods Kubeflow does not tell for sure" in told


attempts = st.lists(
    st.builds(
        attempt,
        st.sampled_from(sorted(PLACEMENTS)),
        st.floats(0, 1e5),
        succeeded=st.booleans(),
        pool=st.none(),
    ),
    max_size=12,
)
SUMS = ("attempts", "failed", "node_seconds", "node_seconds_alone", "node_seconds_redone")
MONEY = ("on_spot", "on_regular", "as_placed", "redone")


@given(attempts)
def test_the_parts_add_up(drawn):
    made = bill(*drawn)
    for name in chain(SUMS, MONEY):
        parts = sum(getattr(row.cost, name) for row in made.rows)
        assert getattr(made.total, name) == pytest.approx(parts)
    assert made.total.attempts == len(drawn)
    assert made.total.node_seconds_redone <= made.total.node_seconds * (1 + 1e-9)


@given(attempts, st.floats(0.01, 1))
def test_spot_is_never_dearer_for_the_same_work_if_its_price_is_lower(drawn, factor):
    cheaper = {
        sku: Price(regular=price.regular, spot=price.regular * factor)
        for sku, price in PRICES.per_hour.items()
    }
    kept = [each for each in drawn if each.succeeded]
    total = bill(*kept, prices=PRICES.model_copy(update={"per_hour": cheaper})).total
    assert total.on_spot <= total.as_placed * (1 + 1e-9)
    assert total.as_placed <= total.on_regular * (1 + 1e-9)


@given(attempts)
def test_what_is_lost_never_makes_a_run_cheaper(drawn):
    kept = bill(*(each for each in drawn if each.succeeded)).total
    assert bill(*drawn).total.as_placed >= kept.as_placed * (1 - 1e-9)
