"""The recipe of *Blanks, packs and trees*: its schemes, its counts, and what it has stored."""

import numpy as np
import pytest

from bookkit import stored_weights
from bookkit.recipes import filling, letters
from thrifty.leakage import leakage
from thrifty.masks import infill_mask

# Stories of our own: the tests need no download.
STORY = letters.encode("the cat sat on the mat and the dog sat on the cat " * 12)


@pytest.fixture
def own_stories(monkeypatch):
    parts = ([STORY, STORY[100:]], [STORY[::-1]], [STORY[7:]])
    monkeypatch.setattr(letters, "stories", lambda: parts)
    letters.grams.cache_clear()
    yield parts
    letters.grams.cache_clear()


@pytest.fixture
def rows():
    return letters.lines([STORY], 40, np.random.default_rng(0))


def test_lines_are_cut_out_of_one_story_each(rows):
    spelt = letters.spell(STORY)
    assert rows.shape == (40, letters.LENGTH)
    assert all(letters.spell(row) in spelt for row in rows)


def test_spelling_undoes_encoding():
    assert letters.spell(letters.encode("The cat, 3 dogs; a Mouse!")) == "the cat dogs a mouse"


def test_each_place_of_every_story_is_as_likely_to_begin_a_line():
    texts = [np.arange(letters.LENGTH), 100 + np.arange(letters.LENGTH + 2)]
    starts = letters.lines(texts, 4000, np.random.default_rng(0))[:, 0]
    values, counts = np.unique(starts, return_counts=True)
    assert values.tolist() == [0, 100, 101, 102] and (abs(counts - 1000) < 120).all()


def test_a_hidden_letter_stands_in_the_middle_half(own_stories):
    found = letters.cases("test", count=50)
    assert found.ids.shape == (50, letters.LENGTH) and (found.letter < letters.LETTERS).all()
    assert found.place.min() >= letters.LENGTH // 4
    assert found.place.max() < letters.LENGTH * 3 // 4
    hidden = found.filled_with(letters.MASK)
    assert ((hidden == letters.MASK).sum(axis=1) == 1).all()
    assert (found.filled_with(found.letter) == found.ids).all()


def test_validation_and_test_are_different_stories(own_stories):
    test, validation = letters.cases("test", 20), letters.cases("validation", 20)
    assert not (test.ids[:, None] == validation.ids).all(axis=-1).any()


@pytest.mark.parametrize("levels", letters.COUNTS.values(), ids=letters.COUNTS)
def test_counts_are_probabilities(own_stories, levels):
    found = letters.cases("test", 20)
    p = letters.counted(found.ids, found.place, levels)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p > 0).all()


def test_sightings_are_counted_in_the_training_stories(own_stories):
    ids = letters.encode("the ca")[None]
    seen = letters.sightings(ids, np.array([4]), before=1, behind=1)  # " ?a"
    spelt = [letters.spell(story) for story in own_stories[0]]
    for symbol in range(27):
        want = sum(text.count(f" {letters.spell([symbol])}a") for text in spelt)
        assert seen[0, symbol] == want
    assert seen.sum() > 0


def test_guesses_know_what_follows(own_stories):
    assert letters.guess(letters.encode("the cat sat on th")).argmax() == letters.encode("e")[0]


# --- the schemes ---


def test_the_causal_scheme_asks_everywhere_for_the_next_letter(rows):
    ids, mask, _, weights = filling.lesson("causal", rows, np.random.default_rng(0))
    assert (ids[:, 1:] == rows[:, :-1]).all() and (ids[:, 0] == letters.START).all()
    assert (mask == np.tri(letters.LENGTH, dtype=bool)).all() and (weights == 1).all()


def test_blanks_change_the_inputs_and_not_the_mask(rows):
    ids, mask, _, weights = filling.lesson("masked", rows, np.random.default_rng(0))
    assert mask.all() and (ids[weights == 0] == rows[weights == 0]).all()
    assert (ids == letters.MASK).any() and 0.1 < weights.mean() < 0.2


def test_a_hole_is_one_piece_and_gives_no_letter_away(rows):
    ids, mask, holes, weights = filling.lesson("infilling", rows, np.random.default_rng(0))
    length = int(weights[0].sum())
    assert 1 <= length <= filling.LONGEST_HOLE and (weights.sum(axis=1) == length).all()
    assert (holes == weights).all() and (mask == infill_mask(holes)).all()
    for row, own, hole in zip(rows, ids, holes, strict=True):
        places = np.flatnonzero(hole)
        assert (np.diff(places) == 1).all() and own[places[0]] == letters.MASK
        assert (own[places[1:]] == row[places[:-1]]).all()
        assert (own[hole == 0] == row[hole == 0]).all()


def test_few_targets_are_the_places_of_the_blanks_and_nothing_is_hidden(rows):
    ids, mask, _, weights = filling.lesson(filling.FEW, rows, np.random.default_rng(0))
    causal = filling.lesson("causal", rows, np.random.default_rng(0))
    masked = filling.lesson("masked", rows, np.random.default_rng(0))
    assert (ids == causal[0]).all() and (mask == causal[1]).all()
    assert (weights == masked[3]).all()


@pytest.mark.parametrize("scheme", filling.WAYS)
def test_no_scheme_lets_a_target_reach_its_own_prediction(scheme, rows):
    row = rows[0]
    *_, weights = filling.lesson(scheme, rows[:1], np.random.default_rng(1))
    asked = np.flatnonzero(weights[0])
    model = filling.transformer()

    def answers(changed):
        found = []
        for line in changed:  # each with the same blanks
            ids, mask, segments, _ = filling.lesson(scheme, line[None], np.random.default_rng(1))
            found.append(model(ids, attention_mask=mask, segment_ids=segments))
        return np.concatenate(found)

    seen = leakage(answers, row, vocabulary=letters.LETTERS + 1, trials=1)
    if scheme == "masked":  # a letter that stays is seen, as is meant: keep to the blanks
        ids = filling.lesson(scheme, rows[:1], np.random.default_rng(1))[0][0]
        asked = asked[ids[asked] == letters.MASK]
    assert len(asked) and not seen[asked, asked].any()


def test_a_beginning_is_the_beginning_of_the_stored_run(own_stories, monkeypatch):
    monkeypatch.setattr(filling, "stories", lambda: own_stories)
    monkeypatch.setattr(filling, "EVERY", 2)
    _, losses = filling.train("masked", seed=3, steps=2)
    _, longer = filling.train("masked", seed=3, steps=4)
    assert len(longer) == 2 and longer[0] == pytest.approx(losses[0], abs=1e-3)


def test_each_way_of_filling_gives_probabilities(own_stories):
    found = letters.cases("test", 6)
    model = filling.transformer()
    for ways in filling.WAYS.values():
        for way in ways:
            log_p = filling.fill(model, way, found)
            assert log_p.shape == (6, letters.LETTERS)
            np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, rtol=1e-4)


def test_what_stands_behind_changes_the_answers_of_all_but_the_plain_triangle(own_stories):
    found = letters.cases("test", 6)
    other = found.ids.copy()
    other[:, -1] = (other[:, -1] + 1) % letters.LETTERS
    changed, model = letters.Cases(other, found.place), filling.transformer()
    for ways in filling.WAYS.values():
        for way in ways:
            same = np.allclose(
                filling.fill(model, way, found), filling.fill(model, way, changed), atol=1e-7
            )
            assert same == (way == "causal"), way


# --- what is stored ---


def test_every_run_is_stored():
    stored = filling.stored()
    runs = [*filling.WAYS, filling.LEARNED]
    assert set(stored) == {filling.key_of(s, n) for s in runs for n in range(filling.SEEDS)}
    for key, run in stored.items():
        assert len(run["losses"]) == filling.STEPS // filling.EVERY
        assert run["losses"][-1] < run["losses"][0]
        ways = filling.WAYS.get(key.rsplit(",", 1)[0], ())
        assert all(0 < run[way]["right"] < 1 for way in ways)


def test_more_guesses_never_take_more_passes():
    for seed in range(filling.SEEDS):
        for shapes in filling.stored()[filling.key_of("causal", seed)]["passes"].values():
            for passes in shapes.values():
                assert passes == sorted(passes, reverse=True)
                assert passes[0] < filling.PROMPTS * filling.WRITTEN
            assert len({passes[0] for passes in shapes.values()}) == 1  # one guess: one shape


def test_the_card_of_the_writer_tells_the_run_that_is_stored():
    card, run = stored_weights.card(filling.WRITER), filling.stored()[filling.key_of("causal", 0)]
    model = filling.writer()
    assert card == {**filling.writer_card(model, run), "sha256": card["sha256"]}


def test_a_changed_writer_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "writer.npz"
    path.write_bytes(filling.WRITER.read_bytes()[:-1] + b"?")
    card = filling.WRITER.with_suffix(".json").read_text()
    path.with_suffix(".json").write_text(card)
    monkeypatch.setattr(filling, "WRITER", path)
    with pytest.raises(stored_weights.BrokenModel, match="another sha256"):
        filling.writer()
