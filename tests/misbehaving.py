"""Tasks for `components.guard` that do what a hostile clip may make a decoder do."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from components.contracts import ClipError, Reason
from components.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    Results = Generator[bytes, None, dict[str, Any]]


def behave(path: Path, *, count: int = 3) -> Results:
    for number in range(count):
        yield f"{number}:{path.read_text(encoding='utf-8')}".encode()
    return {"pid": os.getpid()}


def tell_environment(path: Path) -> dict[str, Any]:
    return {"environment": sorted(os.environ), "pid": os.getpid()}


def cannot_prepare() -> None:
    raise ContractError("something is not installed: install it")


def refuse(path: Path) -> Results:
    yield b"something before"
    raise ClipError(Reason.NO_VIDEO, "as the test wants it")


def raise_error(path: Path) -> dict[str, Any]:
    raise RuntimeError(f"a message with the name {path}")


def read_null_pointer(path: Path) -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


def abort(path: Path) -> Results:
    yield b"something before"
    os.abort()


def leave(path: Path) -> dict[str, Any]:
    os._exit(3)


def sleep(path: Path) -> dict[str, Any]:
    time.sleep(600)
    return {}


def spin(path: Path) -> dict[str, Any]:
    while True:
        pass


def eat_memory(path: Path) -> dict[str, Any]:
    return {"bytes": len(bytearray(1 << 40))}


def hoard(path: Path) -> dict[str, Any]:
    hoarded = []
    while True:
        hoarded.append(bytearray(16 << 20))


def be_killed(path: Path) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def chatter(path: Path) -> Results:
    while True:
        yield b"more"


def say_too_much(path: Path) -> Results:
    yield b"x" * (8 << 20)
    return {}


def write_file(path: Path) -> dict[str, Any]:
    path.with_name("written").write_bytes(b"x")
    return {}


def close_every_pipe(path: Path) -> dict[str, Any]:
    for descriptor in open_descriptors():
        os.close(descriptor)
    time.sleep(600)
    return {}


def open_descriptors() -> list[int]:
    """All but the standard ones, and the one that lists them."""
    found = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return [number for number in found if number > 2 and is_open(number)]


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def write_to_every_pipe(content: bytes) -> None:
    """Behind the back of the protocol, as code that took over could."""
    for descriptor in open_descriptors():
        try:
            with socket.socket(fileno=os.dup(descriptor)) as pipe:
                pipe.sendall(content)
        except OSError:
            continue
    time.sleep(600)


def talk_nonsense(path: Path) -> dict[str, Any]:
    write_to_every_pipe((9).to_bytes(4, "big") + b"d{broken}")
    return {}


def stop_within_a_message(path: Path) -> dict[str, Any]:
    write_to_every_pipe((9).to_bytes(4, "big") + b"d{")
    return {}
