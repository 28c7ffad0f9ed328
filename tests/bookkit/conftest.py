"""What the tests of live figures share: a page of Chromium, and how a figure is opened in it."""

from __future__ import annotations

import pytest
from playwright.sync_api import sync_playwright

from bookkit import browser as chromium
from bookkit import bundle


@pytest.fixture(scope="module")
def browser():
    """A Chromium, one for all tests of a file."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(**chromium.launch_options())
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page(browser):
    """An empty page, one for all tests of a file; an error in a script fails the file's last."""
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture(scope="module")
def open_figure(page):
    """Return a function that draws a figure in the page, as a page of the book does.

    ``open_figure(figure, styled=False)`` puts in what the figure stores, and its bundle, waits
    until it is drawn, and returns the page; `styled` where the test asks where things stand.
    """

    def opened(figure, styled=False):
        explorer = type(figure).__module__.rpartition(".")[2]
        page.set_content(figure.static_html())
        if styled:
            page.add_style_tag(content=bundle.notebook_sheet(explorer))
        page.add_script_tag(content=bundle.page_script([explorer]))
        page.locator(".bk-live[data-ready=true]").wait_for()
        return page

    return opened
