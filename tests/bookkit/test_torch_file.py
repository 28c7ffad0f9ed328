"""The reader of PyTorch files: right numbers, and nothing that a file names is run."""

import collections
import copyreg
import io
import os
import pickle
import sys
import types

import numpy as np
import pytest

from bookkit.torch_file import MAGIC, PROTOCOL, TorchFileError, read_arrays


class Reference(tuple):
    """What is written as a persistent id: where the numbers of a tensor are."""


class FloatStorage:
    """Stands for torch.FloatStorage while a test file is written."""


class LongStorage:
    """Stands for torch.LongStorage."""


def _rebuild_tensor_v2(*parts):
    return parts


class Tensor:
    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return _rebuild_tensor_v2, self.parts


class Writer(pickle.Pickler):
    def persistent_id(self, thing):
        return tuple(thing) if isinstance(thing, Reference) else None


@pytest.fixture(autouse=True)
def stand_ins_for_torch(monkeypatch):
    """The names that PyTorch itself writes, for as long as a test writes a file."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for module, thing in [
        (torch, FloatStorage),
        (torch, LongStorage),
        (utils, _rebuild_tensor_v2),
    ]:
        setattr(module, thing.__name__, thing)
        monkeypatch.setattr(thing, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def tensor(key, array, *, offset=0, strides=None, size=None):
    kind = FloatStorage if array.dtype == np.float32 else LongStorage
    size = array.size if size is None else size
    reference = Reference(("storage", kind, key, "cpu", size, None))
    steps = [s // array.itemsize for s in array.strides] if strides is None else strides
    return Tensor(reference, offset, array.shape, tuple(steps), False, collections.OrderedDict())


def written(path, table, numbers, *, magic=MAGIC, system=None):
    file = io.BytesIO()
    system = {"little_endian": True} if system is None else system
    for part in (magic, PROTOCOL, system, table, list(numbers)):
        Writer(file, 2).dump(part)
    for array in numbers.values():
        file.write(array.size.to_bytes(8, "little") + array.tobytes())
    path.write_bytes(file.getvalue())
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.pth"


GRID = np.arange(6, dtype="float32").reshape(2, 3)


def test_arrays_come_back_in_the_order_of_the_file(path):
    count = np.array(7)
    table = collections.OrderedDict(b=tensor("9", count), a=tensor("3", GRID))
    arrays = read_arrays(written(path, table, {"3": GRID, "9": count}))
    assert list(arrays) == ["b", "a"]
    np.testing.assert_array_equal(arrays["a"], GRID)
    assert arrays["a"].dtype == np.float32 and not arrays["a"].flags.writeable
    assert arrays["b"].dtype == np.int64 and arrays["b"] == 7


def test_a_turned_array_comes_back_turned(path):
    table = {"t": tensor("0", GRID.T), "end": tensor("1", GRID[1], offset=3, size=6)}
    arrays = read_arrays(written(path, table, {"0": GRID, "1": GRID}))
    np.testing.assert_array_equal(arrays["t"], GRID.T)
    np.testing.assert_array_equal(arrays["end"], [3, 4, 5])


@pytest.mark.parametrize(
    "parts",
    [{"offset": 1}, {"offset": -1}, {"strides": (4, 1)}, {"strides": (-3, 1)}],
)
def test_no_array_reaches_beyond_its_numbers(path, parts):
    written(path, {"far": tensor("0", GRID, **parts)}, {"0": GRID})
    with pytest.raises(TorchFileError, match="far would reach beyond its numbers"):
        read_arrays(path)


class Evil:
    """What an attacker would put into a pickle: a call, made while the file is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("evil", "name"),
    [
        (lambda mark: Evil(os.mkdir, mark), "mkdir"),
        (lambda mark: Evil(eval, f"__import__('os').mkdir({mark!r})"), "eval"),
        (lambda mark: Evil(getattr, "", "format"), "getattr"),
        (lambda mark: collections.Counter("a"), "Counter"),
        (lambda mark: np.float64(1), "numpy"),
    ],
)
@pytest.mark.parametrize("place", ["magic", "system", "table", "in the table"])
def test_nothing_that_a_file_names_is_run(path, tmp_path, evil, name, place):
    mark = tmp_path / "was run"
    thing = evil(str(mark))
    parts = {"table": {"a": tensor("0", GRID)}, "numbers": {"0": GRID}}
    if place == "in the table":
        parts["table"]["b"] = thing
    else:
        parts[place] = thing
    written(path, **parts)
    with pytest.raises(TorchFileError, match=f"the file names .*{name}.*nothing was run"):
        read_arrays(path)
    assert not mark.exists()


def test_the_malicious_file_would_have_worked(path, tmp_path):
    mark = tmp_path / "was run"
    path.write_bytes(pickle.dumps(Evil(os.mkdir, str(mark)), 2))
    with open(path, "rb") as file:
        pickle.load(file)
    assert mark.exists()


def test_registered_shorthands_are_names_too(path):
    # a pickle may name a function by a number that some library registered
    copyreg.add_extension("os", "getcwd", 240)
    try:
        path.write_bytes(b"\x80\x02\x82\xf0)R.")  # protocol, extension 240, (), call, stop
        with pytest.raises(TorchFileError, match="nothing was run"):
            read_arrays(path)
    finally:
        copyreg.remove_extension("os", "getcwd", 240)


def test_other_forms_and_damage_are_named(path):
    written(path, {"a": tensor("0", GRID)}, {"0": GRID}, magic=3)
    with pytest.raises(TorchFileError, match=r"before version 1\.6"):
        read_arrays(path)
    written(path, {"a": tensor("0", GRID)}, {"0": GRID}, system={"little_endian": False})
    with pytest.raises(TorchFileError, match="large end first"):
        read_arrays(path)
    written(path, {"a": 3}, {})
    with pytest.raises(TorchFileError, match="'a' is a int, not an array"):
        read_arrays(path)
    written(path, [1], {})
    with pytest.raises(TorchFileError, match="a list, not a table"):
        read_arrays(path)
    written(path, {"a": tensor("0", GRID, size=5)}, {"0": GRID})
    with pytest.raises(TorchFileError, match="6 numbers where the table says 5"):
        read_arrays(path)


@pytest.mark.parametrize("kept", [0, 10, 60, 200, -1])
def test_a_file_that_ends_too_early(path, kept):
    whole = written(path, {"a": tensor("0", GRID)}, {"0": GRID}).read_bytes()
    path.write_bytes(whole[:kept])
    with pytest.raises(TorchFileError, match="is damaged|too early"):
        read_arrays(path)


def test_references_are_checked(path):
    reference = Reference(("module", FloatStorage, "0", "cpu", 6, None))
    written(path, {"a": Tensor(reference, 0, (6,), (1,), False, {})}, {})
    with pytest.raises(TorchFileError, match="which is no array"):
        read_arrays(path)
