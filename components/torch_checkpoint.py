"""Reads torch's pre-zip checkpoints without torch, and without running what they say.

The format (torch before 1.6): five pickles one after another - a magic number, a protocol number,
facts about the writer, the state dict, the keys of its storages - then for every key an int64
count and that many raw little-endian elements. A tensor in the state dict is a call of
`_rebuild_tensor_v2` on a storage that is named by a persistent id.

A pickle can call anything, so only the opcodes and the names such a file needs are let through.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from components.errors import BackboneError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION: Final = 1001
MAX_BYTES: Final = 1 << 30
MAX_PICKLE_BYTES: Final = 1 << 24

_ALLOWED_OPCODES: Final = frozenset({
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "NONE", "NEWTRUE",
    "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "EMPTY_DICT", "SETITEM",
    "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2",
    "TUPLE3", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET",
})  # fmt: skip
_DTYPES: Final = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
# What a malformed pickle makes the unpickler raise.
_PICKLE_ERRORS: Final = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError,
    ArithmeticError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Builds ordered dicts and descriptions of tensors, nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's signature
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuild_tensor  # bound, so that a BUILD cannot alter it
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        raise BackboneError(f"the checkpoint asks for {module[:80]}.{name[:80]}: refused")

    def persistent_load(self, pid: Any) -> _Storage:  # noqa: ANN401 - pickle's signature
        kind, storage_type, key, _location, count, view = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType) or view is not None:
            raise BackboneError("the checkpoint has a persistent id that is not a whole storage")
        if not isinstance(key, str) or not _is_size(count):
            raise BackboneError("the checkpoint has a storage without key or size")
        return _Storage(key, storage_type.dtype, count)

    @staticmethod
    def _rebuild_tensor(
        storage: object, offset: object, shape: object, strides: object, *_autograd: object
    ) -> _Tensor:
        sizes = (shape, strides)
        if not isinstance(storage, _Storage) or not _is_size(offset):
            raise BackboneError("the checkpoint has a tensor without storage")
        if not all(isinstance(part, tuple) and all(map(_is_size, part)) for part in sizes):
            raise BackboneError("the checkpoint has a tensor of impossible shape")
        return _Tensor(storage, offset, shape, strides)  # type: ignore[arg-type]


def read_torch_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """Read the tensors of a legacy torch checkpoint that is a plain state dict.

    Args:
        path: the file, of at most MAX_BYTES.

    Returns:
        Arrays by parameter name, in the order of the file: read-only views of one buffer.

    Raises:
        BackboneError: the file is missing or too large, is no such checkpoint, is cut short, or its
            pickles want to do anything but describe tensors.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BackboneError(f"{path.name} is larger than {MAX_BYTES >> 20} MiB: refused")
        data = path.read_bytes()
    except OSError as error:
        raise BackboneError(f"{path.name} cannot be read: {error.strerror}") from error
    try:
        return _parse(data)
    except BackboneError as error:
        raise BackboneError(f"{path.name}: {error}") from error


def _parse(data: bytes) -> dict[str, NDArray[Any]]:
    stream = io.BytesIO(data)
    if _load(stream) != MAGIC_NUMBER or _load(stream) != PROTOCOL_VERSION:
        raise BackboneError("this is no torch checkpoint of the format before torch 1.6")
    writer = _load(stream)
    if not isinstance(writer, dict) or writer.get("little_endian") is not True:
        raise BackboneError("the checkpoint was not written on a little-endian machine")
    state, keys = _load(stream), _load(stream)
    if not isinstance(state, OrderedDict) or not isinstance(keys, list):
        raise BackboneError("the checkpoint is not a state dict")
    if not all(isinstance(k, str) and isinstance(v, _Tensor) for k, v in state.items()):
        raise BackboneError("the state dict holds something else than named tensors")
    storages = _read_storages(data, stream.tell(), keys, state.values())
    return {name: _view(tensor, storages) for name, tensor in state.items()}


def _load(stream: io.BytesIO) -> Any:  # noqa: ANN401 - whatever the pickle says; checked by the caller
    """Read one pickle once its opcodes have passed, so that none is executed before."""
    start = stream.tell()
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name not in _ALLOWED_OPCODES:
                raise BackboneError(f"the checkpoint uses the pickle opcode {opcode.name}: refused")
            # The memo is an array: an index from nowhere would allocate gigabytes.
            if opcode.name == "LONG_BINPUT" and int(argument or 0) > MAX_PICKLE_BYTES:
                raise BackboneError("the checkpoint has an impossible memo index")
            if stream.tell() - start > MAX_PICKLE_BYTES:
                raise BackboneError("the checkpoint has an impossibly long pickle")
        stream.seek(start)
        return _Unpickler(stream).load()
    except _PICKLE_ERRORS as error:
        raise BackboneError(f"the checkpoint is damaged: {type(error).__name__}") from error


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_BYTES


def _read_storages(
    data: bytes,
    start: int,
    keys: list[Any],
    tensors: Any,  # noqa: ANN401 - a view of a dict
) -> dict[str, NDArray[Any]]:
    """Lay an array over every storage behind the pickles; none is larger than the file."""
    wanted = {tensor.storage.key: tensor.storage for tensor in tensors}
    storages: dict[str, NDArray[Any]] = {}
    for key in keys:
        storage = wanted.get(key) if isinstance(key, str) else None
        if storage is None:
            raise BackboneError("the checkpoint has a storage that no tensor uses")
        begin = start + 8
        end = begin + storage.count * np.dtype(storage.dtype).itemsize
        if end > len(data):
            raise BackboneError("the checkpoint is cut short")
        if int.from_bytes(data[start:begin], "little") != storage.count:
            raise BackboneError("the checkpoint has a storage of another size than its tensor says")
        storages[key] = np.frombuffer(data, storage.dtype, storage.count, begin)
        start = end
    return storages


def _view(tensor: _Tensor, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Lay the tensor's strides over its storage, once it is certain that they stay inside."""
    storage = storages.get(tensor.storage.key)
    if storage is None:
        raise BackboneError("the checkpoint has a tensor without storage")
    elements = math.prod(tensor.shape)
    steps = zip(tensor.shape, tensor.strides, strict=False)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    inside = elements == 0 or (elements <= storage.size and last < storage.size)
    if len(tensor.shape) != len(tensor.strides) or not inside:
        raise BackboneError("the checkpoint has a tensor that reaches outside its storage")
    return np.lib.stride_tricks.as_strided(
        storage[tensor.offset :],
        tensor.shape,
        tuple(stride * storage.itemsize for stride in tensor.strides),
        writeable=False,
    )
