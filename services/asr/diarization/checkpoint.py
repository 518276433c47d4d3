"""Reading the arrays of a PyTorch checkpoint (the format before version 1.6) without PyTorch, and without running what a pickle may ask for."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from locutor.errors import MissingWeights

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_COUNT_BYTES = 8
_FLOAT = np.dtype("<f4")


@dataclass(frozen=True)
class _Storage:
    """A run of float32 numbers that lies after the pickles, under its key."""

    key: str


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, numbers: np.ndarray) -> np.ndarray:
        contiguous = tuple(int(np.prod(self.shape[axis + 1 :])) for axis in range(len(self.shape)))
        count = int(np.prod(self.shape))
        if self.strides != contiguous or self.offset < 0 or self.offset + count > len(numbers):
            raise ValueError(f"a tensor of shape {self.shape} with strides {self.strides} at {self.offset} of {len(numbers)} numbers")
        return numbers[self.offset : self.offset + count].reshape(self.shape)


def read_arrays(path: Path, entry: str) -> dict[str, np.ndarray]:
    """The float32 arrays of the mapping `entry` of a checkpoint, by name. Raises `MissingWeights` for a file that is anything else."""
    try:
        with path.open("rb") as file:
            magic, protocol = _load(file), _load(file)
            if (magic, protocol) != (_MAGIC, _PROTOCOL):
                raise ValueError(f"its head is {magic!r}, {protocol!r}")
            _load(file)  # sizes of C types: the format itself fixes those of floats
            tensors: Mapping[str, _Tensor] = _load(file)[entry]
            keys = _load(file)
            storages = {key: _numbers(file) for key in keys}
        return {name: tensor.array(storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise MissingWeights(f"{path.name} is no checkpoint that can be read ({error}); bring it again: locutor models fetch") from error


def _load(file: IO[bytes]) -> Any:
    return _Unpickler(file).load()


def _numbers(file: IO[bytes]) -> np.ndarray:
    count = int.from_bytes(file.read(_COUNT_BYTES), "little")
    left = os.fstat(file.fileno()).st_size - file.tell()
    if count * _FLOAT.itemsize > left:
        raise EOFError("it is cut short")
    data = file.read(count * _FLOAT.itemsize)
    return np.frombuffer(data, _FLOAT)


class _Unpickler(pickle.Unpickler):
    """Knows three names and refuses every other: nothing that a file names is ever imported."""

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "FloatStorage"): _FLOAT,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, _count, view = pid
        if kind != "storage" or dtype is not _FLOAT or view is not None:
            raise pickle.UnpicklingError(f"it refers to {pid!r}")
        return _Storage(key)


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))
