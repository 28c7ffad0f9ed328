"""Peak memory of a call, as the operating system counts it: Linux only."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import pathlib

_STATUS, _RESET = pathlib.Path("/proc/self/status"), pathlib.Path("/proc/self/clear_refs")


def peak_bytes(call, *, trim: bool = False) -> int | None:
    """Return how many bytes `call()` adds to this process at its peak; None where Linux is not.

    Memory that earlier work has freed and the call uses again does not count; with `trim` it is
    given back first. The first call of a graph also builds it: call once before to leave that out.

    Examples
    --------
    >>> grown = peak_bytes(lambda: bytearray(10**8))
    >>> grown is None or grown > 9 * 10**7
    True
    """
    if trim:
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)
    try:
        _RESET.write_text("5")  # the peak starts anew from what is held now
    except OSError:
        return None
    before = _kilobytes("VmRSS")
    call()
    return 1024 * (_kilobytes("VmHWM") - before)


def _kilobytes(key: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))
