"""The component: what Kubeflow sees of it."""

from __future__ import annotations

from kfp import dsl

from components.artifacts import read_json
from components.contracts import EMBEDDING_FILE
from components.embed_frames.component import embed_frames


def test_interface():
    spec = embed_frames.component_spec
    inputs = {"shard", "frames", "exported", "precision", "seed", "augment_views"}
    assert set(spec.inputs) == inputs
    assert set(spec.outputs) == {"features", "metrics"}
    assert all(value.description for value in spec.inputs.values())
    assert spec.implementation.container.image == "rollcall-data:0.1.0"


def test_body(shard, lite, tmp_path):
    output = dsl.Dataset(uri=str(tmp_path / "features"))
    metrics = dsl.Metrics(uri=str(tmp_path / "metrics"))
    frames, exported = dsl.Dataset(uri=str(shard)), dsl.Artifact(uri=str(lite))
    embed_frames.python_func(0, frames, exported, "auto", 0, 1, output, metrics)
    rows = read_json(tmp_path / "features" / EMBEDDING_FILE)
    assert rows["EfficientNetLite0"]["frames"] == metrics.metadata["frames"] == 22
    assert metrics.metadata["images_per_second.EfficientNetLite0"] > 0
    assert rows["EfficientNetLite0"]["views"] == 1
