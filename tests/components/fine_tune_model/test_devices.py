"""Precision and replicas follow from the devices."""

from __future__ import annotations

import pytest

from components.fine_tune_model.devices import FLOAT32, MIXED, Setup, setup_for


@pytest.mark.parametrize(
    ("gpus", "setup"),
    [([], Setup(FLOAT32, 1)), (["a"], Setup(MIXED, 1)), (["a", "b"], Setup(MIXED, 2))],
    ids=["processors", "a GPU", "two GPUs"],
)
def test_half_precision_needs_a_gpu_and_replicas_need_several(gpus, setup):
    assert setup_for(gpus) == setup
