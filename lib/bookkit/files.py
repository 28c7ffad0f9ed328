"""Where the project is, and how its files are written."""

from __future__ import annotations

import os
import pathlib
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def write_whole(path: pathlib.Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, half = tempfile.mkstemp(dir=path.parent, prefix=".half-", suffix=path.suffix)
    try:
        with open(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf8"))
        os.chmod(half, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(half, path)
    except BaseException:
        pathlib.Path(half).unlink(missing_ok=True)
        raise
