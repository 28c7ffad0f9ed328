"""What must not get into the repository, whichever file it is."""

import functools
import json
import os
import pathlib
import re
import subprocess

import pybtex.database
import pytest

ROOT = pathlib.Path(__file__).parents[1]
SKIPPED = {".git", ".venv", ".cache", "_build", "__pycache__", ".ipynb_checkpoints"}
TEXT = {".py", ".js", ".css", ".md", ".ipynb", ".yml", ".toml", ".txt", ".cfg", ".ini", ".bib"}
BARE = {"Makefile", "NOTICE", "LICENSE", "LICENSE-text", "run", ".gitignore"}

# Put together from pieces, so that this file is not what it looks for.
FOLDERS = "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me"))
HOSTS = ("py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.(?:org|com)", r"deb\.deb" + "ian")
MACHINE_PATH = re.compile(rf"(?<![\w.~])/(?:{FOLDERS})/")
REGISTRY_HOST = re.compile("|".join(HOSTS))


@functools.cache
def files(root=ROOT):
    """Return what is, or would be, in git; without git, what is there."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True)
        found = [root / name for name in os.fsdecode(done.stdout).split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        found = [p for p in root.rglob("*") if not SKIPPED & set(p.relative_to(root).parts)]
    return sorted(path for path in found if path.is_file())


def prose(path):
    """Return a file's text without pictures, whose letters are chance; None for binaries."""
    if path.suffix not in TEXT and path.name not in BARE:
        return None
    return re.sub(r"[A-Za-z0-9+/]{200,}={0,2}", "", path.read_text("utf8"))


def lines_with(pattern, paths):
    """Return "file:line: text" for every match."""
    found = []
    for path in paths:
        for number, line in enumerate((prose(path) or "").splitlines(), 1):
            match = pattern.search(line)
            if match:
                found.append(f"{path.name}:{number}: {match.group()}")
    return found


def long_modules(paths):
    """Return the Python modules that have grown past what one sits down to read."""
    counts = {path: len(path.read_text("utf8").splitlines()) for path in paths}
    return [f"{path.name}: {count} lines" for path, count in counts.items() if count >= 400]


def bundles(paths):
    """Return the scripts that a tool has pressed into long lines."""
    return [
        path.name
        for path in paths
        if path.suffix in {".js", ".mjs", ".css"}
        and any(len(line) > 1000 for line in path.read_text("utf8").splitlines())
    ]


def without_newline(paths):
    """Return the notebooks whose last line has no end, or which are no JSON."""
    found = []
    for path in paths:
        text = path.read_text("utf8")
        json.loads(text)
        if not text.endswith("}\n"):
            found.append(path.name)
    return found


def test_there_is_something_to_look_at():
    names = {path.relative_to(ROOT).as_posix() for path in files()}
    assert {"Makefile", "requirements.txt", "tests/test_hygiene.py", "NOTICE"} <= names


def test_no_path_of_a_machine():
    assert lines_with(MACHINE_PATH, files()) == []


def test_no_registry_host():
    assert lines_with(REGISTRY_HOST, files()) == []


def test_nothing_large_outside_the_book():
    outside = [path for path in files() if ROOT / "book" not in path.parents]
    assert [path.name for path in outside if path.stat().st_size > 1_000_000] == []


def test_no_pickles():
    kinds = {".pkl", ".pickle", ".pt", ".pth", ".joblib"}
    assert [path.name for path in files() if path.suffix in kinds] == []


def test_no_bundled_scripts():
    assert bundles(files()) == []


def test_modules_are_short():
    assert long_modules(p for p in (ROOT / "lib").rglob("*.py")) == []


def test_notebooks_end_with_a_newline():
    assert without_newline(path for path in files() if path.suffix == ".ipynb") == []


def cited():
    """The keys that chapters cite, with one place of each."""
    places = {}
    for path in [*ROOT.glob("book/**/*.ipynb"), *ROOT.glob("book/**/*.md")]:
        for keys in re.findall(r"\{cite[a-z:]*\}`([^`]+)`", path.read_text("utf8")):
            places |= {key.strip(): path.name for key in keys.split(",")}
    return places


def repeated(text):
    """The keys that a bibliography names more than once."""
    keys = re.findall(r"^@\w+\{([^,\s]+),", text, re.MULTILINE)
    return sorted({key for key in keys if keys.count(key) > 1})


def test_every_citation_has_its_entry():
    # Sphinx reads a bibliography only as far as the first key that comes twice, and says nothing.
    text = (ROOT / "book" / "references.bib").read_text("utf8")
    assert repeated(text) == []
    entries = pybtex.database.parse_string(text, "bibtex").entries
    assert {key: place for key, place in cited().items() if key not in entries} == {}
    assert len(cited()) > 50


def test_a_repeated_key_would_be_found():
    assert repeated("@misc{a,\n}\n@misc{b,\n}\n@book{a,\n}\n") == ["a"]


def test_text_copies_of_chapters_are_not_committed():
    stems = {path.with_suffix("") for path in files() if path.suffix == ".ipynb"}
    twins = [path for path in files() if path.suffix == ".md" and path.with_suffix("") in stems]
    assert [path.name for path in twins] == []


# --- that these tests can fail -------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["wo" + "rk", "ro" + "ot", "ho" + "me"])
def test_a_machine_path_would_be_found(tmp_path, folder):
    path = tmp_path / "a.md"
    path.write_text(f"first\nsee /{folder}/x/y\n")
    assert lines_with(MACHINE_PATH, [path]) == [f"a.md:2: /{folder}/"]
    path.write_text(f"frame{folder}/x and https://some.example/{folder}/page\n")
    assert lines_with(MACHINE_PATH, [path]) == []


def test_a_registry_host_would_be_found(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("index = 'https://py" + "pi.org/simple'\n")
    assert len(lines_with(REGISTRY_HOST, [path])) == 1


def test_letters_of_a_picture_are_no_words(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text('"image/png": "' + "iVBO" * 80 + "/ro" + "ot/" + "AAAA" * 80 + '"\n')
    assert lines_with(MACHINE_PATH, [path]) == []


def test_the_other_tests_would_find_something(tmp_path):
    script, module, notebook = (tmp_path / name for name in ("a.js", "a.py", "a.ipynb"))
    script.write_text("x" * 1001)
    module.write_text("\n" * 400)
    notebook.write_text("{}")
    assert bundles([script]) == ["a.js"]
    assert long_modules([module]) == ["a.py: 400 lines"]
    assert without_newline([notebook]) == ["a.ipynb"]
