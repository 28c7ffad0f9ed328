"""Serve the built site on this machine, open it in Chromium, and keep what each page shows.

A page is opened once for every look (theme and width); the tests then ask for what was seen.
"""

from __future__ import annotations

import functools
import http.server
import pathlib
import threading
import urllib.parse
from dataclasses import dataclass

import pytest
import yaml
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import sync_playwright

from bookkit import browser as chromium

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
SITE = ROOT / "_build" / "html"
FACTS = (HERE / "facts.js").read_text("utf8")
# The second lock: whatever a page asks for elsewhere is recorded, and cannot be answered.
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Contrast is what axe needs its time for. Code has thousands of words in a dozen colours: facts.js
# looks at each colour once.
AXE = """async (tags) => {
  const options = { resultTypes: ["violations"], preload: false };
  const contrast = { "color-contrast": { enabled: false } };
  const all = await axe.run(document, { ...options, runOnly: tags, rules: contrast });
  const words = { exclude: [".highlight pre", "mjx-container", "svg"] };
  const colours = await axe.run(words, { ...options, runOnly: ["color-contrast"] });
  return [...all.violations, ...colours.violations];
}"""


@dataclass(frozen=True)
class Look:
    """How a reader sees a page."""

    theme: str
    width: int

    def __str__(self) -> str:
        return f"{self.theme}-{self.width}"


LOOKS = [Look(theme, width) for theme in ("light", "dark") for width in (1280, 390)]


def chapters(entry) -> list[str]:
    """Return the files that a table of contents names, in its order."""
    if isinstance(entry, list):
        return [name for item in entry for name in chapters(item)]
    if not isinstance(entry, dict):
        return []
    own = [entry[key] for key in ("root", "file") if key in entry]
    return own + [name for value in entry.values() for name in chapters(value)]


TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
# index.html only leads to the first page and has a test of its own.
PAGES = [f"{name}.html" for name in chapters(TOC)] + ["search.html", "genindex.html"]


def pages_with_figures() -> list[str]:
    """Return the pages with a live figure; all of them where nothing is built yet."""
    built = [page for page in PAGES if (SITE / page).is_file()]
    return [page for page in built if 'class="bk-live"' in (SITE / page).read_text("utf8")] or PAGES


def pytest_generate_tests(metafunc):
    if "figure_page" in metafunc.fixturenames:
        # The two looks differ in all that can matter to a figure. Module scope keeps the tests of
        # one page together, so that it is opened once.
        cases = [(page, look) for page in pages_with_figures() for look in (LOOKS[0], LOOKS[-1])]
        ids = [f"{page}-{look}" for page, look in cases]
        metafunc.parametrize(("figure_page", "figure_look"), cases, ids=ids, scope="module")
    if "page_path" in metafunc.fixturenames:
        metafunc.parametrize("page_path", PAGES)
    if "look" in metafunc.fixturenames:
        metafunc.parametrize("look", LOOKS, ids=str)


def pytest_collection_finish(session):
    """Say once, not in every test, that there is nothing to test or nothing to test it with."""
    ours = [item for item in session.items if HERE in item.path.parents]
    if not ours or session.config.option.collectonly:
        return
    missing = [page for page in ["index.html", *PAGES] if not (SITE / page).is_file()]
    if missing:
        raise pytest.UsageError(
            f"_build/html lacks {', '.join(missing)}: run `make book` first, then these tests."
        )
    try:
        chromium.ensure()
    except chromium.BrowserError as error:
        raise pytest.UsageError(str(error)) from None


WEIGHTS = pytest.StashKey[dict[str, tuple[int, int, int, bool]]]()


@pytest.fixture(scope="session")
def weights(pytestconfig):
    """Requests, bytes, bytes sent and whether there are formulas, of each page weighed."""
    return pytestconfig.stash.setdefault(WEIGHTS, {})


def pytest_terminal_summary(terminalreporter, config):
    """Print what the pages weigh: a limit alone would hide a slow growth."""
    table = config.stash.get(WEIGHTS, {})
    if not table:
        return
    terminalreporter.section("weight of a first visit")
    terminalreporter.write_line(f"{'page':40}{'requests':>9}{'raw kB':>9}{'sent kB':>9}  formulas")
    for page, (count, raw, sent, maths) in table.items():
        row = f"{page:40}{count:9}{raw / 1e3:9.0f}{sent / 1e3:9.0f}  {'yes' if maths else 'no'}"
        terminalreporter.write_line(row)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files and keep silent about it."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site() -> pathlib.Path:
    return SITE


@pytest.fixture(scope="session")
def base_url():
    handler = functools.partial(QuietHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser():
    options = chromium.launch_options()
    options["args"] = [*options["args"], NOWHERE]
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(**options)
        yield instance
        instance.close()


class Visit:
    """One tab, and everything that went wrong in it."""

    def __init__(self, context, base_url: str):
        self.page = context.new_page()
        self.base_url = base_url
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", self.failed)
        self.page.on("response", self.answered)

    def heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"console {message.type}: {message.text}")

    def failed(self, request) -> None:
        self.errors.append(f"failed: {request.url} {request.failure}")

    def answered(self, response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status}: {response.url}")

    def open(self, path: str) -> Visit:
        """Open a page of the site (or a whole address), and wait until it has settled."""
        self.page.goto(urllib.parse.urljoin(self.base_url, path), wait_until="load")
        self.page.evaluate(SETTLED)
        return self

    @property
    def strangers(self) -> list[str]:
        """Requests to anything but the site and the page's own data."""
        own = (self.base_url, "data:", "blob:")
        return [url for url in self.requests if not url.startswith(own)]


@pytest.fixture(scope="session")
def visit_type():
    return Visit


SETTLED = """async () => {
  if (window.MathJax?.startup?.promise) await MathJax.startup.promise;
  await document.fonts.ready;
  const deadline = performance.now() + 5000;
  const waiting = () => document.querySelector('.bk-live:not([data-ready])');
  while (waiting() && performance.now() < deadline) await new Promise((go) => setTimeout(go, 20));
  await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
}"""


@pytest.fixture(scope="session")
def new_visit(browser, base_url):
    """Return a function that opens a tab in a fresh, cold context."""

    def make(look: Look = LOOKS[0], address: str | None = None, **options) -> Visit:
        context = browser.new_context(
            viewport={"width": look.width, "height": 900}, color_scheme=look.theme, **options
        )
        context.set_default_timeout(10_000)
        return Visit(context, address or base_url)

    return make


@pytest.fixture(scope="session")
def contexts(browser):
    """One context for each look, so that style sheets and fonts come from its cache."""
    return {
        look: browser.new_context(
            viewport={"width": look.width, "height": 900}, color_scheme=look.theme
        )
        for look in LOOKS
    }


@pytest.fixture(scope="session")
def seen(contexts, base_url):
    """Return what a page shows in a look: a dict of facts, gathered at the first call."""
    kept: dict[tuple[str, Look], dict] = {}

    def look_at(path: str, look: Look) -> dict:
        if (path, look) not in kept:
            visit = Visit(contexts[look], base_url).open(path)
            facts = visit.page.evaluate(FACTS)
            # Before axe comes in: it reads style sheets anew, and their imports from a wrong place.
            facts["errors"], facts["strangers"] = list(visit.errors), list(visit.strangers)
            visit.page.add_script_tag(path=AXE_FILE_PATH)
            facts["axe"] = visit.page.evaluate(AXE, STANDARDS)
            visit.page.close()
            kept[path, look] = facts
        return kept[path, look]

    return look_at
