"""Other ways to read the book: on paper, without scripts, from disk, without movement."""

from __future__ import annotations

import pytest

# What runs now, and what a style would set going later.
MOVING = """() => {
  const moves = (style) => parseFloat(style.transitionDuration) > 0.01
    || (style.animationName !== "none" && parseFloat(style.animationDuration) > 0.01);
  const running = document.getAnimations().map((animation) => animation.effect?.target);
  const able = [...document.querySelectorAll("*")].filter((node) =>
    [null, "::before", "::after"].some((part) => moves(getComputedStyle(node, part))));
  return [...new Set([...running, ...able])].map((node) => node.outerHTML.slice(0, 100));
}"""


@pytest.fixture(scope="module")
def still(new_visit):
    """A tab of a reader who asked for less movement."""
    visit = new_visit(reduced_motion="reduce")
    yield visit
    visit.page.context.close()


@pytest.fixture(scope="module")
def scriptless(new_visit):
    visit = new_visit(java_script_enabled=False)
    yield visit
    visit.page.context.close()


def test_index_leads_to_the_first_page(new_visit):
    visit = new_visit()
    visit.page.goto(visit.base_url)
    visit.page.wait_for_url("**/book/welcome.html")
    assert visit.page.locator(".bd-article h1").inner_text()
    # What the index had asked for when it was left is no fault.
    errors = [error for error in visit.errors if "net::ERR_ABORTED" not in error]
    assert (errors, visit.strangers) == ([], [])
    visit.page.context.close()


def test_nothing_moves_unasked(still, page_path):
    still.open(page_path)
    assert still.page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    assert still.page.evaluate(MOVING) == []


def test_paper_shows_figures_and_no_controls(still, page_path):
    still.open(page_path)
    still.page.emulate_media(media="print")
    try:
        for host in still.page.locator(".bk-live").all():
            assert host.locator(".bk-controls:visible").count() == 0
            drawing = host.locator("svg:visible, canvas:visible, table:visible").first
            assert drawing.bounding_box()["height"] > 50
            assert host.locator(".bk-caption").is_visible()
        for plot in still.page.locator("figure.bk-plot img").all():
            assert plot.bounding_box()["height"] > 50
        for chrome in (".bd-sidebar-primary", ".bd-header-article"):
            assert still.page.locator(f"{chrome}:visible").count() == 0, chrome
    finally:
        still.page.emulate_media(media="screen")


def test_without_scripts_the_pictures_stand(scriptless, page_path):
    scriptless.page.goto(scriptless.base_url + page_path)
    # genindex.html has its heading outside the article
    assert scriptless.page.locator(".bd-article-container h1:visible").count() == 1
    hosts = scriptless.page.locator(".bk-live")
    for host in hosts.all():
        picture = host.locator("img.bk-picture")
        assert picture.is_visible()
        assert picture.bounding_box()["height"] > 50
        # A sentence with its numbers, not a label.
        alt = picture.get_attribute("alt")
        assert len(alt) > 20 and alt.endswith(".")
        assert host.locator(".bk-sentence:visible").inner_text() == alt
        assert len(host.locator(".bk-caption").inner_text()) >= 20
        assert host.locator("input, select, button").count() == 0
    assert scriptless.strangers == []


def test_book_opens_from_disk(new_visit, site):
    visit = new_visit(address=site.as_uri() + "/")
    figures = formulas = 0
    for page in sorted((site / "book").rglob("*.html")):
        visit.open(page.as_uri())
        figures += visit.page.locator(".bk-live[data-ready=true]").count()
        formulas += visit.page.locator("mjx-container").count()
        assert visit.page.locator(".bk-live:not([data-ready=true])").count() == 0, page
    assert figures and formulas
    assert (visit.errors, visit.strangers) == ([], [])
    visit.page.context.close()


def test_search_finds_a_page(new_visit):
    visit = new_visit().open("book/welcome.html")
    page = visit.page
    page.keyboard.press("Control+k")
    box = page.locator("dialog[open] input[type=search]")
    box.wait_for()
    page.keyboard.type("attention")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=attention*")
    page.locator("#search-results li a").first.wait_for()
    assert (visit.errors, visit.strangers) == ([], [])
    page.context.close()


def test_theme_button_turns_the_page_over_and_is_remembered(new_visit):
    visit = new_visit().open("book/welcome.html")
    page = visit.page
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = {page.evaluate("document.documentElement.dataset.theme"): page.evaluate(ground)}
    button = page.locator(".theme-switch-button:visible").first
    for _ in range(2):  # auto, light, dark: two steps reach both
        button.focus()
        page.keyboard.press("Enter")
        seen[page.evaluate("document.documentElement.dataset.theme")] = page.evaluate(ground)
    assert set(seen) == {"light", "dark"}
    assert seen["light"] != seen["dark"]
    before = page.evaluate("document.documentElement.dataset.theme")
    visit.open("book/glossary.html")
    assert page.evaluate("document.documentElement.dataset.theme") == before
    page.context.close()
