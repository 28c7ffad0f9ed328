"""Decoding player: its search is the library's in both languages, and it says what it shows."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import traitlets

from bookkit import bundle, stored_model
from bookkit.explorers.decoding_player import DecodingPlayer, number
from bookkit.stored_model import BEAMS, END, FINISHED, LETTERS, PENALTIES
from thrifty.decoding import beam_search

CAP, END_ID, ALL_LETTERS = 7, 2, "abcdefgh"
IDS = {letter: i + 3 for i, letter in enumerate(ALL_LETTERS)}
SETTINGS = list(itertools.product(BEAMS, PENALTIES, FINISHED))


class Made:
    """A made-up model: peaked, with an end that is likelier the longer the text."""

    def __init__(self, spread=2.0):
        self.spread, self.asked = spread, set()

    def row(self, text):
        rng = np.random.default_rng([int(i) for i in text])
        logits = self.spread * rng.normal(size=3 + len(ALL_LETTERS))
        logits[:2] = -20.0  # padding and separator
        logits[END_ID] += 0.5 * (len(text) - 3)
        return logits

    def __call__(self, ids):
        self.asked |= {tuple(map(int, text)) for text in ids}
        return np.stack([self.row(text) for text in ids])


CASES = {"bcd": ([4, 5, 6, 1], "abcad"), "gg": ([9, 9, 1], "gag"), "h": ([10, 1], "ah")}


@pytest.fixture(scope="module")
def player():
    return DecodingPlayer.of(Made(), CASES, ids=IDS, end_id=END_ID, cap=CAP, caption="Under test.")


@pytest.fixture(scope="module")
def answers(page, player):
    """What the script makes of every case and every setting."""
    script = bundle.body(bundle.STATIC / "search.js")
    asked = [
        [case["nodes"], {"vocabulary": player.vocabulary, "cap": CAP, "beams": beams,
                         "alpha": float(penalty), "lose": finished == "lost"}]
        for case in player.cases
        for beams, penalty, finished in SETTINGS
    ]  # fmt: skip
    call = f"(asked) => {{ {script} return asked.map(([n, s]) => beamSearch(n, s)); }}"
    found = page.evaluate(call, asked)
    return dict(zip(itertools.product(CASES, SETTINGS), found, strict=True))


def set_to(player, source, settings):
    player.source = source
    player.beams, player.penalty, player.finished = settings
    return player


def each(player):
    for source in CASES:
        for settings in SETTINGS:
            yield source, settings, set_to(player, source, settings).search()


# --- the search ----------------------------------------------------------------------------------


def test_script_takes_the_steps_of_the_library(player, answers):
    states = set()
    for source, settings, (found, model) in each(player):
        answer = answers[source, settings]
        assert len(answer["steps"]) == len(found.steps)
        for step, nodes in zip(answer["steps"], found.steps, strict=True):
            for mine, node in zip(step["nodes"], nodes, strict=True):
                assert (mine["text"], mine["state"]) == (model.word(node.ids), node.state)
                assert mine["parent"] == node.parent
                assert mine["total"] == pytest.approx(node.log_probability, abs=1e-9)
                states.add(node.state)
    assert states == {"live", "finished", "lost"}


def test_script_ends_with_the_texts_of_the_library(player, answers):
    for source, settings, (found, model) in each(player):
        texts = answers[source, settings]["hypotheses"]
        assert [(t["text"], t["finished"]) for t in texts] == [
            (model.word(text.ids), text.finished) for text in found.hypotheses
        ]
        for mine, text in zip(texts, found.hypotheses, strict=True):
            assert mine["score"] == pytest.approx(text.score, abs=1e-9)
            assert mine["total"] == pytest.approx(text.log_probability, abs=1e-9)


def test_stored_search_is_the_search_over_the_model(player):
    names = {i: letter for letter, i in IDS.items()} | {END_ID: END}
    for source, (beams, penalty, finished), (stored, words) in each(player):
        real = beam_search(
            Made(),
            [CASES[source][0]],
            max_new_tokens=CAP,
            end_id=END_ID,
            beams=beams,
            length_penalty=float(penalty),
            lose_finished=finished == "lost",
        )[0]
        assert len(stored.steps) == len(real.steps)
        for mine, other in zip(stored.steps, real.steps, strict=True):
            texts = ["".join(names[i] for i in node.ids) for node in other]
            assert [words.word(node.ids) for node in mine] == texts
            assert [node.state for node in mine] == [node.state for node in other]
            for a, b in zip(mine, other, strict=True):
                assert a.log_probability == pytest.approx(b.log_probability, abs=1e-3)


def test_only_what_a_search_asks_for_is_stored(player):
    for case in player.cases:
        asked = set()
        model = stored_model.StoredModel(case["nodes"], player.letters, player.vocabulary)
        for beams, penalty, finished in SETTINGS:
            settings = {"beams": beams, "penalty": penalty, "finished": finished}
            found, _ = stored_model.search(
                case["nodes"], player.letters, player.vocabulary, cap=CAP, **settings
            )
            asked |= {""} | {
                model.word(node.ids)
                for nodes in found.steps[:-1]
                for node in nodes
                if node.state == "live"
            }
        assert set(case["nodes"]) == asked


def test_stored_probabilities_are_the_models():
    model = Made()
    nodes, vocabulary = stored_model.record(model, [4, 1], ids=IDS, end_id=END_ID, cap=4)
    assert vocabulary == 3 + len(ALL_LETTERS)
    for text, packed in nodes.items():
        row = np.exp(model.row([4, 1, *(IDS[letter] for letter in text)]))
        row /= row.sum()
        stored, other = stored_model.unpack(packed, vocabulary)
        assert END in stored and len(stored) == LETTERS + 1
        for symbol, log_p in stored.items():
            true = row[END_ID if symbol == END else IDS[symbol]]
            assert math.exp(log_p) == pytest.approx(true, abs=2e-4)
        total = sum(map(math.exp, stored.values())) + (vocabulary - len(stored)) * math.exp(other)
        assert total == pytest.approx(1)
        letters = {IDS[symbol] for symbol in stored if symbol != END}
        left = [row[i] for i in IDS.values() if i not in letters]
        assert max(left) <= min(row[i] for i in letters)


def test_what_is_not_stored_is_an_error(player):
    model = stored_model.StoredModel({}, "ab", 3)
    with pytest.raises(KeyError, match="nothing is stored behind ''"):
        model(np.array([[0]]))


# --- the drawing ---------------------------------------------------------------------------------


def test_script_says_what_python_says(page, open_figure, player):
    open_figure(set_to(player, "bcd", (3, "0.6", "kept")))
    model = "document.querySelector('.bk-live').model"
    for _source, _settings, (found, _) in each(player):
        for step in {1, len(found.steps) // 2, len(found.steps)} - {0}:
            player.step = step
            names = ("source", "beams", "penalty", "finished", "step")
            said = page.evaluate(
                f"""async (s) => {{
                  for (const [k, v] of Object.entries(s)) {model}.set(k, v);
                  {model}.save_changes();
                  await new Promise((go) => setTimeout(go));
                  return document.querySelector(".bk-told").textContent;
                }}""",
                {name: getattr(player, name) for name in names},
            )
            assert said == player.sentence()


def test_a_search_is_followed_by_keyboard(page, open_figure, player):
    set_to(player, "bcd", (3, "0.6", "kept")).step = 1
    open_figure(player)
    found, model = player.search()
    press = page.get_by_role("button", name="next ▶")
    press.focus()
    for step in range(1, len(found.steps) + 1):
        nodes = found.steps[step - 1]
        rows = page.locator(".bk-dp-table").first.locator("tbody tr")
        told = rows.locator("th").all_inner_texts()
        texts = [text.replace(" end", END).replace("(nothing)", "") for text in told]
        assert texts[: len(nodes)] == [model.word(node.ids) for node in nodes]
        fates = rows.locator("td:last-child").all_inner_texts()
        for node, fate in zip(nodes, fates, strict=False):
            goes_on = node.state == "live" and step < len(found.steps)
            assert ("goes on" in fate) == goes_on and ("finished" in fate) == (not goes_on)
        assert all("left behind" in fate for fate in fates[len(nodes) :])
        sums = rows.locator("td:nth-child(3)").all_inner_texts()
        assert sums[: len(nodes)] == [number(node.log_probability) for node in nodes]
        assert page.locator(".bk-dp-box").count() == sum(map(len, found.steps[:step]))
        page.keyboard.press("Enter")
    assert press.get_attribute("aria-disabled") == "true"
    assert "The search ends" in page.locator(".bk-told").inner_text()


def test_every_node_is_told(page, open_figure, player):
    set_to(player, "bcd", (3, "1", "kept")).step = 3
    open_figure(player)
    found, model = player.search()
    tree, status = page.locator(".bk-dp-tree"), page.locator(".bk-status")
    tree.focus()
    for _ in found.steps:
        page.keyboard.press("ArrowLeft")
    for column, nodes in enumerate(found.steps[:3]):
        for row, node in enumerate(nodes):
            said = status.inner_text()
            assert said.startswith(f"Step {column + 1}, rank {row + 1}, ")
            assert f'"{model.word(node.ids).removesuffix(END)}"' in said
            assert number(node.log_probability) in said
            page.keyboard.press("ArrowDown")
        for _ in nodes:
            page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowRight")
    assert status.inner_text() == "Step 4 is still to come: a click or Enter takes it."
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('.bk-live').model.get('step')") == 4


# --- the class -----------------------------------------------------------------------------------


def test_picture_draws_every_node(player):
    for source, settings, (found, _) in itertools.islice(each(player), 0, None, 7):
        player.step = len(found.steps)
        root = ElementTree.fromstring(player.picture())
        boxes = root.findall("{http://www.w3.org/2000/svg}rect")
        assert len(boxes) - 1 == sum(map(len, found.steps)), (source, settings)


def test_state_is_small(player):
    state = json.dumps(player.state()).encode()
    beginnings = sum(len(case["nodes"]) for case in player.cases)
    assert len(gzip.compress(state)) < 45 * beginnings


def test_right_is_the_word_with_its_end(player):
    for source, _, (found, model) in each(player):
        text = model.word(found.ids)
        assert player.answer == text.removesuffix(END)
        assert player.right == (text == CASES[source][1] + END)
        assert re.search("right|wrong", player.sentence()) or player.step < len(found.steps)


def test_unknown_words_are_refused(player):
    with pytest.raises(traitlets.TraitError, match=r"source must be one of \['bcd', 'gg', 'h'\]"):
        player.source = "xyz"
    with pytest.raises(traitlets.TraitError, match="at least one case"):
        DecodingPlayer([], caption="Nothing.")
