"""What a step tells while it works, and what it keeps to itself."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from components.errors import SourceError
from components.telemetry import EVENTS_VARIABLE, cost, peak_memory_bytes, step

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "events.jsonl"
    monkeypatch.setenv(EVENTS_VARIABLE, str(path))
    return path


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_task_tells_its_start_and_its_end(events: Path) -> None:
    with step("extract_frames", "3"):
        pass
    assert [(event["event"], event["item"]) for event in told(events)] == [
        ("start", "3"),
        ("end", "3"),
    ]


def test_the_last_item_is_always_told(events: Path) -> None:
    with step("extract_frames") as progress:
        progress.expect(100, "clips")
        for _ in range(100):
            progress.advance()
    last = [event for event in told(events) if event["event"] == "progress"][-1]
    assert (last["done"], last["total"], last["unit"]) == (100, 100, "clips")


def test_many_small_advances_are_told_now_and_then_only(events: Path) -> None:
    with step("extract_frames") as progress:
        progress.expect(10_000, "clips")
        for _ in range(10_000):
            progress.advance()
    assert len(told(events)) < 100


def test_the_end_tells_time_and_memory(events: Path) -> None:
    with step("extract_frames"):
        pass
    end = told(events)[-1]
    assert end["seconds"] > 0
    assert end["peak_memory_bytes"] > 10 << 20


def test_an_error_of_ours_is_told_in_its_words(events: Path) -> None:
    with pytest.raises(SourceError), step("ingest_videos"):
        raise SourceError("nothing there")
    assert told(events)[-1]["error"] == "SourceError: nothing there"


def test_of_any_other_error_only_the_kind_is_told(events: Path) -> None:
    with pytest.raises(FileNotFoundError), step("ingest_videos"):
        raise FileNotFoundError("/videos/secret-id.mp4")
    assert told(events)[-1]["error"] == "FileNotFoundError"


def test_without_a_file_events_are_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(EVENTS_VARIABLE, raising=False)
    with caplog.at_level(logging.INFO, logger="rollcall"), step("ingest_videos"):
        pass
    assert "'event': 'end'" in caplog.text


def test_the_peak_remembers_memory_that_was_given_back() -> None:
    before = psutil.Process().memory_info().rss
    block = b"x" * (128 << 20)
    del block
    assert peak_memory_bytes() > before + (100 << 20)


def test_the_cost_counts_from_the_start_of_the_process() -> None:
    alive = time.time() - psutil.Process().create_time()
    assert alive <= cost()["seconds"] + 0.001
    assert cost()["peak_memory_bytes"] >= psutil.Process().memory_info().rss
