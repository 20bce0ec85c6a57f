"""Transposes move down a network, which computes what it did."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openvino import opset16 as opset

from components.export_backbones.transposes import move_transposes

SHAPE = (2, 3, 4, 5)


def run(network, *values):
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(network, "CPU", exact)(values)[0]


def moved(build, count=1, shape=SHAPE):
    """Move the transposes of what `build` makes of parameters; its kinds of nodes, in order."""
    parameters = [opset.parameter(shape) for _ in range(count)]
    network = openvino.Model([build(*parameters)], parameters)
    values = list(np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32))
    before = run(network, *values)
    move_transposes(network)
    np.testing.assert_allclose(run(network, *values), before, rtol=1e-5, atol=1e-6)
    left_out = {"Parameter", "Constant", "Result"}
    kinds = [node.get_type_name() for node in network.get_ordered_ops()]
    return [kind for kind in kinds if kind not in left_out]


def turned(value, order=(0, 2, 3, 1)):
    return opset.transpose(value, np.array(order))


orders = st.permutations(range(4)).map(tuple)
few = settings(max_examples=25)  # each is compiled twice


@few
@given(orders, orders)
def test_two_that_meet_are_one_or_none(first, second):
    kinds = moved(lambda x: opset.relu(turned(turned(opset.relu(x), first), second)))
    both = [first[axis] for axis in second]
    expected = ["Relu", "Relu"] if both == sorted(both) else ["Relu", "Relu", "Transpose"]
    assert kinds == expected


@few
@given(orders)
def test_one_moves_through_what_is_elementwise_with_its_constants(order):
    shape = [SHAPE[axis] for axis in order]
    each = np.arange(shape[-1], dtype=np.float32)
    whole = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    kinds = moved(lambda x: opset.add(opset.multiply(turned(x, order), each), whole))
    moves = ["Multiply", "Add"] if order == (0, 1, 2, 3) else ["Multiply", "Add", "Transpose"]
    assert kinds == moves


def test_one_moves_through_what_has_one_number_as_it_is():
    kinds = moved(lambda x: opset.swish(turned(x), np.float32(1.5)))
    assert kinds == ["Swish", "Transpose"]


def test_two_alike_move_through_a_sum_as_one():
    kinds = moved(lambda x, y: opset.add(turned(x), turned(y)), count=2)
    assert kinds == ["Add", "Transpose"]


def test_two_of_different_orders_stay():
    square = (2, 4, 4, 4)
    kinds = moved(lambda x, y: opset.add(turned(x), turned(y, (0, 3, 1, 2))), 2, square)
    assert sorted(kinds) == ["Add", "Transpose", "Transpose"]


@few
@given(orders, st.integers(-4, 3))
def test_one_moves_through_a_concatenation_along_its_own_axis(order, axis):
    kinds = moved(lambda x, y: opset.concat([turned(x, order), turned(y, order)], axis), count=2)
    assert kinds == ["Concat", *(["Transpose"] if order != (0, 1, 2, 3) else [])]


@few
@given(orders, st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_one_moves_through_padding(order, amounts):
    begin, end = np.array(amounts[:4]), np.array(amounts[4:])
    kinds = moved(lambda x: opset.pad(turned(x, order), begin, end, "constant"))
    assert kinds == ["Pad", *(["Transpose"] if order != (0, 1, 2, 3) else [])]


@few
@given(orders, st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True), st.booleans())
def test_one_moves_through_a_mean_that_takes_its_axes_away(order, axes, keep):
    kinds = moved(lambda x: opset.reduce_mean(turned(x, order), np.array(axes), keep))
    assert kinds[0] == "ReduceMean"
    if not keep and len(axes) == 3:
        assert kinds == ["ReduceMean"]


def normalised(order):
    channels = SHAPE[order[1]]
    each = np.arange(1, channels + 1, dtype=np.float32)
    return lambda x: opset.batch_norm_inference(turned(x, order), each, each, each, each, 1e-3)


def test_one_moves_through_a_normalisation_whose_channels_stay_where_they_are():
    assert moved(normalised((0, 1, 3, 2))) == ["BatchNormInference", "Transpose"]


def test_one_that_moves_the_channels_stays_in_front_of_it():
    assert moved(normalised((0, 3, 1, 2))) == ["Transpose", "BatchNormInference"]


def test_one_stays_in_front_of_what_is_not_known():
    kinds = moved(lambda x: opset.softmax(turned(x), 1))
    assert kinds == ["Transpose", "Softmax"]


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (0, 1, 2, 3)])
def test_what_else_reads_a_transpose_still_does(order):
    def build(x):
        middle = turned(x, order)
        return opset.multiply(opset.relu(middle), opset.softmax(middle, 1))

    assert {"Softmax", "Relu", "Multiply"} <= set(moved(build))
