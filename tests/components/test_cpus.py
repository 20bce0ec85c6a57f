"""How many processors a container really has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from components.cpus import CPUS_VARIABLE, usable_cpus
from components.errors import RollcallError

if TYPE_CHECKING:
    from pathlib import Path

MANY = 64


@pytest.fixture(autouse=True)
def _large_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MANY)), raising=False)
    monkeypatch.delenv(CPUS_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("content", "count"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", MANY)],
)
def test_a_quota_of_cgroup_v2_counts(tmp_path: Path, content: str, count: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{content}\n")
    assert usable_cpus(tmp_path) == count


@pytest.mark.parametrize(("quota", "count"), [("300000", 3), ("-1", MANY)])
def test_a_quota_of_cgroup_v1_counts(tmp_path: Path, quota: str, count: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(tmp_path) == count


def test_without_a_quota_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == MANY


@pytest.mark.parametrize(("share", "count"), [("3", 3), ("1", 1), (str(2 * MANY), MANY)])
def test_a_share_that_was_given_lowers_the_count(tmp_path, monkeypatch, share, count) -> None:
    monkeypatch.setenv(CPUS_VARIABLE, share)
    assert usable_cpus(tmp_path) == count


@pytest.mark.parametrize("share", ["", "0", "-1", "1.5", "all"])
def test_a_share_that_is_no_number_of_processors_is_refused(tmp_path, monkeypatch, share) -> None:
    monkeypatch.setenv(CPUS_VARIABLE, share)
    with pytest.raises(RollcallError, match="a whole number from 1"):
        usable_cpus(tmp_path)
