"""Exporting backbones: what is written, and what happens when one cannot be."""

from __future__ import annotations

import keras
import pytest

from components.backbones import Weights
from components.contracts import BACKBONES_FILE
from components.errors import BackboneError, ContractError
from components.export_backbones import export
from components.export_backbones.export import export_backbones
from components.exported_backbones import (
    KERAS_FILE,
    OPENVINO_FILE,
    ExportedBackbone,
    Status,
    read_exported,
)
from tests.tiny_models import make_backbone


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A Lite from its package, and a network whose weights the folder lacks."""
    folder = tmp_path_factory.mktemp("weights")
    output = tmp_path_factory.mktemp("export") / "exported"
    rows = export_backbones(["EfficientNetLite0", "MobileNet"], str(folder), output)
    return output, rows


def test_what_is_written(exported):
    output, rows = exported
    assert read_exported(output) == rows
    assert rows["EfficientNetLite0"] == ExportedBackbone(
        Status.SUCCEEDED,
        dimension=1280,
        parameters=3_413_024,
        weights=Weights.IMAGENET,
        license="Apache-2.0",
    )
    directory = output / "EfficientNetLite0"
    names = {KERAS_FILE, OPENVINO_FILE, "openvino.bin"}
    assert {path.name for path in directory.iterdir()} == names
    # Four bytes a parameter (batch norm is folded away): nothing was halved on the way.
    assert (directory / "openvino.bin").stat().st_size > 4 * 3_300_000
    model = keras.saving.load_model(directory / KERAS_FILE, safe_mode=True, compile=False)
    assert model.output_shape == (None, 1280)


def test_one_that_fails_is_a_row_with_the_reason(exported):
    output, rows = exported
    assert rows["MobileNet"].status is Status.FAILED
    assert "put MobileNet.weights.h5" in str(rows["MobileNet"].reason)
    assert not (output / "MobileNet").exists()


def test_the_same_seed_gives_the_same_weights(tmp_path, capfd):
    written = []
    for output in ("one", "same"):
        rows = export_backbones(["MobileNet", "MobileNet"], Weights.NONE, tmp_path / output, 1)
        assert list(rows) == ["MobileNet"]
        assert rows["MobileNet"].weights == "none"
        assert rows["MobileNet"].license is None
        written.append((tmp_path / output / "MobileNet" / "openvino.bin").read_bytes())
    assert written[0] == written[1]
    assert capfd.readouterr().out == ""


def test_a_conversion_that_breaks_is_a_row_too(tmp_path, monkeypatch):
    def break_for_mobilenet(_model, path):
        if path.parent.name == "MobileNet":
            raise RuntimeError("no such operation")

    monkeypatch.setattr(export, "build_backbone", lambda *_, seed: make_backbone(seed))
    monkeypatch.setattr(export, "write_openvino", break_for_mobilenet)
    rows = export_backbones(["MobileNet", "MobileNetV3Small"], "none", tmp_path / "exported")
    assert rows["MobileNet"].status is Status.FAILED
    assert rows["MobileNet"].reason == "RuntimeError: no such operation"
    assert not (tmp_path / "exported" / "MobileNet").exists()
    assert rows["MobileNetV3Small"].status is Status.SUCCEEDED


def test_when_all_fail_nothing_is_written(tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    with pytest.raises(BackboneError, match=r"(?s)no backbone could be.*MobileNet:.*\nVGG16: "):
        export_backbones(["MobileNet", "VGG16"], str(folder), tmp_path / "exported")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("names", "message"), [([], "no backbone was asked for"), (["MobileNet", "VGG"], "VGG16")]
)
def test_a_wrong_request_stops_before_any_work(names, message, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_export", None)
    with pytest.raises(BackboneError, match=message):
        export_backbones(names, Weights.NONE, tmp_path / "exported")


@pytest.mark.parametrize("content", [None, "", "[]", '{"A": {}}', '{"A": {"status": "great"}}'])
def test_a_damaged_list_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / BACKBONES_FILE).write_text(content)
    with pytest.raises(ContractError, match="backbones"):
        read_exported(tmp_path)
