"""Read the arrays of a PyTorch weight file without PyTorch, and run nothing that is in it.

Such a file is a pickle, and an ordinary pickle may name any function of this computer and have it
called. This reader knows the four names that a plain table of arrays needs, and refuses the rest.
It reads the form that PyTorch wrote before version 1.6: five pickles, then the bare numbers.
"""

from __future__ import annotations

import collections
import pathlib
import pickle
from typing import BinaryIO, NamedTuple

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


class TorchFileError(ValueError):
    """The file is not a plain table of arrays in the old form of PyTorch."""


class _Storage(NamedTuple):
    """A stretch of numbers somewhere in the file, that a tensor is made of."""

    dtype: str
    key: str
    size: int


class _Tensor(NamedTuple):
    """What the file says about a tensor: its numbers are not read yet."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple
    requires_grad: bool
    hooks: dict


# What a pickle may name, and the harmless thing that it gets.
ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _Reader(pickle.Unpickler):
    """An unpickler that finds four names and calls nothing else."""

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise TorchFileError(
                f"the file names {module}.{name}, which a table of arrays does not need; "
                "refused, and nothing was run"
            )
        return ALLOWED[module, name]

    def persistent_load(self, record):
        kind, dtype, key, _device, size, view = record
        if kind != "storage" or view is not None or dtype not in ("<f4", "<i8"):
            raise TorchFileError(f"the file refers to {record!r}, which is no array of numbers")
        return _Storage(dtype, key, size)


def read_arrays(path: str | pathlib.Path) -> dict[str, np.ndarray]:
    """Return the named arrays of a PyTorch weight file.

    Parameters
    ----------
    path : path-like
        A file that ``torch.save(model.state_dict(), path)`` wrote before PyTorch 1.6, float32 and
        int64 only. Check its hash first, as `bookkit.assets.fetch` does.

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of the file.

    Raises
    ------
    TorchFileError
        If the file names anything but arrays, is of another form, or ends too early.

    Notes
    -----
    Source: the format as read by `torch.serialization._legacy_load`, in PyTorch's documentation.
    """
    with open(path, "rb") as file:
        try:
            magic, protocol = _Reader(file).load(), _Reader(file).load()
            if (magic, protocol) != (MAGIC, PROTOCOL):
                raise TorchFileError(f"{path} is not in PyTorch's form before version 1.6")
            system, table, keys = (_Reader(file).load() for _ in range(3))
            _require_plain(system, table, keys)
            storages = {tensor.storage.key: tensor.storage for tensor in table.values()}
            numbers = {key: _read_storage(file, storages[key]) for key in keys}
            return {name: _array(name, tensor, numbers) for name, tensor in table.items()}
        except TorchFileError:
            raise
        except Exception as error:  # a damaged pickle raises almost anything
            raise TorchFileError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _require_plain(system, table, keys) -> None:
    if not system["little_endian"]:
        raise TorchFileError("the numbers were written with the large end first")
    if not isinstance(table, dict) or not isinstance(keys, list):
        raise TorchFileError(f"the file holds a {type(table).__name__}, not a table of arrays")
    for name, tensor in table.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise TorchFileError(f"{name!r} is a {type(tensor).__name__}, not an array")


def _read_storage(file: BinaryIO, storage: _Storage) -> np.ndarray:
    size = int.from_bytes(file.read(8), "little")
    if size != storage.size:
        raise TorchFileError(f"{size} numbers where the table says {storage.size}")
    length = size * np.dtype(storage.dtype).itemsize
    content = file.read(length)
    if len(content) != length:
        raise TorchFileError("the file ends too early")
    return np.frombuffer(content, storage.dtype)


def _array(name: str, tensor: _Tensor, numbers: dict) -> np.ndarray:
    """Lay a tensor's axes over its stretch of numbers, within its ends."""
    stretch, shape, strides = numbers[tensor.storage.key], tensor.shape, tensor.strides
    last = tensor.offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if min((tensor.offset, *shape, *strides), default=0) < 0 or last >= len(stretch):
        raise TorchFileError(f"{name} would reach beyond its numbers")
    steps = [step * stretch.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(stretch[tensor.offset :], shape, steps, writeable=False)
