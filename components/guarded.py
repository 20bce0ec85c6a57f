"""What runs in the child process of `components.guard`: one task, one file after another."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from components.contracts import ClipError, Reason
from components.guard import DONE, ITEM, READY, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Task = Callable[..., dict[str, Any] | Generator[bytes, None, dict[str, Any]]]

_OPEN_FILES: Final = 64
_MAX_REQUEST_BYTES: Final = 1 << 16


def main(descriptor: int, task_name: str, limits: dict[str, Any]) -> None:
    """Serve requests until the other side closes the pipe."""
    module, function = task_name.split(":")
    task: Task = getattr(importlib.import_module(module), function)
    _limit_for_good(limits["memory_bytes"])
    with Connection(descriptor) as pipe:
        pipe.send_bytes(READY)
        while True:
            try:
                request = json.loads(pipe.recv_bytes(_MAX_REQUEST_BYTES))
            except EOFError:
                return
            _limit_cpu(limits["cpu_s"])
            pipe.send_bytes(_serve(pipe, task, request))


def _serve(pipe: Connection, task: Task, request: dict[str, Any]) -> bytes:
    """Send the results; return the last message."""
    path = Path(os.fsdecode(bytes.fromhex(request["path"])))
    try:
        outcome = task(path, **request["arguments"])
        returned = outcome if isinstance(outcome, dict) else _send_all(pipe, outcome)
        return DONE + json.dumps(returned).encode()
    except ClipError as error:
        return _refusal(error.reason, error.detail)
    except MemoryError:
        return _refusal(Reason.DECODER_TOO_BIG, "decoding it takes more memory than is allowed")
    except Exception as error:  # noqa: BLE001 - the other side names it in the reject
        return _refusal(Reason.DECODER_CRASHED, _where(error))


def _send_all(pipe: Connection, results: Generator[bytes, None, dict[str, Any]]) -> dict[str, Any]:
    while True:
        try:
            pipe.send_bytes(ITEM + next(results))
        except StopIteration as end:
            return dict(end.value)


def _refusal(reason: Reason, detail: str) -> bytes:
    return REFUSED + json.dumps({"reason": reason, "detail": detail}).encode()


def _where(error: Exception) -> str:
    """Type and place of an error, without its words: they may hold a name."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"the decoder raised {type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
    )


def _limit_for_good(memory_bytes: int) -> None:
    address_space = psutil.Process().memory_info().vms + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no file is ever written here
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a face
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))


def _limit_cpu(seconds: float) -> None:
    """Allow that much more CPU time from now on; the kernel ends us with SIGXCPU after it."""
    allowed = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
