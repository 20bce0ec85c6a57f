"""Commands can be pasted as they are printed, and the first that fails is the last that is run."""

from __future__ import annotations

import os
import shlex
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import RollcallError
from pipelines.commands import Command, carry_out

CHARACTERS = st.characters(exclude_characters="\0\r\n", codec="utf-8")
WORDS = st.lists(st.text(CHARACTERS, max_size=8), min_size=1, max_size=4)


def python(code, *, timeout_s=20, output=None):
    return Command("Try it", (sys.executable, "-I", "-c", code), "Mend it.", timeout_s, output)


@given(WORDS)
def test_a_shell_reads_what_is_printed_as_the_words_that_are_run(words):
    command = Command("Any", tuple(words), "", 1)
    _, line = command.lines.split("\n")
    assert shlex.split(line) == words


def test_the_file_for_the_output_is_printed_too(tmp_path):
    command = python("", output=tmp_path / "a file")
    assert command.lines.endswith(f" > '{tmp_path / 'a file'}'")


def test_each_command_is_printed_before_it_runs():
    printed = []
    command = python("")
    carry_out([command], printed.append)
    assert printed == [command.lines]


def test_nothing_runs_after_the_first_that_fails(tmp_path):
    after = python(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(RollcallError):
        carry_out([python("raise SystemExit(3)"), after], lambda _: None)
    assert not (tmp_path / "ran").exists()


def test_a_failure_says_how_it_ended_and_what_to_do():
    with pytest.raises(RollcallError, match=r"exit code 3\. Mend it\."):
        carry_out([python("raise SystemExit(3)")], lambda _: None)


def test_what_takes_too_long_is_stopped():
    with pytest.raises(RollcallError, match=r"stopped\. Mend it\."):
        carry_out([python("import time; time.sleep(60)", timeout_s=0.5)], lambda _: None)


@pytest.fixture
def typed():
    """Somebody has typed before anything was asked."""
    before = os.dup(0)
    reader, writer = os.pipe()
    os.write(writer, b"yes")
    os.close(writer)
    os.dup2(reader, 0)
    yield
    os.dup2(before, 0)


@pytest.mark.usefixtures("typed")
def test_no_command_takes_what_somebody_types():
    carry_out([python("import sys; sys.exit(bool(sys.stdin.read()))")], lambda _: None)


def test_nothing_runs_if_a_later_program_is_not_installed(tmp_path):
    first = python(f"open({str(tmp_path / 'ran')!r}, 'w')")
    missing = Command("Try it", ("no-such-program",), "", 1)
    with pytest.raises(RollcallError, match="no-such-program is not installed"):
        carry_out([first, missing], lambda _: None)
    assert not (tmp_path / "ran").exists()


def test_what_is_printed_goes_to_the_file(tmp_path):
    carry_out([python("print('{}')", output=tmp_path / "out.json")], lambda _: None)
    assert (tmp_path / "out.json").read_text().strip() == "{}"


def test_a_command_that_fails_leaves_the_file_as_it_was(tmp_path):
    (tmp_path / "out.json").write_text("before")
    with pytest.raises(RollcallError):
        carry_out(
            [python("print('x'); raise SystemExit(1)", output=tmp_path / "out.json")],
            lambda _: None,
        )
    assert (tmp_path / "out.json").read_text() == "before"
