"""The reader of torch's old checkpoints: right on real files, unmoved by hostile ones."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components import torch_checkpoint
from components.efficientnet_lite import LITES, checkpoint_path
from components.errors import BackboneError
from components.torch_checkpoint import MAGIC_NUMBER, PROTOCOL_VERSION, read_torch_checkpoint


class _Tensor:
    """What the writer below turns into a call of _rebuild_tensor_v2."""

    def __init__(self, key, count, offset=0, shape=(), strides=(), storage="FloatStorage"):
        self.key, self.count, self.storage = key, count, storage
        self.arguments = (offset, shape, strides, False, OrderedDict())


@pytest.fixture(scope="module")
def fake_torch():
    """Names for the pickler to refer to; the reader must not need them."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))

    def _rebuild_tensor_v2():
        raise AssertionError

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    sys.modules |= {"torch": torch, "torch._utils": utils}
    yield torch
    del sys.modules["torch"], sys.modules["torch._utils"]


def write_state(torch, state):
    """Pickle a state dict the way torch did before 1.6."""

    class Storage:
        def __init__(self, tensor):
            self.tensor = tensor

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if not isinstance(obj, Storage):
                return None
            tensor = obj.tensor
            storage = getattr(torch, tensor.storage)
            return ("storage", storage, tensor.key, "cpu", tensor.count, None)

        def reducer_override(self, obj):
            if isinstance(obj, _Tensor):
                rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
                return rebuild, (Storage(obj), *obj.arguments)
            return NotImplemented

    stream = io.BytesIO()
    Pickler(stream, 2).dump(state)
    return stream.getvalue()


def checkpoint(state_pickle, storages, *, little_endian=True):
    """Put a whole file together: `storages` are key, count and raw bytes."""
    parts = [MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": little_endian}]
    head = b"".join(pickle.dumps(part, 2) for part in parts)
    keys = pickle.dumps([key for key, _, _ in storages], 2)
    raw = b"".join(struct.pack("<q", count) + data for _, count, data in storages)
    return head + state_pickle + keys + raw


NUMBERS = np.arange(24, dtype="<f4")


@pytest.fixture
def valid(fake_torch):
    state = OrderedDict(
        plain=_Tensor("a", 24, 0, (2, 3, 4), (12, 4, 1)),
        permuted=_Tensor("a", 24, 0, (4, 3, 2), (1, 4, 12)),
        part=_Tensor("a", 24, 4, (2, 2), (12, 1)),
        steps=_Tensor("b", 1, storage="LongStorage"),
    )
    storages = [("a", 24, NUMBERS.tobytes()), ("b", 1, struct.pack("<q", 7))]
    return checkpoint(write_state(fake_torch, state), storages)


@pytest.fixture
def read(tmp_path):
    def read(data):
        path = tmp_path / "weights.pth"
        path.write_bytes(data)
        return read_torch_checkpoint(path)

    return read


def test_strides_offsets_and_shared_storages(valid, read):
    arrays = read(valid)
    cube = NUMBERS.reshape(2, 3, 4)
    assert list(arrays) == ["plain", "permuted", "part", "steps"]
    np.testing.assert_array_equal(arrays["plain"], cube)
    np.testing.assert_array_equal(arrays["permuted"], cube.transpose(2, 1, 0))
    np.testing.assert_array_equal(arrays["part"], [[4, 5], [16, 17]])
    assert arrays["steps"] == 7
    assert arrays["steps"].dtype == np.int64
    assert not arrays["plain"].flags.writeable


@pytest.mark.parametrize("name", LITES)
def test_reads_the_installed_checkpoints(name):
    arrays = read_torch_checkpoint(checkpoint_path(name))
    assert arrays["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert arrays["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert all((array >= 0).all() for key, array in arrays.items() if key.endswith("running_var"))


class _Call:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_a_pickle_that_calls_something_is_refused_and_not_run(protocol, read, tmp_path):
    proof = tmp_path / "proof"
    call = _Call(os.mkdir, str(proof))
    for position in range(5):
        parts = [MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True}, OrderedDict(), []]
        parts[position] = call
        with pytest.raises(BackboneError, match="refused"):
            read(b"".join(pickle.dumps(part, protocol) for part in parts))
    assert not proof.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"cbuiltins\neval\n.",
        b"ctorch\nload\n.",
        b"ccollections\nOrderedDict.__init__\n.",
        b"(S'x'\nios\nsystem\n.",  # INST
        b"\x80\x02}r\xff\xff\xff\xff.",  # a memo of 4 G entries
        b"\x80\x02\x8b\xff\xff\xff\x7f.",  # an integer of 2 GB
    ],
)
def test_hostile_opcodes_are_refused(body, read):
    head = pickle.dumps(MAGIC_NUMBER, 2) + pickle.dumps(PROTOCOL_VERSION, 2)
    with pytest.raises(BackboneError, match=r"weights\.pth: the checkpoint"):
        read(head + body)


@pytest.mark.parametrize(
    ("tensor", "storages"),
    [
        (_Tensor("a", 24, 0, (2, 3, 5), (12, 4, 1)), [("a", 24, NUMBERS.tobytes())]),
        (_Tensor("a", 24, 20, (2, 3), (3, 1)), [("a", 24, NUMBERS.tobytes())]),
        (_Tensor("a", 24, 0, (1 << 29, 1 << 29), (0, 0)), [("a", 24, NUMBERS.tobytes())]),
        (_Tensor("a", 24, -4, (2,), (1,)), [("a", 24, NUMBERS.tobytes())]),
        (_Tensor("a", 24, 0, (2,), (-1,)), [("a", 24, NUMBERS.tobytes())]),
        (_Tensor("a", 24, 0, (2, 2), (1,)), [("a", 24, NUMBERS.tobytes())]),
        (_Tensor("a", 1 << 60, 0, (2,), (1,)), [("a", 24, NUMBERS.tobytes())]),
        (_Tensor("a", 1 << 28, 0, (2,), (1,)), [("a", 1 << 28, NUMBERS.tobytes())]),
        (_Tensor("a", 12, 0, (2,), (1,)), [("a", 24, NUMBERS.tobytes())]),
        (_Tensor("a", 24, 0, (2,), (1,)), []),
        (_Tensor("a", 24, 0, (2,), (1,)), [("z", 24, NUMBERS.tobytes())]),
        (3.0, []),
        ("text", []),
    ],
)
def test_impossible_tensors_are_refused(tensor, storages, read, fake_torch):
    state = write_state(fake_torch, OrderedDict(weight=tensor))
    with pytest.raises(BackboneError, match=r"weights\.pth"):
        read(checkpoint(state, storages))


def test_every_truncation_is_refused(valid, read):
    for length in range(len(valid)):
        with pytest.raises(BackboneError):
            read(valid[:length])


def test_other_formats_are_refused(read, tmp_path, monkeypatch, valid):
    for data in (b"", b"PK\x03\x04zip", pickle.dumps({"a": 1}, 2)):
        with pytest.raises(BackboneError):
            read(data)
    with pytest.raises(BackboneError, match="little-endian"):
        read(checkpoint(pickle.dumps(OrderedDict(), 2), [], little_endian=False))
    with pytest.raises(BackboneError, match="cannot be read"):
        read_torch_checkpoint(tmp_path / "absent.pth")
    monkeypatch.setattr(torch_checkpoint, "MAX_BYTES", 100)
    with pytest.raises(BackboneError, match="larger than"):
        read(valid)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 2000),
)
def test_damage_is_read_or_refused_and_nothing_else(edits, cut, valid, read):
    damaged = bytearray(valid)
    for position, value in edits:
        damaged[position % len(damaged)] = value
    if cut % 3 == 0:
        del damaged[cut % len(damaged) :]
    try:
        arrays = read(bytes(damaged))
    except BackboneError:
        return
    # Whatever still reads stays within the bytes of the file.
    assert all(array.size <= len(damaged) for array in arrays.values())
    assert all(np.asarray(array).tobytes() is not None for array in arrays.values())
