"""Turns the pipelines into the YAML that a Kubeflow server, or Vertex AI, takes."""

from __future__ import annotations

import ast
import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kfp import compiler

from components.artifacts import atomic_file
from components.errors import RollcallError
from pipelines import fine_tuning, training, vertex

if TYPE_CHECKING:
    from pipelines.settings import Settings

COMPILED: Final = Path(__file__).parent / "compiled"

PIPELINES: Final = {
    "training.yaml": training.training_pipeline,
    "fine_tuning.yaml": fine_tuning.fine_tuning_pipeline,
}
"""File name in COMPILED -> what makes the pipeline."""

TARGETS: Final = {
    "kubeflow": PIPELINES,
    "vertex": {"vertex/training.yaml": vertex.vertex_pipeline},
}
"""What runs the pipelines -> which they are."""


def compile_pipelines(
    settings: Settings, folder: Path = COMPILED, target: str = "kubeflow"
) -> list[Path]:
    """Write the YAML of every pipeline.

    Raises:
        RollcallError: the YAML is not ASCII, which Kubeflow's database cannot hold, or the target
            needs an extra that is not installed.
    """
    written = []
    for name, text in _compile(settings, target).items():
        with atomic_file(folder / name) as path:
            path.write_text(text, encoding="ascii")
        written.append(folder / name)
    return written


def stale_pipelines(
    settings: Settings, folder: Path = COMPILED, target: str = "kubeflow"
) -> list[Path]:
    """The files in `folder` that are missing or are not what `compile_pipelines` would write."""
    return [
        folder / name
        for name, text in _compile(settings, target).items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def _compile(settings: Settings, target: str) -> dict[str, str]:
    texts = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, make in TARGETS[target].items():
            path = Path(scratch) / Path(name).name
            compiler.Compiler().compile(make(settings), str(path))
            texts[name] = _in_order(path.read_text(encoding="utf-8"))
            if not texts[name].isascii():
                raise RollcallError(f"{name} is not ASCII: look for it in names and descriptions")
    return texts


def _in_order(text: str) -> str:
    """The same with the keys of maps in order where KFP writes them in any: in a comment on top."""

    def put_in_order(found: re.Match[str]) -> str:
        default = json.loads(json.dumps(ast.literal_eval(found[2]), sort_keys=True))
        return f"{found[1]}{default}]"

    return re.sub(r"^(#.*\[Default: )(.*\{.*)\]$", put_in_order, text, flags=re.MULTILINE)
