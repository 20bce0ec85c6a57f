"""Events of the steps become bars and costs."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from components.telemetry import step
from pipelines.progress import EventReader, ProgressDisplay, StepsState, show_progress, title_of


def event(kind, name="extract_frames", item="0", time=100.0, **more):
    counts = {"unit": "clips", "done": 0, "total": 0}
    return {"event": kind, "step": name, "item": item, "time": time, **counts, **more}


def end(time, seconds, memory=10, **more):
    return event(
        "end", time=time, seconds=seconds, peak_memory_bytes=memory, **{"error": None} | more
    )


@pytest.fixture
def state():
    return StepsState()


def test_a_step_costs_from_its_first_start_to_its_last_end(state):
    for each in (
        event("start", item="0", time=100.0),
        event("start", item="1", time=101.0),
        end(104.0, 4.5, item="0", memory=10),
        end(107.0, 6.5, item="1", memory=30),
    ):
        state.take(each)
    (cost,) = state.costs()
    assert (cost.tasks, cost.wall_seconds, cost.task_seconds) == (2, 7.5, 11.0)
    assert cost.peak_memory_bytes == 30


def test_a_step_that_goes_on_has_no_cost_yet(state):
    state.take(event("start"))
    assert state.costs() == []


def test_a_failed_task_is_named_with_its_error(state):
    state.take(event("start"))
    state.take(end(101.0, 1.0, error="SourceError: nothing there"))
    assert state.errors() == ["extract_frames 0: SourceError: nothing there"]


def test_a_task_that_was_never_heard_of_again_is_suspected_of_a_lack_of_memory(state):
    state.take(event("start"))
    assert "out of memory" in state.errors()[0]


def test_a_retried_task_starts_anew(state):
    state.take(event("start"))
    state.take(end(101.0, 1.0, error="OSError"))
    state.take(event("start", time=102.0))
    state.take(end(103.0, 1.0))
    assert state.errors() == []


def test_a_line_that_is_still_being_written_waits(tmp_path):
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.read() == []
    line = json.dumps(event("start"))
    path.write_text(line + "\n" + line[:10])
    assert len(reader.read()) == 1
    path.write_text(line + "\n" + line + "\n")
    assert len(reader.read()) == 1


def test_without_a_terminal_each_task_is_one_line_when_it_is_done():
    out = io.StringIO()
    with ProgressDisplay(Console(file=out)) as display:
        display.take([event("start"), end(103.0, 2.5)])
    assert out.getvalue() == "Extract frames 0: 2.5 s\n"


def test_on_a_terminal_each_step_is_a_bar_with_its_count():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with ProgressDisplay(console) as display:
        display.take([event("start"), event("progress", done=3, total=8)])
    assert "Extract frames" in out.getvalue()
    assert "3/8" in out.getvalue()


def test_work_in_this_process_is_watched_and_its_result_returned():
    def work():
        with step("synthesize_cohort") as progress:
            progress.expect(1, "clips")
            progress.advance()
        return 42

    out = io.StringIO()
    assert show_progress(work, Console(file=out)) == 42
    assert "Synthesize cohort" in out.getvalue()


def test_an_error_of_the_work_comes_through():
    def work():
        raise KeyError("x")

    with pytest.raises(KeyError):
        show_progress(work, Console(file=io.StringIO()))


def test_a_step_of_the_table_is_called_as_in_the_ui():
    assert title_of("extract_frames") == "Extract frames"
