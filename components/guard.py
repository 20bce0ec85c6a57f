"""Decoding in a child process, so that a hostile clip costs itself alone.

Decoders are large C libraries fed with what strangers send. Whatever one of them does to its
process (crash, hang, eat memory) ends here as a `ClipError` with a reason code, and the next clip
gets a fresh child. The child has no secret in its environment, may write no file, and runs under
limits on address space and CPU time that the kernel enforces; wall time and the amount of its
answers are limited from this side. Answers are parsed as plain bytes: nothing is unpickled.

A child serves clip after clip, as starting one takes about half a second. `components.guarded` is
what runs in it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from queue import LifoQueue
from typing import TYPE_CHECKING, Any, Final

from components.contracts import ClipError, Reason
from components.errors import RollcallError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ITEM: Final = b"i"
"""First byte of a message with one result; the rest is the task's affair."""
DONE: Final = b"d"
"""First byte of the last message, with a JSON object: what the task returned."""
REFUSED: Final = b"r"
"""First byte of the last message of a task that raised: JSON with `reason` and `detail`."""
READY: Final = b"y"
"""A child's first message: what it needs is loaded. Any other says why it is not."""

MAX_MESSAGE_BYTES: Final = 4 << 20

_KEPT_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
_SECONDS_TO_START: Final = 60.0
_SECONDS_TO_STOP: Final = 10.0
_SECONDS_TO_DIE: Final = 2.0
_SECONDS_A_MESSAGE: Final = 30
"""From the first byte of a message to its last, either way."""
_LONGEST_WAIT_S: Final = 7200.0


class GuardError(RollcallError):
    """The child cannot even be started: that is no clip's fault."""


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """What one clip may cost.

    Attributes:
        memory_bytes: address space beyond what the child needs for its libraries.
        cpu_s: CPU time.
        wall_s: time spent waiting for the child.
        items: results.
    """

    memory_bytes: int = 1 << 30
    cpu_s: float = 600.0
    wall_s: float = 900.0
    items: int = 20_000


class Guard:
    """Runs one task on one local file after another, in a child process.

    Not for several threads at a time; let each have its own. It has to be closed.

    Attributes:
        returned: what the task returned at the end of its last run.
    """

    def __init__(self, task: str, limits: GuardLimits, prepare: str = "") -> None:
        """Prepare; the child is started when it is first needed.

        Args:
            task: "package.module:function"; called in the child with the path and what `run` was
                given. It returns a dictionary of what JSON takes, or is a generator of results
                (bytes) that returns one. A `ClipError` that it raises is raised here.
            limits: for each clip.
            prepare: "package.module:function", called once in each child before the limits hold,
                to load what the task needs.
        """
        self._task = task
        self._prepare = prepare
        self._limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._is_closed = False
        self.returned: dict[str, Any] = {}

    def run(self, path: Path, **arguments: Any) -> Iterator[bytes]:  # noqa: ANN401 - JSON
        """Yield the task's results for one file.

        Args:
            path: a local file.
            arguments: for the task; as JSON takes them.

        Raises:
            ClipError: the task's own, or DECODER_CRASHED, DECODER_TOO_SLOW, DECODER_TOO_BIG.
            GuardError: the child cannot be started.
        """
        pipe = self._started()
        finished = False
        try:
            self._ask(pipe, {"path": os.fsencode(path).hex(), "arguments": arguments})
            yield from self._results(pipe)
            finished = True
        except _TaskError:
            finished = True
            raise
        except ValueError as error:
            raise ClipError(Reason.DECODER_CRASHED, "the decoder gave nonsense") from error
        finally:
            if not finished:  # also when the caller wants no more: what is on its way is void
                self.stop()

    def call(self, path: Path, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Run a task that has no results on its way; give what it returns.

        Raises:
            ClipError: as `run`.
            GuardError: as `run`.
        """
        for _ in self.run(path, **arguments):
            pass
        return self.returned

    def close(self) -> None:
        """End the child for good; what another thread does with it ends too."""
        self._is_closed = True
        self.stop()

    def stop(self) -> None:
        """End the child, if there is one; the next run starts another."""
        if self._pipe is not None:
            self._pipe.close()
        if self._child is not None:
            self._child.kill()
            self._child.wait(_SECONDS_TO_STOP)
        self._child = self._pipe = None

    def _ask(self, pipe: Connection, request: dict[str, Any]) -> None:
        try:
            pipe.send_bytes(json.dumps(request).encode())
        except OSError as error:
            raise self._death() from error

    def _results(self, pipe: Connection) -> Iterator[bytes]:
        left = self._limits.wall_s
        count = 0
        while True:
            started = time.monotonic()
            message = self._receive(pipe, left)
            left -= time.monotonic() - started
            kind, content = message[:1], message[1:]
            if kind == DONE:
                self.returned = _parsed(content)
                return
            if kind == REFUSED:
                told = _parsed(content)
                raise _TaskError(Reason(str(told.get("reason"))), str(told.get("detail")))
            count += 1
            if count > self._limits.items:
                detail = f"it gives more than {self._limits.items} results"
                raise ClipError(Reason.DECODER_TOO_BIG, detail)
            yield content

    def _receive(self, pipe: Connection, seconds: float) -> bytes:
        try:
            if not pipe.poll(max(seconds, 0)):
                detail = f"it was not done after {self._limits.wall_s:g} s"
                raise ClipError(Reason.DECODER_TOO_SLOW, detail)
            return pipe.recv_bytes(MAX_MESSAGE_BYTES)
        except (EOFError, OSError) as error:
            raise self._death() from error

    def _death(self) -> ClipError:
        """Say what the child died of."""
        if self._child is None:
            return ClipError(Reason.DECODER_CRASHED, "the decoder was stopped")
        try:
            code = self._child.wait(_SECONDS_TO_DIE)
        except subprocess.TimeoutExpired:  # it closed its pipe, or wrote too long a message
            return ClipError(Reason.DECODER_CRASHED, "the decoder broke off")
        if code == -signal.SIGXCPU:
            detail = f"decoding it takes more than {self._limits.cpu_s:g} s of CPU time"
            return ClipError(Reason.DECODER_TOO_SLOW, detail)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if code == -signal.SIGKILL:  # the kernel's, when the machine or the pod is out of memory
            return ClipError(Reason.DECODER_TOO_BIG, f"the decoder was killed ({how})")
        return ClipError(Reason.DECODER_CRASHED, f"the decoder died ({how})")

    def _started(self) -> Connection:
        if self._pipe is not None and self._child is not None and self._child.poll() is None:
            return self._pipe
        self.stop()
        ours, theirs = Pipe()
        _never_wait_within_a_message(ours)
        with theirs:
            os.set_inheritable(theirs.fileno(), True)
            self._child = subprocess.Popen(
                [
                    *(sys.executable, "-m", "components.guarded"),
                    *(str(theirs.fileno()), self._task, self._prepare),
                    json.dumps(asdict(self._limits)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # what a decoder says may hold a name
                env=_bare_environment(),
                pass_fds=(theirs.fileno(),),
            )
        self._pipe = ours
        self._await_ready(ours)
        if self._is_closed:  # meanwhile, by another thread
            self.stop()
            raise GuardError("the decoding process was closed")
        return ours

    def _await_ready(self, pipe: Connection) -> None:
        try:
            if pipe.poll(_SECONDS_TO_START):
                message = pipe.recv_bytes(MAX_MESSAGE_BYTES)
                if message == READY:
                    return
                self.stop()
                raise GuardError(message.decode())  # no clip was opened yet: it is our own
        except (EOFError, OSError):
            pass  # told below
        child = self._child
        self.stop()
        code = child.returncode if child else None
        raise GuardError(
            f"the decoding process does not start (exit code {code}): try `python -m "
            f"components.guarded` in this environment; is there memory left for it?"
        )


class GuardPool:
    """Guards for as many threads. It has to be closed."""

    def __init__(self, task: str, limits: GuardLimits, size: int, prepare: str = "") -> None:
        """Prepare `size` guards as `Guard` does."""
        self._guards = [Guard(task, limits, prepare) for _ in range(size)]
        self._free: LifoQueue[Guard] = LifoQueue()  # one that runs goes first
        for guard in self._guards:
            self._free.put(guard)

    def close(self) -> None:
        """End all children for good."""
        for guard in self._guards:
            guard.close()

    @contextmanager
    def lend(self) -> Iterator[Guard]:
        """Lend a guard to a thread; one that has to wait for it raises `queue.Empty` in the end."""
        guard = self._free.get(timeout=_LONGEST_WAIT_S)
        try:
            yield guard
        finally:
            self._free.put(guard)


@contextmanager
def guarded_threads(
    task: str, limits: GuardLimits, size: int, prepare: str = ""
) -> Iterator[tuple[ThreadPoolExecutor, GuardPool]]:
    """Yield `size` threads and a guard for each.

    When the block is left in the middle, what was submitted is dropped and what runs is ended, the
    children first: without them their threads end too.
    """
    threads = ThreadPoolExecutor(size, thread_name_prefix="guarded")
    try:
        with closing(GuardPool(task, limits, size, prepare)) as guards:
            try:
                yield threads, guards
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
    finally:
        threads.shutdown(wait=True)


def _never_wait_within_a_message(pipe: Connection) -> None:
    """Let a read or a write that stops half-way fail: `poll` only waits for a first byte."""
    timeout = struct.pack("@ll", _SECONDS_A_MESSAGE, 0)  # a struct timeval
    with socket.socket(fileno=os.dup(pipe.fileno())) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)


def _parsed(content: bytes) -> dict[str, Any]:
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - as broken JSON is
    return value


class _TaskError(ClipError):
    """Raised by the task itself: its child is as good as new."""


def _bare_environment() -> dict[str, str]:
    """What a child needs of our environment: none of the credentials in it."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return {**kept, **threads, "MALLOC_ARENA_MAX": "2"}
