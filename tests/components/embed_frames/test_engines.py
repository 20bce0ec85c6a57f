"""Which engine and precision are taken, and that none is taken silently."""

from __future__ import annotations

import pytest

from components.embed_frames import engines
from components.embed_frames.engines import choose
from components.errors import BackboneError


@pytest.fixture
def machine(monkeypatch):
    def machine(*, openvino, bf16):
        spec = object() if openvino else None
        monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: spec)
        monkeypatch.setattr(engines, "_cpu_has_bf16", lambda: bf16)

    return machine


@pytest.mark.parametrize(
    ("openvino", "bf16", "asked", "chosen"),
    [
        (True, True, ("auto", "auto"), ("openvino", "bf16")),
        (True, False, ("auto", "auto"), ("openvino", "f32")),
        (True, True, ("auto", "f32"), ("openvino", "f32")),
        (True, True, ("openvino", "bf16"), ("openvino", "bf16")),
        (True, True, ("keras", "auto"), ("keras", "f32")),
        (False, False, ("auto", "auto"), ("keras", "f32")),
    ],
)
def test_auto(machine, openvino, bf16, asked, chosen):
    machine(openvino=openvino, bf16=bf16)
    assert choose(*asked) == chosen


@pytest.mark.parametrize(
    ("openvino", "bf16", "asked", "message"),
    [
        (True, False, ("auto", "bf16"), "no bf16 with openvino on this CPU"),
        (True, True, ("keras", "bf16"), "no bf16 with keras"),
        (False, False, ("openvino", "auto"), "OpenVINO is not installed"),
        (True, True, ("onnx", "auto"), "the engines are auto, openvino, keras"),
        (True, True, ("auto", "int8"), "the precisions auto, bf16, f32"),
    ],
)
def test_what_cannot_be_had_is_refused(machine, openvino, bf16, asked, message):
    machine(openvino=openvino, bf16=bf16)
    with pytest.raises(BackboneError, match=message):
        choose(*asked)
