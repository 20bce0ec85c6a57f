"""The audit log: only added to, whole under concurrency, and tampering shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from components.audit_log import DECLINED, MAX_LINE_BYTES, append, audited, last_digest, read_log
from components.errors import AuditError


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "audit.jsonl"


def lines(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_command_writes_when_it_starts_and_how_it_ended(log):
    with audited(log, "run") as record:
        record.source_fingerprints = ["f" * 64]
        record.counts = {"clips": 3}
    started, ended = lines(log)
    assert (started["event"], ended["event"]) == ("started", "ended")
    assert started["run"] == ended["run"]
    assert ended["outcome"] == "succeeded"
    assert ended["source_fingerprints"] == ["f" * 64]
    assert ended["counts"] == {"clips": 3}


def test_it_says_who_ran_what_when(log):
    append(log, {})
    with audited(log, "forget"):
        pass
    entry = lines(log)[1]
    assert entry["what"]["command"] == "forget"
    assert set(entry["who"]) == {"user", "host"}
    assert all(entry["who"].values())
    assert entry["time"].endswith("+00:00")


def test_what_ends_in_an_error_failed_and_its_message_is_not_repeated(log):
    with pytest.raises(ValueError, match="p-0ab9"), audited(log, "run"):
        raise ValueError("p-0ab9")
    assert lines(log)[-1]["outcome"] == "failed"
    assert "p-0ab9" not in log.read_text()


def test_a_command_may_say_that_it_was_declined(log):
    with pytest.raises(KeyError), audited(log, "forget") as record:  # noqa: PT012
        record.outcome = DECLINED
        raise KeyError
    assert lines(log)[-1]["outcome"] == "declined"


def test_a_command_that_is_killed_leaves_its_start(log):
    code = (
        "import sys, time; from pathlib import Path; from components.audit_log import audited\n"
        "with audited(Path(sys.argv[1]), 'run'): time.sleep(60)"
    )
    running = subprocess.Popen([sys.executable, "-c", code, log])
    deadline = time.monotonic() + 30
    while not (log.exists() and log.stat().st_size):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    assert [entry["event"] for entry in read_log(log)] == ["started"]


def test_a_source_is_counted_not_named(log):
    summary = {
        "fingerprint": "a" * 64,
        "clips": 5,
        "people": 2,
        "rejects_by_reason": {"empty": 1},
        "extraction": {"frames": 40.0},
    }
    with audited(log, "run") as record:
        record.count_source(summary)
    assert lines(log)[-1]["counts"] == {
        "clips": 5,
        "people": 2,
        "rejects": {"empty": 1},
        "frames": 40,
    }


def test_lines_of_many_writers_are_whole_and_in_one_chain(log):
    code = (
        "import sys; from pathlib import Path; from components.audit_log import append\n"
        "for number in range(50): append(Path(sys.argv[1]), {'number': number})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, log]) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert len(list(read_log(log))) == 200


def test_it_is_for_its_owner_alone(log):
    append(log, {})
    assert log.stat().st_mode & 0o077 == 0


def changed(log, how):
    content = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(how(content)))


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (lambda lines: [lines[0].replace(b'"n": 0', b'"n": 9'), *lines[1:]], 2),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3),
        (lambda lines: [*lines[:-1], lines[-1][:-5]], 4),
        (lambda lines: [*lines, b"[]\n"], 5),
    ],
    ids=["changed", "taken out", "swapped", "put in", "cut", "no line of ours"],
)
def test_tampering_shows_and_at_which_line(log, how, line):
    for number in range(4):
        append(log, {"n": number})
    changed(log, how)
    with pytest.raises(AuditError, match=f"line {line}:"):
        list(read_log(log))


def test_lines_cut_off_at_the_end_show_by_the_last_digest_alone(log):
    append(log, {})
    append(log, {})
    kept = last_digest(log)
    changed(log, lambda lines: lines[:-1])
    assert len(list(read_log(log))) == 1
    assert last_digest(log) != kept


def test_nothing_is_added_to_half_a_line(log):
    append(log, {})
    with log.open("ab") as stream:
        stream.write(b'{"half')
    with pytest.raises(AuditError, match="put the file aside"):
        append(log, {})


def test_a_line_that_could_not_be_read_again_is_not_written(log):
    with pytest.raises(AuditError, match="too long"):
        append(log, {"much": "x" * MAX_LINE_BYTES})
    assert not log.stat().st_size


def test_without_a_log_that_can_be_written_nothing_runs(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(AuditError, match="cannot be written"),
        audited(tmp_path / "file" / "x", "r"),
    ):
        pytest.fail("it ran")


def test_a_log_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(AuditError, match="cannot be read"):
        list(read_log(tmp_path / "none"))


def test_a_user_without_a_name_is_a_number(log, monkeypatch):
    def nameless():
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nameless)
    with audited(log, "run"):
        pass
    assert lines(log)[0]["who"]["user"] == f"uid {os.getuid()}"
