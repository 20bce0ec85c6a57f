"""The component: what Kubeflow sees of it."""

from __future__ import annotations

from components.artifacts import read_json
from components.contracts import EMBEDDING_FILE
from components.embed_frames.component import embed_frames


class _Artifact:
    def __init__(self, path):
        self.path = str(path)


def test_interface():
    spec = embed_frames.component_spec
    inputs = {"shard", "frames", "exported", "precision", "seed", "augment_views"}
    assert set(spec.inputs) == inputs
    assert set(spec.outputs) == {"features"}
    assert all(value.description for value in spec.inputs.values())
    assert spec.implementation.container.image == "rollcall-data:0.1.0"


def test_body(shard, lite, tmp_path):
    output = _Artifact(tmp_path / "features")
    embed_frames.python_func(0, _Artifact(shard), _Artifact(lite), "auto", 0, 1, output)
    rows = read_json(tmp_path / "features" / EMBEDDING_FILE)
    assert rows["EfficientNetLite0"]["frames"] == 22
    assert rows["EfficientNetLite0"]["views"] == 1
