"""Turns the pipelines into the YAML that a Kubeflow server takes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kfp import compiler

from components.artifacts import atomic_file
from components.errors import RollcallError
from pipelines import fine_tuning, training

if TYPE_CHECKING:
    from pipelines.settings import Settings

COMPILED: Final = Path(__file__).parent / "compiled"

PIPELINES: Final = {
    "training.yaml": training.training_pipeline,
    "fine_tuning.yaml": fine_tuning.fine_tuning_pipeline,
}
"""File name in COMPILED -> what makes the pipeline."""


def compile_pipelines(settings: Settings, folder: Path = COMPILED) -> list[Path]:
    """Write the YAML of every pipeline.

    Raises:
        RollcallError: the YAML is not ASCII, which Kubeflow's database cannot hold.
    """
    written = []
    for name, text in _compile(settings).items():
        with atomic_file(folder / name) as path:
            path.write_text(text, encoding="ascii")
        written.append(folder / name)
    return written


def stale_pipelines(settings: Settings, folder: Path = COMPILED) -> list[Path]:
    """The files in `folder` that are missing or are not what `compile_pipelines` would write."""
    return [
        folder / name
        for name, text in _compile(settings).items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def _compile(settings: Settings) -> dict[str, str]:
    texts = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, make in PIPELINES.items():
            path = Path(scratch) / name
            compiler.Compiler().compile(make(settings), str(path))
            texts[name] = path.read_text(encoding="utf-8")
            if not texts[name].isascii():
                raise RollcallError(f"{name} is not ASCII: look for it in names and descriptions")
    return texts
