"""The component: what Kubeflow sees of it."""

from __future__ import annotations

from components.export_backbones.component import export_backbones
from components.exported_backbones import Status, read_exported


class _Artifact:
    def __init__(self, path):
        self.path = str(path)


def test_interface():
    spec = export_backbones.component_spec
    assert set(spec.inputs) == {"backbones", "weights", "registry", "seed"}
    assert set(spec.outputs) == {"exported"}
    assert all(value.description for value in spec.inputs.values())
    assert "--index-url" not in str(spec.implementation)
    assert spec.implementation.container.image == "rollcall-train:0.1.0"


def test_body(tmp_path):
    export_backbones.python_func(
        ["MobileNet"],
        "none",
        f"sqlite:///{tmp_path}/mlflow.db",
        1,
        _Artifact(tmp_path / "exported"),
    )
    assert read_exported(tmp_path / "exported")["MobileNet"].status is Status.SUCCEEDED
