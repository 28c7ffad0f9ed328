"""The chapters: stored by the rules, and the same when they are run again.

nbval compares the outputs too, but it passes stripped notebooks and changed pictures. The rules
and the fresh run close those gaps; the last tests here see to it that nbval itself can fail.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from bookkit import notebook_rules, notebooks

ROOT = pathlib.Path(__file__).parents[2]
CHAPTERS = notebooks.chapters(ROOT)
NAMES = [notebooks.shown(path) for path in CHAPTERS]


def times():
    """Return the stored seconds of every chapter."""
    store = ROOT / "book" / "timings.json"
    return json.loads(store.read_text("utf8")) if store.is_file() else {}


def test_the_book_is_not_empty():
    assert CHAPTERS, "_toc.yml lists no notebook that exists"


def test_every_notebook_is_in_the_contents():
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "book").rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts and not path.name.startswith(".half-")
    }
    assert there == set(NAMES)


def test_every_chapter_has_its_time():
    assert set(times()) == {name.removesuffix(".ipynb") for name in NAMES}
    assert all(isinstance(seconds, int) and seconds > 0 for seconds in times().values())


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_stored_by_the_rules(path):
    assert notebook_rules.problems(path) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_a_fresh_run_gives_the_same_bytes(path):
    try:
        found = notebooks.check(path)
    except notebooks.NotebookError as error:
        found = [str(error)]
    assert not found, "\n".join([*found, "Look at what changed, then store it: make notebooks"])


# --- that nbval can fail -------------------------------------------------------------------------


def nbval(path):
    """Run nbval on one notebook, as the book's tests do; return the exit code and what it said."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "tests" / "pytest.ini")]
    command += ["--rootdir", str(path.parent), "--nbval", "--nbval-current-env"]
    command += ["--nbval-cell-timeout", "180", "--nbval-sanitize-with"]
    command += [str(ROOT / "tests" / "book" / "nbval_sanitize.cfg"), str(path)]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    return done.returncode, done.stdout + done.stderr


def first_text(cells):
    """Return the first output of a cell that nbval compares letter by letter, or None."""
    for cell in cells:
        if cell["cell_type"] != "code" or "tags" in cell["metadata"]:
            continue
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                return output, "text"
            if "text/plain" in output.get("data", {}):
                return output["data"], "text/plain"
    return None


@pytest.fixture(scope="module")
def smallest():
    """The chapter that runs fastest, of those that print anything."""
    printing = [
        path for path in CHAPTERS if first_text(json.loads(path.read_text("utf8"))["cells"])
    ]
    assert printing, "no chapter prints anything that nbval could compare"
    known = times()
    return min(printing, key=lambda path: (known.get(notebooks.shown(path)[:-6], 999), path.name))


def test_nbval_passes_an_honest_copy(smallest, tmp_path):
    # With its folder, for a chapter may read data beside it.
    shutil.copytree(smallest.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / smallest.name
    code, said = nbval(path)
    assert code == 0, said


def test_nbval_fails_a_tampered_copy(smallest, tmp_path):
    data = json.loads(smallest.read_text("utf8"))
    place, key = first_text(data["cells"])
    place[key] = ["not what it prints\n"]
    shutil.copytree(smallest.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / smallest.name
    path.write_text(json.dumps(data), "utf8")
    code, said = nbval(path)
    assert code == 1, said
    assert "not what it prints" in said
