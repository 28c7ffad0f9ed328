"""A live figure in JupyterLab: what the reader moves Python sees, what Python sets is drawn."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

CELLS = [
    """
from bookkit.explorers.pattern_laboratory import PatternLaboratory
from IPython.display import display
import ipywidgets

lab = PatternLaboratory(pattern="local", n=16, half_width=2, caption="A figure under test, live.")
heard = ipywidgets.Label(value="heard nothing")
def listen(change):
    heard.value = f"heard half_width {change['new']}, pairs {lab.pairs}"
lab.observe(listen, "half_width")
display(lab, heard)
""",
    """
rate = ipywidgets.IntSlider(value=lab.rate, min=1, max=16, description="kernel rate")
tokens = ipywidgets.IntSlider(value=lab.n, min=2, max=64, description="browser tokens")
kernel_link = ipywidgets.link((rate, "value"), (lab, "rate"))
browser_link = ipywidgets.jslink((tokens, "value"), (lab, "n"))
display(rate, tokens)
""",
    'print(f"half_width = {lab.half_width}, pairs = {lab.pairs}")',
    'lab.pattern, lab.causal = "full", True',
    'lab.pattern = "both"',
    'print(f"n = {lab.n}, rate = {lab.rate}")',
    """
from bookkit.explorers.mask_tracer import MaskTracer
tracer = MaskTracer(["Dense"], "ops.mean", caption="A figure under test, live.")
tracer
""",
    "print(tracer.layers, tracer.lost)",
    """
import keras
from bookkit.explorers.model_surgeon import ModelSurgeon
a = keras.Input((4,), name="a")
b = keras.layers.Dense(4, name="b")(a)
model = keras.Model(a, keras.layers.Add(name="c")([a, b]))
surgeon = ModelSurgeon.from_model(model, inputs="b", caption="A figure under test, live.")
surgeon
""",
    "print(surgeon.line)",
    """
from bookkit.explorers.mask_laboratory import MaskLaboratory
words = MaskLaboratory("a b c", "permuted", order=[2, 0, 1], caption="A figure under test, live.")
words
""",
    "print(words.order, words.edits, words.sentence())",
    'words.tokens, words.fault = ["a", "b", "c", "d"], "finite"',
]
FIGURE = ".jp-OutputArea .bk-figure"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    (root / "book").mkdir()
    nbformat.write(notebook, root / "book" / "figure.ipynb")
    return root


def settings(root: pathlib.Path) -> dict:
    """Nothing from the developer's home, nothing left in it, no question to any other host."""
    overrides = root / "share" / "settings"
    overrides.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    text = json.dumps({"@jupyterlab/apputils-extension:notification": quiet})
    (overrides / "overrides.json").write_text(text)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")},
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(root / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "IPYTHONDIR": str(root / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }


@pytest.fixture(scope="module")
def server(folder):
    """The address of a JupyterLab with a token of its own, on a port that it finds free itself."""
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={folder / 'book'}"]
    command += [f"--LabApp.app_settings_dir={folder / 'share' / 'settings'}"]
    command += ["--LabApp.news_url=None", "--LabApp.extension_manager=readonly"]
    log = folder / "server.log"
    with open(log, "w") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=settings(folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        address = wait_for_address(process, log)
        yield f"{address}lab/tree/figure.ipynb?token={token}"
    finally:
        stop(process)


def stop(process) -> None:
    """Ask the server to end, which ends its kernels as well; kernels of a killed one end alone."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for_address(process, log, seconds: float = 60) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        text = log.read_text()
        found = re.search(r"http://127\.0\.0\.1:\d+/", text)
        if found:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{found.group()}api", timeout=5).read()
                return found.group()
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}", pytrace=False)


@pytest.fixture(scope="module")
def notebook(new_visit, server):
    visit = new_visit(address=re.match(r"http://[^/]+/", server).group())
    page = visit.page
    page.set_default_timeout(60_000)
    page.goto(server)
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    # Before the kernel answers, running a cell would do nothing at all.
    page.locator(".jp-StatusBar-TextItem").filter(has_text="| Idle").wait_for()
    for index in (0, 1):
        run_cell(page, index)
    page.locator(f"{FIGURE} .bk-body").wait_for()
    page.set_default_timeout(15_000)
    yield visit
    page.context.close()


def cell(page, index: int):
    return page.locator(".jp-NotebookPanel .jp-Notebook .jp-CodeCell").nth(index)


def run_cell(page, index: int) -> str:
    """Run one cell as a reader does; return what it printed."""
    place = cell(page, index)
    place.scroll_into_view_if_needed()
    place.locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    # A number in the brackets, not a star: it has run. A new number, if it had run before.
    number = place.locator(".jp-InputPrompt").first
    number.filter(has_text=re.compile(r"\[\d+\]")).wait_for()
    return "".join(place.locator(".jp-OutputArea-output").all_inner_texts())


def wait_for_text(page, selector: str, pattern: str) -> None:
    page.locator(selector).filter(has_text=re.compile(pattern)).first.wait_for()


def test_figure_draws_itself_from_the_kernel(notebook):
    figure = notebook.page.locator(FIGURE)
    assert figure.count() == 1
    # local, half-width 2, on 16 tokens: 16 * 5 less 2 * (2 + 1) at the two ends
    assert "74 of 256" in figure.locator(".bk-ledger").inner_text()
    assert figure.locator("svg path").count() >= 3
    assert "live" in figure.locator(".bk-caption").inner_text()


def test_keyboard_moves_the_slider_and_python_hears_it(notebook):
    page = notebook.page
    slider = page.locator(FIGURE).get_by_label("half-width")
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert slider.evaluate("(node) => node === document.activeElement")
    assert slider.input_value() == "4"
    pairs = 16 * 9 - 2 * (1 + 2 + 3 + 4)
    wait_for_text(page, ".widget-label", f"heard half_width 4, pairs {pairs}")
    wait_for_text(page, f"{FIGURE} .bk-ledger", f"{pairs} of 256")
    assert run_cell(page, 2).strip() == f"half_width = 4, pairs = {pairs}"


def test_python_sets_a_trait_and_the_figure_follows(notebook):
    page = notebook.page
    matrix = page.locator(f"{FIGURE} svg[tabindex]")
    before = matrix.inner_html()
    run_cell(page, 3)
    wait_for_text(page, f"{FIGURE} .bk-ledger", "136 of 256")
    assert matrix.inner_html() != before
    assert "full, causal" in matrix.get_attribute("aria-label")
    assert page.locator(FIGURE).get_by_role("checkbox").is_checked()
    assert page.locator(FIGURE).get_by_label("half-width").is_disabled()


def test_arrow_keys_walk_the_matrix_and_not_the_notebook(notebook):
    page = notebook.page
    matrix = page.locator(f"{FIGURE} svg[tabindex]")
    matrix.focus()
    said = page.locator(f"{FIGURE} [role=status]")
    before = said.inner_text()
    page.keyboard.press("ArrowUp")
    assert said.inner_text() != before
    assert matrix.evaluate("(node) => node === document.activeElement")


def test_linked_sliders_move_the_figure(notebook):
    page = notebook.page
    run_cell(page, 4)  # both: the rate counts
    page.locator(FIGURE).get_by_label("rate").and_(page.locator(":enabled")).wait_for()
    for label, own, value in (("kernel rate", "rate", "7"), ("browser tokens", "tokens n", "17")):
        row = page.locator(".jupyter-widgets.widget-slider").filter(has_text=label)
        handle = row.get_by_role("slider")
        handle.focus()
        handle.press("ArrowRight")
        mine = page.locator(FIGURE).get_by_label(own, exact=True)
        arrived = [mine.element_handle(), value]
        page.wait_for_function("([node, value]) => node.value === value", arg=arrived)
    assert run_cell(page, 5).strip() == "n = 17, rate = 7"


def test_a_figure_that_runs_keras_hears_its_buttons(notebook):
    page = notebook.page
    run_cell(page, 6)
    figure = cell(page, 6).locator(FIGURE)
    figure.get_by_role("button", name="Lambda").click()
    wait_for_text(page, f"{FIGURE} .bk-body", "mask is lost at Lambda")
    assert run_cell(page, 7).strip() == "['Dense', 'Lambda'] Lambda"


def test_a_figure_made_from_a_model_gives_its_line_back(notebook):
    page = notebook.page
    run_cell(page, 8)
    figure = cell(page, 8).locator(FIGURE)
    assert run_cell(page, 9).strip() == 'submodel(model, "b", "c")'
    figure.get_by_role("button", name="add it as an input").click()
    wait_for_text(page, f"{FIGURE} .bk-body", "can be cut out")
    assert run_cell(page, 9).strip() == 'submodel(model, ["b", "a"], "c")'


def test_a_figure_with_a_history_tells_python_every_step(notebook):
    page = notebook.page
    run_cell(page, 10)
    figure = cell(page, 10).locator(FIGURE)
    figure.get_by_role("button", name="2 c step 0").press("ArrowRight")
    figure.locator("svg[tabindex]").press("Space")
    assert run_cell(page, 11).startswith("[0, 2, 1] [[0, 0]] ")
    figure.get_by_role("button", name="undo", exact=True).click()
    assert run_cell(page, 11).startswith("[0, 2, 1] [] Permuted causal mask on 3 positions")
    run_cell(page, 12)
    wait_for_text(page, f"{FIGURE} .bk-ml-verdict", "pairs leak")
    assert figure.get_by_label("words").input_value() == "a b c d"


def test_lab_asks_no_other_host_and_reports_no_error(notebook):
    assert notebook.strangers == []
    ours = [error for error in notebook.errors if "bookkit" in error or "anywidget" in error]
    assert ours == []
    assert [error for error in notebook.errors if error.startswith("uncaught")] == []
