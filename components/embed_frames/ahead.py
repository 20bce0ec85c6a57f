"""Does the work on one thing while the one before is used and the one after is fetched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")


def work_ahead(work: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Yield each item with what `work` makes of it, in a thread, one item at a time.

    No more than two items are there at once: one is worked on while the one before it is used and
    then the one after it is fetched.
    """
    with ThreadPoolExecutor(1) as worker:
        before: tuple[T, Future[R]] | None = None
        for item in items:
            running = worker.submit(work, item)
            if before:
                yield before[0], before[1].result()
            before = item, running
        if before:
            yield before[0], before[1].result()
