"""One layer gives people and roles, and how to be less wrong about both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.model_directory import Classes
from components.train_model.layer import Layer

ROLES = (0, 1, 0, 2, 0)
CLASSES = Classes(tuple("abcde"), ROLES)
MEMBERS = np.eye(3)[list(ROLES)]

some_logits = arrays(np.float64, (4, 5), elements=st.floats(-50, 50))
people = arrays(np.int64, 4, elements=st.integers(0, 4))


@given(some_logits)
def test_a_role_is_as_likely_as_its_people_are_on_average(logits):
    said = Layer(CLASSES).outputs(logits)
    person = np.exp(said.person)
    np.testing.assert_allclose(person.sum(1), 1)
    mean = person @ (MEMBERS / MEMBERS.sum(0))
    np.testing.assert_allclose(np.exp(said.role), mean / mean.sum(1, keepdims=True), atol=1e-12)
    shares = person / (person @ MEMBERS)[:, list(ROLES)]
    np.testing.assert_allclose(np.exp(said.within), shares, atol=1e-9)


def test_what_is_too_unlikely_for_a_float_still_has_a_logarithm():
    said = Layer(CLASSES).outputs(np.array([[1e4, 0, 0, -1e4, 0]]))
    assert said.role[0].tolist() == pytest.approx([0, -1e4 + np.log(3), -2e4 + np.log(3)])


def test_a_role_that_nobody_has_is_none_of_its_outputs():
    layer = Layer(Classes(("a", "b"), (2, 0)))
    assert layer.roles.tolist() == [0, 2]
    assert layer.role_of_person.tolist() == [1, 0]
    assert layer.outputs(np.zeros((1, 2))).role.shape == (1, 2)


def test_the_loss_is_that_of_targets_of_which_a_part_is_spread_over_all():
    logits = np.log([[0.5, 0.2, 0.1, 0.15, 0.05]])
    layer = Layer(CLASSES)
    target = np.array([0.02, 0.02, 0.92, 0.02, 0.02])
    of_person = -(target * logits[0]).sum()
    role = np.array([0.65 / 3, 0.2, 0.15])
    role /= role.sum()
    of_role = -(np.array([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3]) * np.log(role)).sum()
    loss = layer.loss(layer.outputs(logits), np.array([2]), 0.1)
    assert loss.tolist() == pytest.approx([of_person + of_role])


@given(some_logits, people, st.floats(0, 0.5))
def test_the_gradient_is_the_slope_of_the_loss(logits, person, smoothing):
    layer, step = Layer(CLASSES), 1e-5
    gradient = layer.gradient(layer.outputs(logits), person, smoothing)
    for number in range(5):
        moved = step * np.eye(5)[number]
        above, below = (
            layer.loss(layer.outputs(logits + sign * moved), person, smoothing) for sign in (1, -1)
        )
        np.testing.assert_allclose(gradient[:, number], (above - below) / (2 * step), atol=1e-4)
