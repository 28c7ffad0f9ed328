"""The notebook runner: one canonical form, byte-stable, and every tampering is seen."""

import base64
import copy
import json
import pathlib

import nbformat
import pytest

from bookkit import notebook_form, notebook_rules, notebook_text, notebooks
from bookkit.notebook_diff import differences
from bookkit.notebook_form import NotebookError, dumps, normalise

PICTURE = """\
import matplotlib.pyplot as plt
_ = plt.plot([1, 2], [3, 4])
plt.show()"""
WORDS = {"image": {"alt": "A rising line."}, "figure": {"caption": "A line."}}


def make(*sources, **metadata):
    """A notebook of code cells, the first of them with some metadata."""
    nb = nbformat.v4.new_notebook()
    nb.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nb.cells[0].metadata.update(metadata)
    return nb


def save(nb, path):
    path.write_text(nbformat.writes(nb) + "\n")
    return path


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A small chapter, run once; tests work on copies of it."""
    path = tmp_path_factory.mktemp("book") / "small.ipynb"
    nb = make("total = 1 + 1\nprint(total)", PICTURE, "total")
    nb.cells.insert(0, nbformat.v4.new_markdown_cell("# A title"))
    nb.cells[2].metadata.update(mystnb=WORDS, collapsed=True, tags=["wide"])
    nb.metadata["widgets"] = {"state": {}}
    notebooks.run(save(nb, path))
    return path


@pytest.fixture
def stored(executed, tmp_path):
    path = tmp_path / "copy.ipynb"
    path.write_bytes(executed.read_bytes())
    return path


def tamper(path, change):
    """Change a stored notebook as parsed JSON."""
    data = json.loads(path.read_text())
    change(data["cells"], data)
    text = json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n")


# --- running -----------------------------------------------------------------------------------


def test_the_second_run_gives_the_same_bytes(executed, stored):
    notebooks.run(stored)
    assert stored.read_bytes() == executed.read_bytes()
    assert notebooks.check(stored) == []


def test_what_is_kept(executed):
    data = json.loads(executed.read_text())
    assert data["metadata"] == notebook_form.NOTEBOOK_METADATA
    assert data["cells"][2]["metadata"] == {"mystnb": WORDS, "tags": ["wide"]}
    assert [cell.get("execution_count") for cell in data["cells"]] == [None, 1, 2, 3]
    assert data["cells"][1]["outputs"][0]["text"] == ["2\n"]
    assert "image/png" in data["cells"][2]["outputs"][0]["data"]
    assert executed.read_text().endswith("}\n")
    assert notebook_rules.problems(executed) == []


def change_text(cells, data):
    cells[1]["outputs"][0]["text"] = ["3\n"]


def change_picture(cells, data):
    image = cells[2]["outputs"][0]["data"]
    raw = bytearray(base64.b64decode(image["image/png"]))
    raw[-20] ^= 1
    image["image/png"] = base64.b64encode(bytes(raw)).decode()


def change_result(cells, data):
    cells[3]["outputs"][0]["data"]["text/plain"] = ["22"]


def strip_outputs(cells, data):
    for cell in cells[1:]:
        cell["outputs"], cell["execution_count"] = [], None


def add_cell_metadata(cells, data):
    cells[1]["metadata"]["scrolled"] = True


def add_widgets(cells, data):
    data["metadata"]["widgets"] = {"state": {}}


def change_order(cells, data):
    cells[1]["execution_count"] = 7


def change_code(cells, data):
    cells[1]["source"] = ["total = 2 + 2\n", "print(total)"]


@pytest.fixture
def run_once(executed, monkeypatch):
    """Let the stored run stand for a fresh one, which another test proves to be the same."""
    fresh = notebook_form.read(executed)
    monkeypatch.setattr(notebooks, "execute", lambda path, timeout: copy.deepcopy(fresh))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_text, "cell 2 (total = 1 + 1): output 1: stdout: stored '3', now '2'"),
        (change_picture, "output 1: the picture differs"),
        (change_result, "cell 4 (total): output 1: text/plain: stored '22', now '2'"),
        (strip_outputs, "0 outputs are stored, a fresh run gives 1"),
        (add_cell_metadata, "metadata the book does not keep: scrolled"),
        (add_widgets, "notebook metadata is not the book's widgets"),
        (change_order, "execution count 7 stored, now 1"),
    ],
)
def test_tampering_is_reported(stored, run_once, change, said):
    tamper(stored, change)
    before = stored.read_bytes()
    report = "\n".join(notebooks.check(stored))
    assert said in report
    assert stored.read_bytes() == before


def test_changed_code_is_run(stored):
    tamper(stored, change_code)
    assert "stored '2', now '4'" in "\n".join(notebooks.check(stored))


def test_another_layout_is_reported(stored, run_once):
    stored.write_text(json.dumps(json.loads(stored.read_text()), indent=2) + "\n")
    assert notebooks.check(stored) == [
        "only the file's layout differs (order, indentation, last line)"
    ]


def test_ignored_outputs_are_refreshed_but_not_compared(tmp_path):
    source = "# machine-dependent: a clock\nimport time\nprint(time.time_ns())"
    path = save(make(source, "1", tags=["nbval-ignore-output"]), tmp_path / "t.ipynb")
    notebooks.run(path)
    first = path.read_bytes()
    assert notebooks.check(path) == []
    notebooks.run(path)
    assert path.read_bytes() != first


def test_a_failing_cell_names_itself_and_nothing_is_written(tmp_path):
    path = save(make("x = 1", "# why\n1 / 0", "x"), tmp_path / "bad.ipynb")
    before = path.read_bytes()
    with pytest.raises(NotebookError) as caught:
        notebooks.run(path)
    assert "bad.ipynb, cell 2 (# why) failed: ZeroDivisionError: division by zero" in str(
        caught.value
    )
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["bad.ipynb"]


def test_an_expected_failure_is_stored_without_paths(tmp_path):
    path = save(make("1 / 0", "2", tags=["raises-exception"]), tmp_path / "t.ipynb")
    notebooks.run(path)
    (out,) = json.loads(path.read_text())["cells"][0]["outputs"]
    assert out["traceback"] == ["ZeroDivisionError: division by zero"]
    assert notebook_rules.problems(path) == []


def test_stderr_is_refused(tmp_path):
    path = save(make("import sys\nprint('careful', file=sys.stderr)"), tmp_path / "t.ipynb")
    with pytest.raises(NotebookError, match=r"cell 1 \(import sys\) wrote to stderr: careful"):
        notebooks.run(path)


def test_a_cell_that_takes_too_long_names_itself(tmp_path):
    path = save(make("1", "import time\ntime.sleep(60)"), tmp_path / "t.ipynb")
    with pytest.raises(NotebookError, match=r"cell 2 \(import time\) took more than 1 s"):
        notebooks.run(path, timeout=1)


def test_the_kernel_has_the_books_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    source = (
        "import os\n"
        "print([os.environ.get(n) for n in ('PYTHONHASHSEED', 'TF_ENABLE_ONEDNN_OPTS')])\n"
        "print('PYTEST_CURRENT_TEST' in os.environ, os.getcwd().split('/')[-1])\n"
        "print(os.environ['MPLBACKEND'] == 'agg')"
    )
    path = save(make(source), tmp_path / "t.ipynb")
    (out,) = notebooks.execute(path).cells[0].outputs
    assert out.text == f"['0', '0']\nFalse {tmp_path.name}\nFalse\n"


# --- the canonical form --------------------------------------------------------------------------


def test_random_ids_become_stable_ones():
    nb = make("a", "b", "b")
    other = copy.deepcopy(nb)
    for index, cell in enumerate(other.cells):
        cell.id = f"{index:08x}-0000-0000-0000-000000000000"
    assert dumps(normalise(nb)) == dumps(normalise(other))
    assert len({cell.id for cell in nb.cells}) == 3


def test_an_edit_or_insertion_leaves_other_ids_alone():
    nb = normalise(make("a", "b", "c"))
    before = [cell.id for cell in nb.cells]
    nb.cells[1].source = "changed"
    nb.cells.insert(0, nbformat.v4.new_code_cell("new"))
    after = [cell.id for cell in normalise(nb).cells]
    assert after[1:] == before


def test_copied_cells_get_their_own_id():
    nb = normalise(make("a"))
    nb.cells.append(copy.deepcopy(nb.cells[0]))
    assert len({cell.id for cell in normalise(nb).cells}) == 2


def test_missing_ids_are_filled_the_same_each_time(tmp_path):
    path = save(make("a", "b"), tmp_path / "t.ipynb")
    tamper(path, lambda cells, data: [cell.pop("id") for cell in cells])
    texts = {dumps(normalise(notebook_form.read(path))) for _ in range(2)}
    assert len(texts) == 1


def test_normalising_twice_changes_nothing():
    once = dumps(normalise(make("a", "b")))
    assert dumps(normalise(nbformat.reads(once, as_version=4))) == once


def test_a_widget_view_goes_where_html_stands_beside_it():
    nb = make("a", "b")
    view = {notebook_form.WIDGET_VIEW: {"model_id": "x"}}
    nb.cells[0].outputs = [
        nbformat.v4.new_output("display_data", {**view, "text/html": "<p>", "text/plain": "w"})
    ]
    nb.cells[1].outputs = [nbformat.v4.new_output("display_data", view)]
    normalise(nb)
    assert sorted(nb.cells[0].outputs[0].data) == ["text/html", "text/plain"]
    assert list(nb.cells[1].outputs[0].data) == [notebook_form.WIDGET_VIEW]


def test_a_widget_view_goes_from_a_cell_whose_output_the_page_leaves_out():
    nb = make("a")
    nb.cells[0].metadata["tags"] = ["remove-output"]
    data = {notebook_form.WIDGET_VIEW: {"model_id": "x"}, "text/plain": "VBox()"}
    nb.cells[0].outputs = [nbformat.v4.new_output("display_data", data)]
    assert list(normalise(nb).cells[0].outputs[0].data) == ["text/plain"]


def test_streams_do_not_depend_on_when_they_were_flushed():
    pieces = [nbformat.v4.new_output("stream", text=text) for text in ("one ", "two\n", "3\r4\n")]
    (out,) = notebook_form.merged_streams(pieces)
    assert out.text == "one two\n4\n"


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 3}', "not json"])
def test_what_is_no_notebook_is_said(tmp_path, text):
    path = tmp_path / "t.ipynb"
    path.write_text(text)
    with pytest.raises(NotebookError, match=r"t\.ipynb is not a notebook"):
        notebook_form.read(path)


def test_differences_always_say_something():
    nb = normalise(make("a"))
    assert len(differences(nb, nb)) == 1


# --- which notebooks -----------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    (tmp_path / "book" / "one").mkdir(parents=True)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nparts:\n- caption: One\n  chapters:\n"
        "  - file: book/one/first\n    sections:\n    - file: book/one/second\n"
        "- caption: Two\n  chapters:\n  - file: book/glossary\n"
    )
    for name in ("intro", "one/second", "one/first", "one/unlisted"):
        save(make("1"), tmp_path / "book" / f"{name}.ipynb")
    (tmp_path / "book" / "glossary.md").write_text("# Glossary\n")
    return tmp_path


def test_chapters_are_those_of_the_contents_in_order(project):
    assert [path.stem for path in notebooks.chapters(project)] == ["intro", "first", "second"]
    assert notebooks.chapter("second", project) == project / "book" / "one" / "second.ipynb"


def test_an_unknown_chapter_names_the_known(project):
    with pytest.raises(NotebookError, match="no chapter called 'third'.*first, intro, second"):
        notebooks.chapter("third", project)


def test_no_contents_is_said(tmp_path):
    with pytest.raises(NotebookError, match=r"There is no .*_toc\.yml"):
        notebooks.chapters(tmp_path)


def test_times_are_whole_sorted_and_calm(project):
    first, second = (project / "book" / "one" / f"{name}.ipynb" for name in ("first", "second"))
    store = project / "book" / "timings.json"
    store.write_text('{"book/gone": 9, "book/one/first": 20}')
    notebooks.record({second: 0.2, first: 23.4}, project)
    assert json.loads(store.read_text()) == {"book/one/first": 20, "book/one/second": 1}
    notebooks.record({first: 31.4}, project)
    assert store.read_text() == '{\n "book/one/first": 31,\n "book/one/second": 1\n}\n'


# --- text and back -------------------------------------------------------------------------------


def test_text_and_back_keeps_ids_metadata_and_outputs(project):
    path = project / "book" / "one" / "first.ipynb"
    nb = make("print(2)", "print(3)", mystnb=WORDS, tags=["hide-input"])
    nb.cells.insert(0, nbformat.v4.new_markdown_cell("# A title\n\nWith *text*."))
    save(nb, path)
    notebooks.run(path)
    before = path.read_text()
    text = notebook_text.to_text(path, project)
    assert text == project / ".cache" / "text" / "one" / "first.md"
    assert notebook_text.from_text(text, project) == path
    assert path.read_text() == before


def test_edited_code_loses_its_old_output(project):
    path = project / "book" / "one" / "first.ipynb"
    save(make("print(2)", "print(3)"), path)
    notebooks.run(path)
    text = notebook_text.to_text(path, project)
    text.write_text(text.read_text().replace("print(3)", "print(4)"))
    notebook_text.from_text(text, project)
    kept, edited = json.loads(path.read_text())["cells"]
    assert kept["outputs"][0]["text"] == ["2\n"]
    assert edited["outputs"] == [] and edited["execution_count"] is None


def test_a_new_chapter_begins_as_text(project):
    text = project / ".cache" / "text" / "two" / "new.md"
    text.parent.mkdir(parents=True)
    text.write_text("# New\n\n```{code-cell}\nprint(1)\n```\n")
    path = notebook_text.from_text(text, project)
    assert path == project / "book" / "two" / "new.ipynb"
    assert [cell["cell_type"] for cell in json.loads(path.read_text())["cells"]] == [
        "markdown",
        "code",
    ]


def test_a_missing_text_is_said(project):
    with pytest.raises(NotebookError, match="There is no text.*--to-text"):
        notebook_text.from_text(pathlib.Path("nowhere.md"), project)


# --- the rules -----------------------------------------------------------------------------------


def rules_after(path, change):
    tamper(path, change)
    return "\n".join(notebook_rules.problems(path))


def drop_alt(cells, data):
    cells[2]["metadata"]["mystnb"]["image"]["alt"] = " "


def drop_caption(cells, data):
    del cells[2]["metadata"]["mystnb"]["figure"]


def add_stderr(cells, data):
    cells[1]["outputs"].append({"name": "stderr", "output_type": "stream", "text": "careful"})


def add_view(cells, data):
    cells[2]["outputs"][0]["data"][notebook_form.WIDGET_VIEW] = {"model_id": "x"}


def add_error(cells, data):
    cells[1]["outputs"] = [
        {"ename": "E", "evalue": "v", "output_type": "error", "traceback": ["E: v"]}
    ]


def add_colour(cells, data):
    cells[1]["outputs"][0]["text"] = ["\x1b[31m2\x1b[0m\n"]


def ignore_without_reason(cells, data):
    cells[1]["metadata"]["tags"] = ["nbval-ignore-output"]


def expect_error_in_vain(cells, data):
    cells[1]["metadata"]["tags"] = ["raises-exception"]


def hide(cells, data):
    cells[1]["source"] = ["# NBVAL_SKIP\n", "1"]


def empty(cells, data):
    cells[1]["source"] = []


def blame(cells, data):
    cells[0]["source"] = ["Obviously it works."]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (strip_outputs, "cell 2: its number is None, not 1"),
        (change_order, "cell 2: its number is 7, not 1"),
        (add_widgets, "metadata.widgets"),
        (add_cell_metadata, "does not keep: scrolled"),
        (drop_alt, "cell 3: a picture without words"),
        (drop_caption, "cell 3: a picture without a caption"),
        (add_stderr, "it wrote to stderr"),
        (add_view, "it holds a widget view"),
        (add_error, "it failed: E: v"),
        (add_colour, "terminal colour codes"),
        (ignore_without_reason, '"# machine-dependent: why"'),
        (expect_error_in_vain, "raised nothing"),
        (hide, "hidden from the checks"),
        (empty, "it is empty"),
        (blame, 'its text says "obviously"'),
    ],
)
def test_each_rule_can_be_broken(stored, change, said):
    assert said in rules_after(stored, change)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It is just so. Simply put, JUST.", ["just", "simply"]),
        ("Adjust the justified, unjust text.", []),
        ("`just` and ``simply `x` `` and\n\n```python\nobviously = 1\n```\n", []),
        ("```{note}\nThis is just so.\n```\n", ["just"]),
    ],
)
def test_banned_words_are_found_in_prose_alone(text, words):
    assert [note.split('"')[1] for note in notebook_rules.prose_problems(text)] == words


# --- the command line ----------------------------------------------------------------------------


def test_check_on_the_command_line(stored, run_once, capsys):
    assert notebooks.main(["--check", str(stored)]) == 0
    tamper(stored, change_text)
    capsys.readouterr()
    assert notebooks.main(["--check", str(stored)]) == 1
    assert "stored '3', now '2'" in capsys.readouterr().err


def test_rules_on_the_command_line(stored, capsys):
    assert notebooks.main(["--rules", str(stored)]) == 0
    tamper(stored, blame)
    assert notebooks.main(["--rules", str(stored)]) == 1
    assert "obviously" in capsys.readouterr().err


def test_an_error_is_one_line_on_the_command_line(capsys):
    assert notebooks.main(["--only", "no-such-chapter"]) == 1
    err = capsys.readouterr().err
    assert "no-such-chapter" in err and len(err.splitlines()) == 1
