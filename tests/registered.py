"""Small model directories, and how they get into a registry without a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.artifacts import digests_of, write_json
from components.champions import PASSED, crown
from components.model_directory import (
    CLASSES_FILE,
    EDGE_MODEL_FILE,
    LINEAGE_FILE,
    METRICS_FILE,
    Classes,
)
from components.registry import GATE, SOURCE, connected, register_version
from components.trusted_model import write_manifest

if TYPE_CHECKING:
    from pathlib import Path

FINGERPRINT = "f" * 64


def write_model(
    folder: Path, *, name: str = "EfficientNetLite0", content: bytes = b"weights", people=("p-1",)
) -> Path:
    """A model directory as far as a registry looks into it; nothing in it can be loaded."""
    folder.mkdir(parents=True)
    (folder / EDGE_MODEL_FILE).write_bytes(content)
    Classes(tuple(people), (0,) * len(people)).write(folder / CLASSES_FILE)
    write_json(folder / METRICS_FILE, {"name": name, "frame": {"identity_accuracy": 0.5}})
    lineage = {"code_version": "0.1.0", "sha256": digests_of(folder)}
    write_json(folder / LINEAGE_FILE, lineage)
    return folder


def register(
    model: Path, registry: str, fingerprint: str = FINGERPRINT, *, champion: bool = True, **tags
) -> str:
    """Register a model directory; by default it passed the gate and becomes champion."""
    write_manifest(model)
    version = register_version(model, registry, {SOURCE: fingerprint, GATE: PASSED, **tags})
    if champion:
        with connected(registry) as client:
            crown(client, version, "registered")
    return version


def aliases(registry: str) -> dict[str, str]:
    """Which alias stands for which version."""
    from components.registry import aliases_of

    with connected(registry) as client:
        return aliases_of(client)
