"""The temperature that calibration frames ask for."""

from __future__ import annotations

import numpy as np
import pytest

from components.train_model.temperature import choose_temperature


def logits_of(confidence: float, accuracy: float, frames: int = 100):
    """Frames that give their likeliest of two classes `confidence`, and are as often right."""
    logits = np.tile([np.log(confidence / (1 - confidence)), 0.0], (frames, 1))
    return logits, (np.arange(frames) >= accuracy * frames).astype(int)


def test_a_head_that_is_too_sure_gets_the_temperature_that_makes_it_right():
    logits, labels = logits_of(0.99, 0.8)
    temperature = choose_temperature(logits, labels, smoothing=0.0)
    assert 1 / (1 + np.exp(-logits[0, 0] / temperature)) == pytest.approx(0.8, abs=1e-3)


def test_a_head_is_never_made_surer_of_itself():
    assert choose_temperature(*logits_of(0.6, 0.9), smoothing=0.0) == pytest.approx(1.0, abs=1e-3)


def test_where_every_frame_is_right_the_smoothing_is_the_doubt_that_is_left():
    logits, labels = logits_of(0.9999, 1.0)
    temperature = choose_temperature(logits, labels, smoothing=0.02)
    assert 1 / (1 + np.exp(-logits[0, 0] / temperature)) == pytest.approx(0.99, abs=1e-3)
