"""What an edge model says of many frames."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from components.edge.model import OUTPUTS, EdgeModel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future
    from pathlib import Path

    import numpy.typing as npt

    Images = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float32]


def score_edge(path: Path, pictures: Iterable[Images], threads: int) -> tuple[Floats, Floats]:
    """Run an edge model over many frames, one at a time, as the robot does.

    Each thread has an interpreter of its own, as LiteRT lets go of Python's lock while it computes:
    two score 1.8 and 1.9 times as many as one (float32 and int8). At most two chunks a thread wait,
    so that memory grows with the results alone.

    Args:
        path: of the .tflite file.
        pictures: RGB uint8 [any number, FRAME_SIZE, FRAME_SIZE, 3], chunk by chunk.
        threads: how many chunks are worked on at once.

    Returns:
        Probabilities [n, people] and [n, roles], in the order of the pictures; they do not depend
        on `threads`.
    """
    edges = [EdgeModel(path) for _ in range(threads)]
    idle: SimpleQueue[EdgeModel] = SimpleQueue()
    for edge in edges:
        idle.put(edge)

    def run(images: Images) -> list[Floats]:
        edge = idle.get()
        try:
            told = [edge(image) for image in images]
        finally:
            idle.put(edge)
        return [np.concatenate([output[name] for output in told]) for name in OUTPUTS]

    scored = [[np.empty((0, edges[0].classes(name)), np.float32)] for name in OUTPUTS]

    def keep(done: Future[list[Floats]]) -> None:
        for rows, part in zip(scored, done.result(), strict=True):
            rows.append(part)

    waiting: deque[Future[list[Floats]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for images in pictures:
            waiting.append(pool.submit(run, images))
            if len(waiting) > 2 * threads:
                keep(waiting.popleft())
        while waiting:
            keep(waiting.popleft())
    person, role = (np.concatenate(rows) for rows in scored)
    return person, role
