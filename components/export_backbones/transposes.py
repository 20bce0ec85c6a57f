"""Moves the transposes of a network down through it until two meet and are one, or none.

Keras' networks have their channels last and OpenVINO's layers have them first, so that Keras puts a
transpose before and behind almost every layer; MobileNetV2 takes five times as long with them. For
a network that comes from TensorFlow OpenVINO removes them itself, and for no other.

A transpose moves by being taken in front of a node's inputs and put behind its output. That is the
same network, as long as what the node does along an axis it then does along the axis which that one
came from. Where a node is of no kind that is known here, the transpose stays in front of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from components.silent_openvino import load_openvino

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

Node: TypeAlias = Any
Output: TypeAlias = Any
"""OpenVINO's are made in C++, and have no types."""
Order: TypeAlias = tuple[int, ...]
"""Of a transpose: which axis of its input each axis of its output is."""
Moved: TypeAlias = tuple[Output, Order]
"""What a node gives without its transpose, and the transpose that has to follow."""

load_openvino()
from openvino import opset16 as opset  # noqa: E402 - without its telemetry

ELEMENTWISE: Final = frozenset(
    {"Add", "Clamp", "Convert", "Divide", "Gelu", "HSwish", "HardSigmoid", "Maximum", "Minimum"}
    | {"Multiply", "Power", "Relu", "Sigmoid", "Subtract", "Swish", "Tanh"}
)


def move_transposes(network: Any) -> None:  # noqa: ANN401 - an openvino.Model
    """Move the transposes of an openvino.Model as far down as they go.

    What is constant in it has to be folded: an order of axes that is computed is not seen.
    """
    for node in network.get_ordered_ops():
        kind = node.get_type_name()
        move = _move_elementwise if kind in ELEMENTWISE else _MOVES.get(kind)
        if moved := move(node) if move else None:
            _put_behind(node, *moved)
    network.validate_nodes_and_infer_types()


def _put_behind(node: Node, output: Output, order: Order) -> None:
    """Have those that read `node` read `output` in the order of axes instead."""
    readers = node.output(0).get_target_inputs()
    if order != tuple(range(len(order))):
        output = opset.transpose(output, np.array(order)).output(0)
    for reader in readers:
        reader.replace_source_output(output)


def _before(value: Output) -> Moved | None:
    """What is in front of the transpose that a value comes from, and its order."""
    node = value.get_node()
    if node.get_type_name() != "Transpose":
        return None
    order = _constant(node.input_value(1))
    return None if order is None else (node.input_value(0), tuple(order.tolist()))


def _constant(value: Output) -> npt.NDArray[Any] | None:
    node = value.get_node()
    return np.asarray(node.data) if node.get_type_name() == "Constant" else None


def _set_arguments(node: Node, *arguments: Output) -> Output:
    for number, argument in enumerate(arguments):
        node.set_argument(number, argument)
    node.validate_and_infer_types()
    return node.output(0)


def _move_through_transpose(node: Node) -> Moved | None:
    before, order = _before(node.input_value(0)), _before(node.output(0))
    if before is None or order is None:
        return None
    return before[0], tuple(before[1][axis] for axis in order[1])


def _move_elementwise(node: Node) -> Moved | None:
    """Through a node of one or two inputs, of which one may be a constant that is broadcast."""
    found = [_before(value) for value in node.input_values()]
    orders = {each[1] for each in found if each}
    if len(orders) != 1:
        return None
    (order,) = orders
    arguments = [
        each[0] if each else _in_order(value, order)
        for value, each in zip(node.input_values(), found, strict=True)
    ]
    return None if None in arguments else (_set_arguments(node, *arguments), order)


def _in_order(value: Output, order: Order) -> Output | None:
    """A constant whose axes will be in place again behind a transpose of `order`."""
    constant = _constant(value)
    if constant is None or constant.size == 1:
        return None if constant is None else value
    whole = constant.reshape((1,) * (len(order) - constant.ndim) + constant.shape)
    return opset.constant(np.ascontiguousarray(whole.transpose(np.argsort(order)))).output(0)


def _move_batch_norm(node: Node) -> Moved | None:
    """It knows the channels, which are axis 1, from all others."""
    before = _before(node.input_value(0))
    if before is None or before[1][1] != 1:
        return None
    return _set_arguments(node, before[0]), before[1]


def _move_concat(node: Node) -> Moved | None:
    found = [_before(value) for value in node.input_values()]
    orders = {each[1] for each in found if each}
    if len(orders) != 1 or None in found:
        return None
    (order,) = orders
    node.set_attribute("axis", order[node.get_attributes()["axis"] % len(order)])
    return _set_arguments(node, *(each[0] for each in found if each)), order


def _move_pad(node: Node) -> Moved | None:
    before = _before(node.input_value(0))
    amounts = [_constant(node.input_value(number)) for number in (1, 2)]
    if before is None or any(each is None for each in amounts):
        return None
    value, order = before
    moved = [opset.constant(each[np.argsort(order)]).output(0) for each in amounts]  # type: ignore[index]
    return _set_arguments(node, value, *moved), order


def _move_reduction(node: Node) -> Moved | None:
    before, axes = _before(node.input_value(0)), _constant(node.input_value(1))
    if before is None or axes is None:
        return None
    value, order = before
    gone = [order[axis] for axis in np.atleast_1d(axes)]
    output = _set_arguments(node, value, opset.constant(np.array(gone)).output(0))
    if node.get_attributes()["keep_dims"]:
        return output, order
    kept = [axis for axis in order if axis not in gone]
    return output, tuple(sorted(kept).index(axis) for axis in kept)


_MOVES: Final[dict[str, Callable[[Node], Moved | None]]] = {
    "Transpose": _move_through_transpose,
    "BatchNormInference": _move_batch_norm,
    "Concat": _move_concat,
    "Pad": _move_pad,
    "ReduceMax": _move_reduction,
    "ReduceMean": _move_reduction,
}
