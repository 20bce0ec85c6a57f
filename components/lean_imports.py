"""Leaves out, or puts off, what a library imports and we do not need, where that is slow."""

from __future__ import annotations

import contextlib
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def left_out(*names: str) -> Iterator[None]:
    """Have packages that are not imported yet be not installed, for as long as this lasts."""
    finder = leave_out(*names)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def leave_out(*names: str) -> MetaPathFinder:
    """Have packages that are not imported yet be not installed, in this process from now on."""
    finder = _NotInstalled(names)
    sys.meta_path.insert(0, finder)
    return finder


@contextlib.contextmanager
def put_off(name: str) -> Iterator[None]:
    """Have importing a module do nothing, for as long as this lasts, if it is not imported yet.

    For one that its package loads by itself when somebody asks for it, as SciPy's are.
    """
    placeholder = ModuleType(name)
    sys.modules.setdefault(name, placeholder)
    try:
        yield
    finally:
        if sys.modules[name] is placeholder:
            del sys.modules[name]


class _NotInstalled(MetaPathFinder):
    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        if fullname in self._names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
