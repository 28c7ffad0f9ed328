"""The map equation by hand: drag, keys and buttons move nodes; all numbers are the library's."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import networkx as nx
import numpy as np
import pytest
import traitlets
from opened import put

from bookkit import bundle, network_picture, toy_networks
from bookkit.explorers.map_by_hand import MapByHand, number
from thrifty.codes import huffman
from thrifty.mapequation import codelength
from thrifty.walks import EXIT, MapCode

SVG = "{http://www.w3.org/2000/svg}"
BARBELL = nx.Graph([("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("d", "e"), ("e", "f"), "df"])
TOYS = {
    "figure one": toy_networks.figure_one(),
    "two triangles": toy_networks.two_triangles(),
    "named": BARBELL,
    "nine triangles": toy_networks.nine_triangles(),
}
START = {"figure one": [*TOYS["figure one"].groups[:12], 2, *TOYS["figure one"].groups[13:]]}


def figure(**changes):
    return MapByHand(TOYS, START, caption="Under test.", **changes)


@pytest.fixture(scope="module")
def made():
    return figure()


@pytest.fixture
def shown(page, open_figure, made):
    """The figure, opened anew, and what Python says that it shows."""
    page.set_viewport_size({"width": 1280, "height": 1000})
    yield open_figure(made, styled=True)
    for name, value in made.state().items():
        assert figure_trait(page, name) is not None or value is None


def figure_trait(page, name):
    return page.evaluate("(name) => document.querySelector('.bk-live').model.get(name)", name)


def told(page):
    return page.locator(".bk-told").inner_text()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def place(page, node):
    """Where a node stands on the screen."""
    return page.evaluate(
        """(node) => {
          const svg = document.querySelector(".bk-bh-net");
          svg.scrollIntoView({ block: "center" });
          const { model } = document.querySelector(".bk-live");
          const [x, y] = model.get("networks")[model.get("network")].places[node];
          const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
          return [at.x, at.y];
        }""",
        node,
    )


def drag(page, node, to, *, drop=True):
    page.mouse.move(*place(page, node))
    page.mouse.down()
    page.mouse.move(*to, steps=4)
    if drop:
        page.mouse.up()


def bits(modules, network="figure one"):
    toy = TOYS[network]
    return codelength(toy if network == "named" else toy.graph(), modules).bits


def random_modules(n):
    draw = np.random.default_rng(8)
    yield from ([0] * n, list(range(n)))
    for most in (2, 3, 5, n):
        yield draw.integers(0, most, size=n).tolist()


# --- two languages --------------------------------------------------------------------------------


def test_script_says_what_python_says(shown):
    twin = figure()
    for network, one in enumerate(twin.networks):
        for modules in [*random_modules(len(one["names"])), one["answer"]]:
            twin.network, twin.modules = network, modules
            put(shown, network=network, modules=modules)
            press(shown, "undo")
            press(shown, "redo")
            assert told(shown) == f"Redone. {twin.sentence()}"


def test_bars_are_the_books_and_sum_to_the_length(shown):
    for modules in random_modules(25):
        put(shown, modules=modules)
        found = codelength(TOYS["figure one"].graph(), modules)
        label = shown.locator(".bk-bh-bar").get_attribute("aria-label")
        books = [book for book in found.books.values() if book.bits > 1e-9]
        parts = re.match(r"[\d.]+ bits: (.*?)\. One", label)[1].split(", ")
        assert [part.split()[1] for part in parts] == [number(book.bits) for book in books]
        assert label.startswith(number(found.bits))
        widths = shown.locator(".bk-bh-part:not(.bk-bh-whole)").evaluate_all(
            "(parts) => parts.map((part) => parseFloat(part.style.width))"
        )
        whole = shown.locator(".bk-bh-whole").evaluate("(part) => parseFloat(part.style.width)")
        assert sum(widths) / whole == pytest.approx(found.bits / found.one_level, abs=1e-3)


def test_code_books_are_the_librarys_with_huffmans_words(shown):
    press(shown, "close all books")  # many stay closed by themselves, and closed ones are not drawn
    press(shown, "open all books")
    for modules in random_modules(25):
        put(shown, modules=modules)
        found = codelength(TOYS["figure one"].graph(), modules)
        code = MapCode(found)
        rows = shown.locator(".bk-bh-books tbody tr").all()
        assert len(rows) == 2 * len(found.books)
        for (path, book), (line, more) in zip(
            found.books.items(), zip(rows[::2], rows[1::2], strict=True), strict=True
        ):
            cells = line.locator("td").all_inner_texts()
            assert cells[:3] == [number(x) for x in (book.rate, book.entropy, book.bits)]
            words = code.books[path].words if path in code.books else {}
            texts = more.locator(".bk-bh-word").evaluate_all(
                "(all) => all.map((one) => [...one.children].map((part) => part.textContent))"
            )
            for (name, word_bits), (symbol, _) in zip(
                [(text[0], text[2]) for text in texts], book.words, strict=True
            ):
                symbol = EXIT if name == "exit" else symbol
                assert word_bits == words.get(symbol, "–")
                if path and symbol is not EXIT:
                    assert name == str(symbol)
            cost = sum(rate * len(words.get(symbol, "")) for symbol, rate in named(book))
            assert float(cells[3]) == pytest.approx(cost, abs=6e-4)
            assert float(cells[3]) >= float(cells[2]) - 1e-9
        foot = shown.locator(".bk-bh-books tfoot td").all_inner_texts()
        assert foot[2:] == [number(found.bits), number(code.expected)]


def named(book):
    *words, last = book.words
    return [*words, (EXIT, last[1])] if book.path else book.words


def test_tape_is_the_walk_and_reads_back(shown):
    twin = figure()
    graph = TOYS["figure one"].graph()
    for steps, modules in [(14, twin.modules), (13, [0] * 25), (7, list(range(25)))]:
        put(shown, steps=steps, modules=modules)
        twin.steps = steps
        walk = twin.walk()
        flat, two = (
            "".join(shown.locator(".bk-bh-tape").nth(i).locator("code").all_inner_texts())
            for i in (0, 1)
        )
        code = MapCode(codelength(graph, modules))
        assert code.decode(two, walk[0]) == walk
        words = huffman(dict(enumerate(twin.flow.visits.tolist()))).words
        assert flat == "".join(words[node] for node in walk[1:])
        rows = shown.locator(".bk-bh-ledger tbody tr").all()
        for row, stream in zip(rows, (flat, two), strict=True):
            so_far, a_step = row.locator("td").all_inner_texts()[:2]
            assert (int(so_far), a_step) == (len(stream), number(len(stream) / steps))


def test_long_walk_comes_near_to_what_is_expected(shown):
    put(shown, steps=5000)
    for row in shown.locator(".bk-bh-ledger tbody tr").all():
        _, a_step, expected, floor = (
            float(text.replace(",", "")) for text in row.locator("td").all_inner_texts()
        )
        assert a_step == pytest.approx(expected, abs=0.1)
        assert floor <= expected


# --- by hand --------------------------------------------------------------------------------------


def test_drag_moves_a_node_and_undo_takes_it_back(shown):
    start, wanted = START["figure one"], [*START["figure one"]]
    wanted[12] = 1
    drag(shown, 12, place(shown, 10), drop=False)
    preview = shown.locator(".bk-bh-preview").text_content()
    assert preview == f"B {number(bits(wanted))} (−{number(bits(start) - bits(wanted))})"
    shown.mouse.up()
    less = number(bits(start) - bits(wanted))
    assert told(shown) == (
        f"Node 12 moved from module C to module B: {number(bits(wanted))} bits, {less} less."
    )
    assert figure_trait(shown, "modules") == wanted
    press(shown, "undo")
    assert figure_trait(shown, "modules") == start
    shown.keyboard.press("Control+y")
    assert figure_trait(shown, "modules") == wanted


def test_drag_to_nowhere_gives_a_module_of_its_own_and_a_short_one_nothing(shown):
    x, y = place(shown, 12)
    drag(shown, 12, (x + 3, y + 2))
    assert figure_trait(shown, "modules") == START["figure one"]
    assert figure_trait(shown, "node") == 12
    box = shown.locator(".bk-bh-net").bounding_box()
    drag(shown, 0, (box["x"] + 6, box["y"] + box["height"] - 4))
    modules = figure_trait(shown, "modules")
    assert modules.count(modules[0]) == 1
    assert "to a module of its own, E" in told(shown)


def test_a_finger_drags_nodes_and_scrolls_elsewhere(page, made):
    phone = {"viewport": {"width": 390, "height": 700}, "has_touch": True, "is_mobile": True}
    context = page.context.browser.new_context(**phone)
    page = context.new_page()
    page.set_content(f'<meta name="viewport" content="width=device-width">{made.static_html()}')
    page.add_style_tag(content=bundle.notebook_sheet("map_by_hand"))
    page.add_script_tag(content=bundle.page_script(["map_by_hand"]))
    hand = context.new_cdp_session(page)

    def swipe(start, end):
        points = [{"x": x, "y": y} for x, y in np.linspace(start, end, 8).tolist()]
        for kind, at in [("touchStart", points[:1]), *(("touchMove", [p]) for p in points[1:])]:
            hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
            page.wait_for_timeout(20)
        hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_timeout(200)

    start, end = place(page, 12), place(page, 10)
    before = page.evaluate("scrollY")
    swipe(start, end)
    assert told(page).startswith("Node 12 moved from module C to module B")
    assert page.evaluate("scrollY") == before
    free = [place(page, 0)[0], place(page, 18)[1]]
    swipe(free, [free[0], free[1] - 100])
    assert page.evaluate("scrollY") > before + 50
    assert told(page).startswith("Node 12 moved")
    context.close()


def test_keys_choose_and_move_nodes(shown):
    shown.locator(".bk-bh-net").focus()
    seen = {figure_trait(shown, "node")}
    for key in ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"] * 12:
        shown.keyboard.press(key)
        seen.add(figure_trait(shown, "node"))
    assert len(seen) > 3
    put(shown, node=12)
    shown.keyboard.press("b")
    assert figure_trait(shown, "modules")[12] == 1
    shown.keyboard.press("0")
    assert figure_trait(shown, "modules").count(figure_trait(shown, "modules")[12]) == 1
    shown.keyboard.press("Enter")
    assert figure_trait(shown, "modules")[12] == 1
    shown.keyboard.press("b")
    assert told(shown) == "Node 12 is in module B already."


@pytest.mark.parametrize("network", range(4))
def test_every_node_can_be_reached_by_arrow_keys(shown, network):
    names = figure_trait(shown, "networks")[network]["names"]
    put(shown, network=network, modules=[0] * len(names), node=0)
    shown.locator(".bk-bh-net").focus()
    reached, open_ = {0}, [0]
    while open_:
        node = open_.pop()
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
            put(shown, node=node)
            shown.keyboard.press(key)
            found = figure_trait(shown, "node")
            if found not in reached:
                reached.add(found)
                open_.append(found)
    assert reached == set(range(len(names)))


def test_pointing_and_arrows_say_the_words_of_a_node(shown):
    twin = figure()
    code = MapCode(twin.length)
    flat = huffman(dict(enumerate(twin.flow.visits.tolist()))).words
    at = shown.locator(".bk-bh-at")
    for node in (0, 12, 21):
        shown.mouse.move(*place(shown, node))
        module = twin.modules[node]
        share = f"{100 * twin.flow.visits[node]:.1f}\u00a0%"
        assert at.text_content() == (
            f"Node {node}, {share} of the steps: {flat[node]} in one code book, "
            f"{code.books[module,].words[node]} in that of module {'ABCD'[module]}."
        )
    shown.locator(".bk-bh-net").focus()
    shown.keyboard.press("ArrowRight")
    assert at.text_content().startswith(f"Node {figure_trait(shown, 'node')},")


def test_chips_say_what_moves_cost_and_the_focus_goes_along(shown):
    put(shown, node=12)
    chips = shown.locator(".bk-bh-chips button")
    labels = chips.evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
    start = START["figure one"]
    for label, module in zip(labels, [1, 2, 9], strict=True):
        after = [*start]
        after[12] = module
        assert number(bits(after)) in label
    chips.nth(0).click()
    assert figure_trait(shown, "modules")[12] == 1
    assert shown.evaluate("document.activeElement.ariaPressed") == "true"
    assert shown.evaluate("document.activeElement.ariaLabel").startswith("B, where it is")


def test_best_single_moves_lead_down_and_end(shown):
    press(shown, "each alone")
    last = bits(list(range(25)))
    for _ in range(60):
        press(shown, "best single move")
        if told(shown).startswith("No single move"):
            break
        now = bits(figure_trait(shown, "modules"))
        assert now < last
        last = now
    assert told(shown) == f"No single move makes it shorter than {number(last)} bits."


def test_the_librarys_answer_is_no_best_of_the_readers_own(shown, made):
    best = shown.locator(".bk-bh-flag-best")
    own = f"best so far {number(bits(START['figure one']))}"
    press(shown, "the library's answer")
    assert figure_trait(shown, "modules") == made.shown["answer"]
    assert told(shown).startswith("The library's answer, 4 modules: 3.048 bits, 0.213 less")
    assert best.inner_text() == own
    press(shown, "all in one")
    assert best.inner_text() == own
    press(shown, "best so far")
    assert figure_trait(shown, "modules") == START["figure one"]
    assert told(shown).startswith("Back to the best so far.")


def test_what_the_reader_finds_counts_even_if_it_is_the_librarys(shown):
    drag(shown, 12, place(shown, 10))
    assert "best so far 3.048" in shown.locator(".bk-bh-flag-best").inner_text()


def test_a_move_puts_in_only_what_it_changes(shown):
    press(shown, "each alone")
    put_in = shown.evaluate(
        """async () => {
          const live = document.querySelector(".bk-live");
          const put = { all: 0, rows: 0, nodes: 0, hidden: 0 };
          const seen = new MutationObserver((records) => {
            for (const { target, addedNodes, attributeName } of records) {
              for (const one of addedNodes) put.all += 1 + one.childNodes.length;
              if (target.matches(".bk-bh-books tbody")) put.rows += addedNodes.length;
              if (target.matches(".bk-net-node *")) put.nodes += 1;
              if (attributeName === "hidden") put.hidden += 1;
            }
          });
          seen.observe(live, { subtree: true, childList: true, attributes: true });
          live.model.set("modules", live.model.get("modules").map((m, i) => (i === 12 ? 10 : m)));
          await new Promise((go) => setTimeout(go));
          seen.disconnect();
          return { ...put, of: live.querySelectorAll("*").length };
        }"""
    )
    assert put_in["rows"] == put_in["hidden"] == 0  # a code book goes, all others stay
    assert put_in["nodes"] <= 2  # outline, and drop of the name, of the node that is moved
    assert 0 < put_in["all"] < put_in["of"] / 3


def test_books_open_and_close(shown):
    toggle = shown.locator(".bk-bh-toggle").nth(1)
    word = shown.locator(".bk-bh-words").nth(1)
    assert word.is_visible()
    toggle.focus()
    shown.keyboard.press("Enter")
    assert not word.is_visible() and toggle.get_attribute("aria-expanded") == "false"
    put(shown, node=3, steps=4)
    assert not word.is_visible()
    press(shown, "close all books")
    press(shown, "open all books")
    assert word.is_visible()


def test_walker_goes_step_by_step_and_nothing_moves_unless_asked(shown):
    before = figure_trait(shown, "steps")
    shown.wait_for_timeout(1100)
    assert figure_trait(shown, "steps") == before
    press(shown, "step ▶")
    assert figure_trait(shown, "steps") == before + 1
    assert shown.locator(".bk-bh-word.bk-bh-now").count() in (1, 3)
    press(shown, "play")
    shown.wait_for_timeout(1100)
    assert figure_trait(shown, "steps") >= before + 3
    press(shown, "pause")
    paused = figure_trait(shown, "steps")
    shown.wait_for_timeout(1100)
    assert figure_trait(shown, "steps") == paused
    press(shown, "from the start")
    assert shown.locator(".bk-bh-stands").inner_text() == "The walker stands at 0."


def test_reduced_motion_glides_nowhere(shown):
    duration = "(node) => getComputedStyle(node).transitionDuration"
    assert shown.locator(".bk-bh-walker").evaluate(duration) == "0.35s"
    shown.emulate_media(reduced_motion="reduce")
    for part in (".bk-bh-walker", ".bk-bh-part >> nth=0"):
        assert shown.locator(part).evaluate(duration) == "0s"
    shown.emulate_media(reduced_motion=None)


def test_another_network_starts_as_the_chapter_says(shown, made):
    shown.get_by_label("network").select_option("nine triangles")
    assert figure_trait(shown, "modules") == list(range(27))
    assert told(shown).startswith("nine triangles. 27 nodes in 27 modules")
    assert shown.locator(".bk-net-node").count() == 27
    press(shown, "the library's answer")
    shown.get_by_label("network").select_option("named")
    assert shown.locator(".bk-net-name").all_text_contents() == list("abcdef")
    press(shown, "undo")
    assert figure_trait(shown, "modules") == made.networks[3]["answer"]


def test_nothing_is_wider_than_a_phone(shown):
    shown.set_viewport_size({"width": 390, "height": 800})
    for network, one in enumerate(figure_trait(shown, "networks")):
        n = len(one["names"])
        for modules in (list(range(n)), one["answer"], [0] * n):
            put(shown, network=network, modules=modules, steps=300)
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
            clipped = shown.locator(".bk-bh-flag").evaluate_all(
                "(all) => all.some((one) => one.getBoundingClientRect().left < 0)"
            )
            assert not clipped
    shown.set_viewport_size({"width": 1280, "height": 1000})


# --- the class ------------------------------------------------------------------------------------


def test_state_is_small_and_the_same_every_time(made):
    again = figure()
    assert again.static_html() == made.static_html()
    assert len(made.static_html()) < 60_000


def test_picture_draws_every_node_and_link(made):
    for network, one in enumerate(made.networks):
        twin = figure(network=network)
        root = ElementTree.fromstring(twin.picture())
        texts = [text.text for text in root.findall(f"{SVG}text")]
        assert set(one["names"]) <= set(texts)
        lines = [path for path in root.findall(f"{SVG}path") if path.get("fill") is None]
        assert sum(path.get("d").count("M") for path in lines) == len(one["links"])


def test_nodes_stand_apart_and_inside(made):
    for one in made.networks:
        places = np.array(one["places"])
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        assert apart[~np.eye(len(places), dtype=bool)].min() > 2 * network_picture.RADIUS
        assert places.min() >= 20 and places[:, 0].max() <= network_picture.WIDTH - 20


@pytest.mark.parametrize(
    ("graph", "more", "message"),
    [
        (
            toy_networks.flow_network(),
            {},
            r"directed: give an undirected one, as its to_undirected\(\)",
        ),
        (nx.complete_graph(41), {}, "2 to 40 nodes with links, got 41 nodes"),
        (nx.empty_graph(3), {}, "got 3 nodes and 0 links"),
        (nx.path_graph(3), {"modules": [0, 1]}, "for each of 3 nodes"),
        (nx.path_graph(3), {"places": [[0, 0]]}, r"one \[x, y\] for each of 3 nodes"),
        (nx.path_graph(3), {"network": 1}, "network must be 0 to 0, got 1"),
        (nx.path_graph(3), {"node": 3}, "node must be 0 to 2, got 3"),
    ],
)
def test_what_does_not_fit_is_refused(graph, more, message):
    with pytest.raises((ValueError, traitlets.TraitError), match=message):
        MapByHand(graph, caption="Under test.", **more)
