"""Every control of every live figure does something, by keyboard alone and by mouse."""

from __future__ import annotations

import pytest

CONTROLS = "input, select, button"
# What one can walk through; a region that only scrolls takes the focus as well.
MATRICES = ":is(svg, canvas, [role=grid])[tabindex='0']"

# What a reader sees of a figure, without the controls themselves.
DRAWING = """(host) => {
  const copy = host.querySelector(".bk-body").cloneNode(true);
  const controls = ".bk-control, .bk-controls, input, select, button";
  for (const part of copy.querySelectorAll(controls)) part.remove();
  return copy.innerHTML;
}"""
STATUS = """(host) =>
  [...host.querySelectorAll("[role=status]")].map((p) => p.textContent).join("|")"""
# A figure redraws in a microtask, or at the next frame.
FRAME = "() => new Promise((go) => requestAnimationFrame(go))"
# Every figure anew from its stored state: nothing it remembers outlives this.
RESTART = """async () => {
  for (const host of document.querySelectorAll(".bk-live")) {
    delete host.dataset.ready;
    host.replaceChildren();
  }
  const old = document.querySelector('script[src*="/figures-"]');
  const again = document.createElement("script");
  again.src = old.src;
  const loaded = new Promise((go, fail) => { again.onload = go; again.onerror = fail; });
  old.replaceWith(again);
  await loaded;
  const deadline = performance.now() + 5000;
  while (document.querySelector(".bk-live:not([data-ready])")) {
    if (performance.now() > deadline) throw new Error("a figure did not start again");
    await new Promise((go) => setTimeout(go, 5));
  }
}"""
KIND = """(node) => node.tagName === "INPUT" ? node.type : node.tagName.toLowerCase()"""
NAME = """(node) => (node.labels?.[0] ?? node).textContent.trim()
  || node.getAttribute("aria-label") || "" """
SAME = """([host, index, selector]) =>
  host.querySelectorAll(selector)[index] === document.activeElement"""

KEYS = {
    "range": ["ArrowRight", "ArrowLeft"],
    "number": ["ArrowUp", "ArrowDown"],
    "radio": ["ArrowDown", "ArrowUp"],
    "select": ["ArrowDown", "ArrowUp"],
    "checkbox": ["Space", "Space"],
    "button": ["Enter", "Space"],
    "text": ["End", "a", "Backspace", "0", "1"],
}


class Figure:
    """One live figure on an opened page."""

    def __init__(self, visit, index: int):
        self.visit, self.page = visit, visit.page
        self.host = self.page.locator(".bk-live").nth(index).element_handle()

    def restart(self) -> None:
        """Back to how the page was opened."""
        self.page.evaluate(RESTART)
        self.host.scroll_into_view_if_needed()

    def drawing(self) -> str:
        self.page.evaluate(FRAME)
        return self.host.evaluate(DRAWING)

    def status(self) -> str:
        self.page.evaluate(FRAME)
        return self.host.evaluate(STATUS)

    def says_something_else(self, before: str) -> bool:
        """Tell whether the status becomes another one within a second: it may wait for a pause."""
        for _ in range(20):
            if self.status() != before:
                return True
            self.page.wait_for_timeout(50)
        return False

    def controls(self) -> list:
        return self.host.query_selector_all(CONTROLS)

    def changed(self, before: str) -> bool:
        """Tell whether the drawing is another one, now or within half a second."""
        for _ in range(10):
            if self.drawing() != before:
                return True
            self.page.wait_for_timeout(50)
        return False

    def has_focus(self, selector: str, index: int) -> bool:
        return self.page.evaluate(SAME, [self.host, index, selector])


def kind_of(control) -> str:
    kind = control.evaluate(KIND)
    assert kind in KEYS, f"no test for <{kind}>"
    return kind


def wake(figure: Figure, index: int) -> bool:
    """Use the other controls until this one is enabled; return whether it ever is."""
    for other, control in enumerate(figure.controls()):
        if other == index or not control.is_enabled():
            continue
        kind = kind_of(control)
        steps = 1
        if kind == "select":
            control.focus()
            figure.page.keyboard.press("Home")
            steps = control.evaluate("(node) => node.options.length")
        for _ in range(steps):
            if figure.controls()[index].is_enabled():
                return True
            control.focus()
            figure.page.keyboard.press(KEYS[kind][0])
            figure.page.evaluate(FRAME)
    return figure.controls()[index].is_enabled()


def by_keyboard(figure: Figure, index: int) -> bool:
    control = figure.controls()[index]
    kind = kind_of(control)
    for key in KEYS[kind]:
        before = figure.drawing()
        if kind != "radio":
            control.focus()
            assert figure.has_focus(CONTROLS, index), "it does not take the focus"
        figure.page.keyboard.press(key)
        if kind in ("text", "number"):
            figure.page.keyboard.press("Enter")
        if figure.changed(before):
            return True
    return False


def by_mouse(figure: Figure, index: int) -> bool:
    control = figure.controls()[index]
    kind = kind_of(control)
    before = figure.drawing()
    if kind == "range":
        box = control.bounding_box()
        for share in (0.9, 0.1):
            control.click(position={"x": box["width"] * share, "y": box["height"] / 2})
            if figure.changed(before):
                return True
        return False
    if kind == "select":
        # The list of options is the browser's own window, which no script can click.
        control.click()
        figure.page.keyboard.press("Escape")
        chosen = control.evaluate("(node) => node.selectedIndex")
        count = control.evaluate("(node) => node.options.length")
        for step in range(1, count):
            control.select_option(index=(chosen + step) % count)
            if figure.changed(before):
                return True
        return False
    if kind in ("text", "number"):
        control.dblclick()
        figure.page.keyboard.type("1")
        figure.page.keyboard.press("Enter")
    else:
        control.click()
    return figure.changed(before)


def use_all(figure: Figure, use) -> None:
    """Use each control from a fresh start; fail with the names of those that do nothing."""
    idle = []
    for index in range(len(figure.controls())):
        figure.restart()
        name = figure.controls()[index].evaluate(NAME)
        if not figure.controls()[index].is_enabled() and not wake(figure, index):
            idle.append(f"{name}: never enabled, whatever the other controls say")
        elif not use(figure, index):
            idle.append(f"{name}: changes nothing")
    assert idle == []
    assert figure.visit.errors == []


@pytest.fixture(scope="module")
def tab(contexts, base_url, visit_type, figure_page, figure_look):
    visit = visit_type(contexts[figure_look], base_url).open(figure_page)
    yield visit
    visit.page.close()


@pytest.fixture
def figures(tab):
    """The live figures of a page, as they are when it is opened."""
    tab.errors.clear()
    tab.page.evaluate(RESTART)
    found = [Figure(tab, i) for i in range(tab.page.locator(".bk-live").count())]
    assert found, "this page has lost its figures"
    return found


def test_tab_walks_through_the_controls_in_order(figures):
    stops = f":is({CONTROLS}):not(:disabled), [tabindex='0']"
    for figure in figures:
        count = len(figure.host.query_selector_all(stops))
        # Start just before the figure, as a reader who comes from the text above.
        figure.host.evaluate("(host) => { host.tabIndex = -1; host.focus(); }")
        for index in range(count):
            figure.page.keyboard.press("Tab")
            assert figure.has_focus(stops, index), f"stop {index} of {count}"
            outline = "(() => { const s = getComputedStyle(document.activeElement);"
            outline += " return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; })()"
            assert figure.page.evaluate(outline), f"stop {index} shows no focus"
        figure.page.keyboard.press("Tab")
        inside = "(host) => host.contains(document.activeElement)"
        assert not figure.host.evaluate(inside), "the figure keeps the focus"


def test_controls_have_names(figures):
    for figure in figures:
        names = [control.evaluate(NAME) for control in figure.controls()]
        assert all(names) and len(set(names)) == len(names), names


def test_keyboard_works_every_control(figures):
    for figure in figures:
        use_all(figure, by_keyboard)


def test_mouse_works_every_control(figures):
    for figure in figures:
        use_all(figure, by_mouse)


def test_arrow_keys_walk_the_matrices(figures):
    for figure in figures:
        for matrix in figure.host.query_selector_all(MATRICES):
            for pair in (("ArrowRight", "ArrowLeft"), ("ArrowDown", "ArrowUp")):
                matrix.focus()
                before = figure.status()
                height = figure.page.evaluate("scrollY")
                # At an edge one of the two has nowhere to go, never both.
                for key in pair:
                    figure.page.keyboard.press(key)
                    if figure.says_something_else(before):
                        break
                else:
                    pytest.fail(f"{pair} say nothing")
                assert figure.page.evaluate("scrollY") == height, "the page moves as well"


def test_pointing_says_what_is_there(figures):
    for figure in figures:
        for matrix in figure.host.query_selector_all(MATRICES):
            matrix.scroll_into_view_if_needed()
            box = matrix.bounding_box()
            changes = 0
            for x, y in ((0.4, 0.4), (0.9, 0.4), (0.4, 0.9), (0.9, 0.9)):
                before = figure.status()
                place = (box["x"] + x * box["width"], box["y"] + y * box["height"])
                figure.page.mouse.move(*place)
                # Where numbers can be dragged, hovering would be in the way: a click chooses.
                if matrix.get_attribute("role") == "grid":
                    figure.page.mouse.click(*place)
                changes += figure.says_something_else(before)
            # One of the places may be the chosen cell already.
            assert changes >= 3


def test_stray_sizes_do_no_harm(figures):
    """Every slider at both of its ends, one after the other: no error, no NaN, nothing empty."""
    for figure in figures:
        sliders = [c for c in figure.controls() if kind_of(c) == "range"]
        for key in ("Home", "End"):
            for slider in sliders:
                if slider.is_enabled():
                    slider.focus()
                    figure.page.keyboard.press(key)
                    drawing = figure.drawing()
                    assert "NaN" not in drawing and "undefined" not in drawing
                    assert "Infinity" not in drawing
                    wide = "document.documentElement.scrollWidth <= innerWidth"
                    assert figure.page.evaluate(wide)
        assert figure.visit.errors == []
