"""Batches follow the memory that there is."""

from __future__ import annotations

import logging
import subprocess
import sys

import psutil
import pytest

from components import memory


@pytest.fixture
def limit(monkeypatch, tmp_path):
    """Pretend that the container has a limit."""

    def set_limit(text):
        file = tmp_path / "memory.max"
        file.write_text(text)
        monkeypatch.setattr(memory, "CGROUP_FILES", (file, tmp_path / "missing"))

    return set_limit


def test_the_container_s_limit_rules_where_it_is_lowest(limit):
    limit("123456789\n")
    assert memory.memory_limit_bytes() == 123_456_789


def test_without_a_limit_the_machine_s_memory_is_the_limit(limit):
    limit("max\n")
    assert memory.memory_limit_bytes() <= psutil.virtual_memory().total


def test_a_limit_of_the_address_space_counts_what_is_mapped():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30));"
        "from components import memory; import psutil;"
        "assert memory.memory_limit_bytes() <= 2 << 30;"
        "assert memory.free_bytes() <= (2 << 30) - psutil.Process().memory_info().vms + (1 << 20)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("free", "rows"),
    [(0, 4), (100, 4), (1000, 4), (1600, 8), (3100, 8), (3200, 16), (10**6, 64)],
)
def test_rows_fill_half_of_what_is_free_within_their_bounds(monkeypatch, free, rows):
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    assert memory.rows_that_fit("frames", 100, most=64, least=4) == rows


def test_what_was_chosen_is_logged(monkeypatch, caplog):
    monkeypatch.setattr(memory, "free_bytes", lambda: 8_000_000)
    with caplog.at_level(logging.INFO, "rollcall"):
        memory.rows_that_fit("frames of a batch", 1_000_000, most=64)
    assert caplog.messages == ["frames of a batch: 4 at once, 4.0 MB of 8 MB that are free"]
