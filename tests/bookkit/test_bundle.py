"""The figures' modules become one string for a notebook and one classic script for a page."""

from __future__ import annotations

import html
import json
import re
import shutil

import pytest
from playwright.sync_api import sync_playwright

from bookkit import browser as chromium
from bookkit import bundle

NAMES = bundle.figure_names()
RULES = [
    name
    for module in sorted(bundle.STATIC.glob("*rules.js"))
    for name in re.findall(r"^export function (\w+)", module.read_text("utf8"), re.MULTILINE)
]


@pytest.fixture(scope="module")
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium.launch_options())
        page = browser.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: page.errors.append(f"{message.type} {message.text}"))
        yield page
        browser.close()


@pytest.fixture
def blank(page):
    """An empty page that has had no error."""
    page.goto("about:blank")
    page.errors.clear()
    return page


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """A place for figures of our own beside copies of the shared scripts."""
    shutil.copytree(bundle.STATIC, tmp_path / "static")
    (tmp_path / "explorers").mkdir()
    monkeypatch.setattr(bundle, "STATIC", tmp_path / "static")
    monkeypatch.setattr(bundle, "FIGURES", tmp_path / "explorers")

    def write(name: str, text: str):
        path = tmp_path / "explorers" / f"{name}.js"
        path.write_text(text, "utf8")
        return path

    return write


def as_host(name: str, state: dict) -> str:
    """The stored form of a figure, as `LiveFigure` writes it."""
    text = html.escape(json.dumps(state), quote=True)
    return (
        f'<div class="bk-live" data-figure="{name}" data-state="{text}">'
        f'<img class="bk-picture" alt="picture of {name}"></div>'
    )


def test_every_figure_is_named():
    assert "pattern_laboratory" in NAMES
    for name in NAMES:
        assert (bundle.FIGURES / f"{name}.py").is_file(), f"{name}.js has no class beside it"


def test_modules_come_before_their_users_and_once(workshop):
    path = workshop(
        "one",
        'import { el } from "../static/kit.js";\n'
        'import { reach } from "../static/rules.js";\n'
        'import { show } from "../static/kit.js";\n'
        "export default { render() { return [el, reach, show]; } };\n",
    )
    assert [module.name for module in bundle.modules_of(path)] == ["kit.js", "rules.js", "one.js"]


def test_imports_are_followed_all_the_way_down(workshop):
    (bundle.STATIC / "deep.js").write_text('import { el } from "./kit.js";\nexport const a = el;\n')
    path = workshop(
        "one", 'import { a } from "../static/deep.js";\nexport default { render() { a; } };\n'
    )
    assert [module.name for module in bundle.modules_of(path)] == ["kit.js", "deep.js", "one.js"]


@pytest.mark.parametrize("name", NAMES)
def test_notebook_module_stands_alone(blank, name):
    text = bundle.notebook_module(bundle.FIGURES / f"{name}.js")
    assert not re.search(r"^\s*import\b", text, re.MULTILINE)
    assert re.findall(r"^export (\w+)", text, re.MULTILINE) == ["default"]
    load = """async (text) => {
      const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      return typeof (await import(address)).default.render;
    }"""
    assert blank.evaluate(load, text) == "function"
    assert blank.errors == []


@pytest.mark.parametrize(
    "line",
    [
        'import kit from "../static/kit.js";',
        'import * as kit from "../static/kit.js";',
        'import "../static/kit.js";',
        'import {\n  el,\n  show\n} from "../static/kit.js"',
        "import { el } from '../static/kit.js';",
        'import { scaleLinear } from "https://example.org/d3.js";',
        '  import { el } from "../static/kit.js";',
    ],
)
def test_import_that_cannot_be_inlined_is_an_error(workshop, line):
    path = workshop("stray", f"{line}\nexport default {{ render() {{}} }};\n")
    with pytest.raises(ValueError, match=r"stray\.js: cannot inline .*on one line"):
        bundle.notebook_module(path)


def test_import_of_nothing_is_an_error(workshop):
    path = workshop("lost", 'import { el } from "../static/nowhere.js";\n')
    with pytest.raises(FileNotFoundError, match=r"nowhere\.js"):
        bundle.notebook_module(path)


def test_page_script_registers_every_figure_and_rule(blank):
    script = bundle.page_script(NAMES)
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    blank.add_script_tag(content=script)
    assert blank.errors == []
    kinds = "Object.entries(window.bookkit.figures).map(([name, f]) => [name, typeof f.render])"
    assert blank.evaluate(kinds) == [[name, "function"] for name in NAMES]
    rules = "Object.entries(window.bookkit.rules).map(([name, f]) => [name, typeof f])"
    assert blank.evaluate(rules) == [[name, "function"] for name in RULES]
    assert {"maskOf", "firstSeen", "reach", "pairsPaid", "maskedSoftmax"} <= set(RULES)


def test_page_script_adds_one_global_name(blank):
    before = set(blank.evaluate("Object.keys(window)"))
    blank.add_script_tag(content=bundle.page_script(NAMES))
    assert set(blank.evaluate("Object.keys(window)")) - before == {"bookkit"}


def test_page_script_is_the_same_every_time():
    assert bundle.page_script(NAMES) == bundle.page_script(list(NAMES))


def test_figures_may_use_the_same_private_names(blank, workshop):
    for name in ("one", "two"):
        workshop(
            name,
            'import { el, mount } from "../static/kit.js";\n'
            f'const WORD = "{name}";\n'
            "function render({ model, el: root }) "
            '{ mount(root, model, WORD, el("p", { class: "word" }, WORD)); }\n'
            "export default { render };\n",
        )
    blank.set_content(as_host("one", {"caption": "a"}) + as_host("two", {"caption": "b"}))
    blank.add_script_tag(content=bundle.page_script(["one", "two"]))
    blank.locator(".bk-live[data-ready=true]").nth(1).wait_for()
    assert blank.locator(".word").all_inner_texts() == ["one", "two"]
    assert blank.locator(".bk-caption").all_inner_texts() == ["a", "b"]
    assert blank.locator("img").count() == 0
    assert blank.errors == []


def test_broken_figure_keeps_its_picture_and_harms_no_other(blank, workshop):
    workshop("bad", "export default { render() { throw new Error('no luck'); } };\n")
    workshop(
        "good",
        'import { mount } from "../static/kit.js";\n'
        'export default { render({ model, el }) { mount(el, model, "good"); } };\n',
    )
    hosts = [as_host(name, {"caption": name}) for name in ("bad", "unknown", "good")]
    hosts.append('<div class="bk-live" data-figure="good" data-state="{no json"><img></div>')
    blank.set_content("".join(hosts))
    blank.add_script_tag(content=bundle.page_script(["bad", "good"]))
    blank.locator(".bk-live[data-ready=true]").wait_for()
    ready = blank.locator(".bk-live").evaluate_all("(all) => all.map((h) => h.dataset.ready)")
    assert ready == [None, None, "true", None]
    pictures = "(all) => all.map((host) => host.querySelectorAll('img').length)"
    assert blank.locator(".bk-live").evaluate_all(pictures) == [1, 1, 0, 1]
    assert len(blank.errors) == 3
    assert all(error.startswith("error bookkit: ") for error in blank.errors)


def test_two_hosts_of_one_figure_have_models_of_their_own(blank):
    state = {"pattern": "local", "n": 8, "half_width": 1, "rate": 2, "causal": False, "layers": 1}
    state |= {"query": 0, "key": 0, "controls": ["n"], "views": ["matrix"], "caption": "c"}
    blank.set_content(as_host("pattern_laboratory", state) * 2)
    blank.add_script_tag(content=bundle.page_script(["pattern_laboratory"]))
    blank.locator(".bk-live[data-ready=true]").nth(1).wait_for()
    first, second = blank.locator(".bk-ledger").all()
    before = second.inner_text()
    blank.locator("input[type=range]").first.press("ArrowRight")
    assert "of 81" in first.inner_text()
    assert second.inner_text() == before
    ids = blank.locator("[id]").evaluate_all("(all) => all.map((node) => node.id)")
    assert len(ids) == len(set(ids)) == 2


def test_pages_get_no_comments_and_lose_nothing_else():
    script, sheet = bundle.page_script(NAMES), bundle.shared_sheet("figures.css")
    assert not [line for line in script.splitlines() if line.lstrip().startswith("//")]
    whole = (bundle.STATIC / "figures.css").read_text("utf8")
    assert "/*" in whole and "/*" not in sheet
    assert sheet.count("{") == whole.count("{") == sheet.count("}")
    sheets = {path for name in NAMES for path in bundle.sheets_of(name)}
    own, stored = bundle.page_sheet(NAMES), "".join(path.read_text("utf8") for path in sheets)
    assert "/*" in stored and "/*" not in own
    assert own.count("{") == stored.count("{") == own.count("}")
    # A line of a template string could look like a comment: there must be none of several lines.
    unquoted = script.replace(chr(34) + "`" + chr(34), "").splitlines()
    assert not [line for line in unquoted if line.count("`") % 2]


def test_a_figure_brings_its_own_styles_and_no_others():
    name = "huffman_live"
    assert ".bk-hl-tree" in bundle.page_sheet([name])
    assert bundle.page_sheet(["pattern_laboratory"]) == ""
    assert ".bk-hl-tree" not in bundle.notebook_sheet("pattern_laboratory")
    for styles in (".bk-figure", ".bk-hl-tree"):
        assert styles in bundle.notebook_sheet(name)


def test_styles_of_what_a_figure_imports_come_once(monkeypatch):
    module = bundle.STATIC / "network_drawing.js"
    monkeypatch.setattr(bundle, "modules_of", lambda path: [module, path])
    sheet = bundle.page_sheet(["huffman_live", "decoding_player"])
    assert sheet.count(".bk-net-0 {") == 1
    assert ".bk-net-0 {" in bundle.notebook_sheet("decoding_player")
