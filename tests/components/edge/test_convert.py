"""A model is converted for the edge in a process of its own, while other things are done."""

from __future__ import annotations

import numpy as np
import pytest

from components.edge import convert
from components.edge.convert import converting
from components.edge.model import EdgeModel
from components.errors import ContractError
from components.train_model.assemble import assemble
from tests.tiny_models import make_backbone, make_head

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)


@pytest.fixture(scope="module")
def model():
    return assemble(make_backbone(), make_head())


def test_what_is_converted_says_what_keras_says(model, tmp_path):
    with converting(model, tmp_path / "model.keras", FRAMES) as running:
        converted = running.result()
        edge = EdgeModel(converted.path)
        said = {
            name: np.concatenate([edge(frame)[name] for frame in FRAMES])
            for name in ("person", "role")
        }
    assert (converted.name, converted.parameters) == ("rollcall", model.count_params())
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    assert not converted.path.exists()
    for name, expected in model.predict(FRAMES, verbose=0).items():
        np.testing.assert_allclose(converted.expected[name], expected, atol=1e-6)
        np.testing.assert_allclose(said[name], expected, atol=1e-4)


def test_one_that_fails_says_why(model, tmp_path):
    with (
        converting(model, tmp_path / "model.keras", FRAMES[:, :5]) as running,
        pytest.raises(ContractError, match=r"(?s)the conversion ended with 1: .*Error"),
    ):
        running.result()


def test_one_that_is_killed_says_so(model, tmp_path, monkeypatch):
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    run = convert.subprocess.run
    monkeypatch.setattr(
        convert.subprocess, "run", lambda command, **more: run([command[0], "-c", killed], **more)
    )
    with (
        converting(model, tmp_path / "model.keras", FRAMES) as running,
        pytest.raises(ContractError, match="the conversion was killed, as where memory runs out"),
    ):
        running.result()
