"""What a task in a child process may do to this one: nothing but give results or a `ClipError`."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from components import guard as guard_module
from components.contracts import ClipError, Reason
from components.guard import Guard, GuardError, GuardLimits, GuardPool, guarded_threads

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = GuardLimits(memory_bytes=256 << 20, cpu_s=60, wall_s=60, items=100)


def guard_of(task: str, limits: GuardLimits = LIMITS) -> closing[Guard]:
    return closing(Guard(f"tests.misbehaving:{task}", limits))


def refusal(task: str, path: Path, limits: GuardLimits = LIMITS) -> ClipError:
    with guard_of(task, limits) as guard, pytest.raises(ClipError) as caught:
        list(guard.run(path))
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "secret-id"
    path.write_text("content", encoding="utf-8")
    return path


def test_results_come_in_order_and_then_what_the_task_returned(path: Path) -> None:
    with guard_of("behave") as guard:
        assert list(guard.run(path)) == [b"0:content", b"1:content", b"2:content"]
        assert guard.returned.keys() == {"pid"}


def test_a_task_takes_arguments(path: Path) -> None:
    with guard_of("behave") as guard:
        assert len(list(guard.run(path, count=7))) == 7


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"a b\n\xff%20\xf0\x9f\x98\x80")
    odd.write_text("content", encoding="utf-8")
    with guard_of("behave") as guard:
        assert list(guard.run(odd, count=1)) == [b"0:content"]


def test_one_child_serves_many_files(path: Path) -> None:
    with guard_of("tell_environment") as guard:
        assert guard.call(path)["pid"] == guard.call(path)["pid"] != os.getpid()


def test_the_child_ends_with_its_guard(path: Path) -> None:
    with guard_of("tell_environment") as guard:
        pid = guard.call(path)["pid"]
    assert not psutil.pid_exists(pid)


def test_a_refusal_of_the_task_arrives_and_its_child_lives_on(path: Path) -> None:
    with guard_of("refuse") as guard:
        pids = []
        for _ in range(2):
            with pytest.raises(ClipError, match="as the test wants it") as caught:
                list(guard.run(path))
            assert caught.value.reason is Reason.NO_VIDEO
            pids.append(guard._child.pid if guard._child else None)
    assert pids[0] == pids[1] is not None


@pytest.mark.parametrize(
    ("task", "reason", "told"),
    [
        ("read_null_pointer", Reason.DECODER_CRASHED, "SIGSEGV"),
        ("abort", Reason.DECODER_CRASHED, "SIGABRT"),
        ("leave", Reason.DECODER_CRASHED, "exit code 3"),
        ("raise_error", Reason.DECODER_CRASHED, "RuntimeError in misbehaving.py"),
        ("write_file", Reason.DECODER_CRASHED, "OSError"),
        ("talk_nonsense", Reason.DECODER_CRASHED, "nonsense"),
        ("eat_memory", Reason.DECODER_TOO_BIG, "memory"),
        ("hoard", Reason.DECODER_TOO_BIG, "memory"),
        ("be_killed", Reason.DECODER_TOO_BIG, "SIGKILL"),
        ("chatter", Reason.DECODER_TOO_BIG, "100 results"),
        ("say_too_much", Reason.DECODER_CRASHED, "broke off"),
    ],
)
def test_what_a_decoder_does_ends_as_a_reject(
    path: Path, task: str, reason: Reason, told: str
) -> None:
    error = refusal(task, path)
    assert error.reason is reason
    assert told in error.detail


def test_a_decoder_that_hangs_is_ended(path: Path) -> None:
    assert refusal("sleep", path, replace(LIMITS, wall_s=1)).reason is Reason.DECODER_TOO_SLOW


def test_a_decoder_that_computes_for_ever_is_ended_by_the_kernel(path: Path) -> None:
    error = refusal("spin", path, replace(LIMITS, cpu_s=1))
    assert error.reason is Reason.DECODER_TOO_SLOW
    assert "CPU time" in error.detail


def test_a_decoder_that_stops_within_a_message_is_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "_SECONDS_A_MESSAGE", 1)
    assert refusal("stop_within_a_message", path).reason is Reason.DECODER_CRASHED


def test_a_decoder_that_closes_its_pipe_is_ended(path: Path) -> None:
    assert refusal("close_every_pipe", path).reason is Reason.DECODER_CRASHED


def test_nothing_is_written(path: Path) -> None:
    refusal("write_file", path)
    assert [each.name for each in path.parent.iterdir() if each.stat().st_size] == ["secret-id"]


def test_the_next_clip_gets_a_fresh_child(path: Path) -> None:
    with guard_of("read_null_pointer") as guard:
        for _ in range(2):
            with pytest.raises(ClipError, match="SIGSEGV"):
                guard.call(path)


def test_cpu_time_is_counted_anew_for_each_clip(path: Path) -> None:
    with guard_of("behave", replace(LIMITS, cpu_s=1)) as guard:
        for _ in range(30):
            assert len(list(guard.run(path, count=50))) == 50


def test_who_wants_no_more_results_leaves_none_for_the_next(path: Path) -> None:
    with guard_of("behave") as guard:
        results = guard.run(path, count=50)
        assert next(results) == b"0:content"
        results.close()
        assert list(guard.run(path, count=1)) == [b"0:content"]


def test_no_reject_names_the_file(path: Path) -> None:
    for task in ("raise_error", "read_null_pointer", "write_file"):
        assert "secret-id" not in refusal(task, path).detail


def test_the_child_has_no_credentials(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "secret")
    with guard_of("tell_environment") as guard:
        told = guard.call(path)["environment"]
    assert "PATH" in told
    assert not [name for name in told if name.startswith(("AZURE", "ROLLCALL", "MLFLOW"))]


def test_a_child_that_does_not_start_is_no_clip_s_fault(path: Path) -> None:
    with guard_of("no_such_task") as guard, pytest.raises(GuardError, match="does not start"):
        guard.call(path)


def test_what_a_child_cannot_load_is_said(path: Path) -> None:
    prepare = "tests.misbehaving:cannot_prepare"
    guard = Guard("tests.misbehaving:behave", LIMITS, prepare)
    with closing(guard), pytest.raises(GuardError, match="not installed: install it"):
        guard.call(path)


def test_threads_share_a_pool(path: Path) -> None:
    with (
        closing(GuardPool("tests.misbehaving:tell_environment", LIMITS, 2)) as guards,
        ThreadPoolExecutor(4) as threads,
    ):

        def work(_: int) -> int:
            with guards.lend() as guard:
                return int(guard.call(path)["pid"])

        assert 1 <= len(set(threads.map(work, range(20)))) <= 2


def test_leaving_in_the_middle_ends_what_runs(path: Path) -> None:
    with guarded_threads("tests.misbehaving:sleep", LIMITS, 2) as (threads, guards):

        def work() -> None:
            with guards.lend() as guard:
                guard.call(path)

        futures = [threads.submit(work) for _ in range(3)]
    assert all(future.done() for future in futures)
    assert all(future.cancelled() or future.exception() for future in futures)
