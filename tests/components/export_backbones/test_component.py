"""The component: what Kubeflow sees of it."""

from __future__ import annotations

import sys

from kfp import dsl

from components.export_backbones.component import export_backbones
from components.exported_backbones import Status, read_exported


def test_interface():
    spec = export_backbones.component_spec
    assert set(spec.inputs) == {"backbones", "weights", "registry", "seed"}
    assert set(spec.outputs) == {"exported", "summary", "metrics"}
    assert all(value.description for value in spec.inputs.values())
    assert "--index-url" not in str(spec.implementation)
    assert spec.implementation.container.image == "rollcall-train:0.1.0"


def test_body(tmp_path):
    kinds = {"exported": dsl.Artifact, "summary": dsl.Markdown, "metrics": dsl.Metrics}
    outputs = {name: kind(uri=str(tmp_path / name)) for name, kind in kinds.items()}
    new = f"sqlite:///{tmp_path}/mlflow.db"
    export_backbones.python_func(["MobileNet"], "none", new, 1, **outputs)
    assert "tensorflow" not in sys.modules
    known = read_exported(tmp_path / "exported")["MobileNet"]
    assert known.status is Status.SUCCEEDED
    text = (tmp_path / "summary").read_text(encoding="utf-8")
    assert f"| MobileNet | {known.parameters:,} | 1024 | none |  |  |" in text
    assert outputs["metrics"].metadata["MobileNet.parameters"] == known.parameters
