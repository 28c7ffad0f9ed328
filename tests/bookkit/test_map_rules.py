"""The map equation in the figures is the library's: both languages on the same generated cases."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bookkit import bundle, seeded_walk, toy_networks
from thrifty.flows import CONVENTIONS
from thrifty.mapequation import codelength, flow
from thrifty.networks import network
from thrifty.walks import EXIT, MapCode


def fields(walk):
    """A flow as the script reads it."""
    arrays = "visits sources targets rates jumps landing".split()
    return {name: getattr(walk, name).tolist() for name in arrays} | {
        "markovTime": walk.markov_time
    }


def random_walks():
    """Walks on small random networks: every convention, self-links, isolated and dangling nodes."""
    draw = np.random.default_rng(3)
    for case in range(60):
        n = int(draw.integers(2, 14))
        ends = draw.integers(0, n, size=(int(draw.integers(1, 3 * n)), 2))
        links = [(int(a), int(b), float(draw.choice([0.5, 1, 3]))) for a, b in ends]
        convention = [None, *CONVENTIONS.values()][case % 5]
        net = network(links, directed=convention is not None, nodes=range(n))
        yield flow(net, markov_time=float(draw.choice([1, 1, 2])), **(convention or {}))


def paths(n, draw):
    """One level, two levels, and ragged trees of up to three levels of modules."""
    yield [(0,)] * n
    yield [(node,) for node in range(n)]
    yield [(int(m),) for m in draw.integers(0, 4, size=n)]
    tree = []
    for top, middle, low in draw.integers(0, 3, size=(n, 3)):
        tree.append(
            [(int(top),), (int(top), int(middle)), (int(top), int(middle), int(low))][top % 3]
        )
    yield tree


def cases():
    draw = np.random.default_rng(4)
    toys = [toy_networks.figure_one(), toy_networks.nine_triangles(), toy_networks.flow_network()]
    walks = [flow(toy.graph()) for toy in toys]
    found = [(walk, list(toy.groups)) for walk, toy in zip(walks, toys, strict=True)]
    for walk in [*walks, *random_walks()]:
        found += [(walk, tree) for tree in paths(len(walk.nodes), draw)]
    return found


CASES = cases()


@pytest.fixture(scope="module")
def page(page):
    text = "\n".join(
        bundle.body(module) for module in bundle.modules_of(bundle.STATIC / "map_rules.js")
    )
    page.add_script_tag(content=text)
    return page


@pytest.fixture(scope="module")
def answers(page):
    return page.evaluate(
        """(asked) => asked.map(([flow, modules]) => {
          const found = mapCodeLength(flow, modules);
          return { ...found, words: found.books.map(mapBookWords) };
        })""",
        [[fields(walk), modules] for walk, modules in CASES],
    )


def as_path(module):
    return module if isinstance(module, tuple) else (module,)


def test_code_lengths_and_their_terms_are_the_librarys(answers):
    for (walk, modules), answer in zip(CASES, answers, strict=True):
        found = codelength(walk, modules)
        for ours, theirs in [
            (found.bits, answer["bits"]),
            (found.index, answer["index"]),
            (found.inside, answer["inside"]),
            (found.one_level, answer["oneLevel"]),
        ]:
            assert theirs == pytest.approx(ours, abs=1e-12)


def test_code_books_are_the_librarys(answers):
    for (walk, modules), answer in zip(CASES, answers, strict=True):
        books = codelength(walk, modules).books
        assert [tuple(book["path"]) for book in answer["books"]] == list(books)
        leaves = {as_path(module) for module in modules}
        for book, words in zip(answer["books"], answer["words"], strict=True):
            ours = books[tuple(book["path"])]
            assert book["leaf"] == (ours.path in leaves)
            rates = [rate for _, rate in ours.words]
            assert [word["rate"] for word in book["words"]] == pytest.approx(rates, abs=1e-15)
            assert book["rate"] == pytest.approx(ours.rate, abs=1e-14)
            assert book["bits"] == pytest.approx(ours.bits, abs=1e-12)
            assert book["entropy"] * book["rate"] == pytest.approx(ours.bits, abs=1e-12)
            for word, (name, _) in zip(book["words"], ours.words, strict=True):
                if "node" in word:
                    assert walk.nodes[word["node"]] == name
                else:
                    assert "exit" in word or tuple(word["path"]) == name
            told = zip(book["words"], ours.words, words, strict=True)
            named = {EXIT if "exit" in at else name: word for at, (name, _), word in told if word}
            code = MapCode(codelength(walk, modules)).books.get(ours.path)
            assert named == (dict(code.words) if code else {})


def test_huffman_is_between_the_entropy_and_one_bit_more(answers):
    for answer in answers:
        for book, words in zip(answer["books"], answer["words"], strict=True):
            if sum(word is not None for word in words) < 2:
                continue
            cost = sum(w["rate"] * len(b) for w, b in zip(book["words"], words, strict=True) if b)
            assert book["bits"] - 1e-12 <= cost < book["bits"] + book["rate"]


def two_levels():
    """The cases of two levels, their modules named by numbers."""
    for walk, modules in CASES:
        tree = [as_path(module) for module in modules]
        if all(len(path) == 1 for path in tree):
            yield walk, [path[0] for path in tree]


def test_moves_cost_what_the_library_says_and_the_best_is_the_least(page):
    asked = list(two_levels())
    assert len(asked) > 50
    found = page.evaluate(
        """(asked) => asked.map(([flow, modules]) => ({
          moves: modules.map((_, node) => mapMoves(flow, modules, node)),
          best: mapBestMove(flow, modules),
        }))""",
        [[fields(walk), modules] for walk, modules in asked],
    )
    for (walk, modules), answer in zip(asked, found, strict=True):
        now, least = codelength(walk, modules).bits, []
        for node, moves in enumerate(answer["moves"]):
            others = [m for m in dict.fromkeys(modules) if m != modules[node]]
            own = [None] if modules.count(modules[node]) > 1 else []
            assert [move["module"] for move in moves] == others + own
            for move in moves:
                after = [*modules]
                after[node] = "new" if move["module"] is None else move["module"]
                bits = codelength(walk, after).bits
                assert move["bits"] == pytest.approx(bits, abs=1e-12)
                least.append(bits)
        best = answer["best"]
        if best is None:
            assert min(least) >= now - 2e-9
        else:
            assert best["bits"] == pytest.approx(min(least), abs=2e-9) and best["bits"] < now


@pytest.mark.parametrize("toy", [toy_networks.figure_one(), toy_networks.nine_triangles()])
def test_walk_is_the_same_in_both_languages_and_its_tape_reads_back(page, toy):
    walk = flow(toy.graph())
    modules = [str(group) for group in toy.groups]
    visited = seeded_walk.walk(walk, 3, 400, seed=5)
    theirs, tape = page.evaluate(
        """([flow, modules]) => {
          const walk = mapWalk(flow, 3, 400, 5);
          return [walk, mapTape(mapCodeLength(flow, modules), walk)];
        }""",
        [fields(walk), modules],
    )
    assert theirs == visited
    code = MapCode(codelength(walk, modules))
    steps = ["".join(told["word"] for told in step) for step in tape]
    assert steps == ["".join(word for *_, word in code.step(a, b)) for a, b in pairwise(visited)]
    assert code.decode("".join(steps), visited[0]) == visited


def test_a_long_walk_goes_where_the_rates_say():
    walk = flow(toy_networks.figure_one().graph())
    visited = seeded_walk.walk(walk, 0, 60_000, seed=2)
    shares = np.bincount(visited, minlength=25) / len(visited)
    # Standard errors are near 0.002; neighbours in the walk are not independent.
    assert np.abs(shares - walk.visits).max() < 0.01
    links = set(zip(walk.sources.tolist(), walk.targets.tolist(), strict=True))
    assert set(pairwise(visited)) <= links
