"""A shard of real photographs, and a backbone exported once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pyarrow as pa
import pytest

from components.contracts import FRAMES, FRAMES_FILE
from components.exported_backbones import (
    ExportedBackbone,
    Status,
    write_exported,
)
from components.parquet import write_table
from tests import on_openvino
from tests.photographs import crops

if TYPE_CHECKING:
    from pathlib import Path


def jpeg(pixels: np.ndarray) -> bytes:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def shard_rows(clips, pictures):
    """Rows of FRAMES: `clips` are the names of the clips and the indices of their frames."""
    return [
        {
            "clip_id": clip,
            "person_id": f"person-{clip}",
            "role": "student",
            "session": "one",
            "index": index,
            "time_s": index / 5,
            "jpeg": pictures[number % len(pictures)],
            "sharpness": 10.0 + number,
            "brightness": 100.0 + number,
            "dhash": (1 << 63) + number,
            "face_box": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4} if number % 2 else None,
        }
        for number, (clip, index) in enumerate(
            (clip, index) for clip, indices in clips for index in indices
        )
    ]


def write_shard(directory: Path, rows) -> Path:
    write_table(directory / FRAMES_FILE, pa.Table.from_pylist(rows, schema=FRAMES))
    return directory


# Not in the order of their names, and with frames that were dropped.
CLIPS = [("c" * 16, range(7)), ("a" * 16, [0, 2, 3, 9]), ("b" * 16, range(11))]


@pytest.fixture(scope="session")
def pictures():
    return [jpeg(pixels) for pixels in crops(22)]


@pytest.fixture(scope="session")
def shard(tmp_path_factory, pictures):
    return write_shard(tmp_path_factory.mktemp("shard"), shard_rows(CLIPS, pictures))


@pytest.fixture(scope="session")
def lite(tmp_path_factory):
    """EfficientNetLite0 with its real weights, and one that could not be exported."""
    folder = tmp_path_factory.mktemp("weights")
    output = tmp_path_factory.mktemp("export") / "exported"
    on_openvino.export(["EfficientNetLite0", "MobileNet"], str(folder), output)
    return output


DIMENSION = 3


class Means:
    """Stands in for a network: the mean of each colour, times a factor."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor, self.chunks, self.closed = factor, [], False

    def infer(self, pixels):
        self.chunks.append(len(pixels))
        return (pixels.mean(axis=(1, 2), dtype=np.float32) * self.factor).astype(np.float32)

    def close(self):
        self.closed = True


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Make exported backbones of fakes: a function of names and what stands in for them."""
    from components.embed_frames import engines

    def fake(**networks):
        def load(_engine, _precision, directory):
            network = networks[directory.name]
            if isinstance(network, Exception):
                raise network
            return network

        monkeypatch.setattr(engines, "load", load)
        exported = tmp_path / "exported"
        exported.mkdir(exist_ok=True)
        row = ExportedBackbone(Status.SUCCEEDED, dimension=DIMENSION, parameters=0, weights="none")
        write_exported(exported, dict.fromkeys(networks, row))
        return exported

    return fake
