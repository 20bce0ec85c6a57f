"""What a step loads before its work begins: seconds and hundreds of megabytes of every task."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

STEPS = Path(__file__).parents[2] / "components"

HEAVY = {
    *("tensorflow", "keras", "mlflow", "scipy", "sklearn", "pandas", "matplotlib"),
    *("openvino", "ai_edge_litert", "azure"),
}

WITH_TENSORFLOW = {"fine_tune_model"}
"""Everything that such a step does is done in TensorFlow, in one process, so once a task."""

MLFLOW = {"mlflow", "scipy", "pandas"}
"""The last two are MLflow's own."""

ALSO = {
    "compare_models": {"scipy"},
    "register_model": MLFLOW,
    "train_model": {"scipy"},
    "notify": MLFLOW,  # it asks the registry what became of the model
}
"""What a step needs of HEAVY; the others need none of it."""

CODE = """
import importlib, sys
for module in sys.argv[1].split():
    importlib.import_module(module)
print(*sys.modules)
"""


def bodies():
    """The modules that the body of each component imports, by step."""
    for path in sorted(STEPS.glob("*/component.py")):
        tree = ast.parse(path.read_text())
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        inner = [node for function in functions for node in ast.walk(function)]
        yield path.parent.name, [each.module for each in inner if isinstance(each, ast.ImportFrom)]


IMPORTED = {step: modules for step, modules in bodies() if step not in WITH_TENSORFLOW}


def test_the_steps_are_found():
    assert {"ingest_videos", "extract_frames", "embed_frames", "split_dataset"} <= set(IMPORTED)
    assert "components.embed_frames.embed" in IMPORTED["embed_frames"]


@pytest.mark.parametrize("step", IMPORTED)
def test_a_step_starts_without_what_is_slow_to_load(step):
    command = [sys.executable, "-c", CODE, " ".join(IMPORTED[step])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert (loaded & HEAVY) - ALSO.get(step, set()) == set()
