"""How much of a node a step takes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from components.errors import RollcallError
from pipelines.node_pools import MOST_PODS, POOLS, NodePool, quantity
from pipelines.placement import PLACEMENTS

NODE = NodePool("made up", cpus=4, memory_gib=16)
ROW = replace(PLACEMENTS["extract_frames"], cpu_request="1", memory_limit="1Gi")


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("1500m", 1.5), ("0.5", 0.5), ("3Gi", 3 * 2**30), ("5M", 5_000_000), ("7", 7)],
)
def test_kubernetes_amounts_are_read(text, value):
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "1.5.0", "-1", "2Ti", "2 Gi", "1e3"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="no amount"):
        quantity(text)


def test_a_node_has_less_for_pods_than_it_is_sold_with():
    """4 cores less 0.14; 16 GiB less 20 MB for each of 60 pods, 50 MB, and 100 MiB."""
    assert pytest.approx(3.86) == NODE.allocatable_cpus
    assert NODE.allocatable_bytes == 16 * 2**30 - 1_250_000_000 - 100 * 2**20


def test_a_small_node_keeps_at_most_a_quarter_of_its_memory_back():
    small = NodePool("made up", cpus=2, memory_gib=4)
    assert small.allocatable_bytes == 3 * 2**30 - 100 * 2**20


def test_the_larger_part_counts():
    assert NODE.share(ROW) == pytest.approx(1 / 3.86)
    assert NODE.share(replace(ROW, memory_limit="8Gi")) == pytest.approx(
        8 * 2**30 / NODE.allocatable_bytes
    )


def test_a_pod_that_fits_on_no_node_is_refused():
    with pytest.raises(RollcallError, match="Extract frames does not fit on made up"):
        NODE.share(replace(ROW, memory_limit="16Gi"))


@pytest.mark.parametrize("step", PLACEMENTS)
def test_every_step_fits_on_a_node_of_its_pool(step):
    row = PLACEMENTS[step]
    assert 0 < POOLS[row.pool].share(row) <= 1


INFRASTRUCTURE = Path(__file__).parents[2] / "manifests" / "infrastructure"


@pytest.mark.parametrize("name", ["system", "regular", "spot"])
def test_the_pools_are_those_that_are_deployed(name):
    parameters = (INFRASTRUCTURE / "prod.bicepparam").read_text(encoding="utf-8")
    size, minimum = re.search(
        rf"\b{name}: \{{\s+size: '(\w+)'\s+minimum: (\d+)", parameters
    ).groups()
    assert (size, int(minimum)) == (POOLS[name].sku, POOLS[name].always_on)


def test_so_are_the_nodes_with_a_gpu_and_the_pods_a_node_may_hold():
    cluster = (INFRASTRUCTURE / "aks.bicep").read_text(encoding="utf-8")
    assert f"vmSize: '{POOLS['gpu'].sku}'" in cluster
    assert set(re.findall(r"maxPods: (\d+)", cluster)) == {str(MOST_PODS)}
