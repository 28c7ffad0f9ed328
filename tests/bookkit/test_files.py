import pytest

from bookkit import files


def test_a_half_written_file_does_not_stay(tmp_path, monkeypatch):
    path = tmp_path / "t.txt"
    path.write_text("old")

    def fail(*args):
        raise OSError("no")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="no"):
        files.write_whole(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["t.txt"]


def test_bytes_are_written_as_they_are(tmp_path):
    files.write_whole(tmp_path / "weights", b"\r\n\x00\xff")
    assert (tmp_path / "weights").read_bytes() == b"\r\n\x00\xff"
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
