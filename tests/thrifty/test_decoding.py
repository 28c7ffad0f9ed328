import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thrifty.decoding import (
    Cached,
    Decoded,
    Hypothesis,
    Uncached,
    beam_search,
    greedy,
    next_probabilities,
    sample,
)
from thrifty.patterns import Causal
from thrifty.transformer import Transformer

END = 0
SEEDS = st.integers(0, 10**6)


class Tables:
    """A model with arbitrary logits after every text, drawn from the text itself."""

    def __init__(self, seed, vocabulary=3, forbid=0.0, spread=1.5):
        self.seed, self.vocabulary, self.forbid, self.spread = seed, vocabulary, forbid, spread

    def row(self, text):
        rng = np.random.default_rng([self.seed, *(int(i) + 1 for i in text)])
        logits = self.spread * rng.normal(size=self.vocabulary)
        forbidden = rng.random(self.vocabulary) < self.forbid
        forbidden[rng.integers(self.vocabulary)] = False
        return np.where(forbidden, -np.inf, logits)

    def __call__(self, ids):
        return np.stack([self.row(text) for text in ids])

    def log_p(self, text):
        row = self.row(text)
        return row - np.log(np.exp(row).sum())


def all_texts(model, prompt, cap, end_id=END):
    """Every text of at most `cap` new tokens that can come, as (ids, log-probability, finished)."""
    texts = []
    for length in range(1, cap + 1):
        for ids in itertools.product(range(model.vocabulary), repeat=length):
            finished = ids[-1] == end_id
            if end_id in ids[:-1] or not (finished or length == cap):
                continue
            log_p = sum(model.log_p([*prompt, *ids[:i]])[ids[i]] for i in range(length))
            if np.isfinite(log_p):
                texts.append((ids, log_p, finished))
    return texts


def ranked(texts, alpha):
    return sorted(texts, key=lambda text: (not text[2], -text[1] / len(text[0]) ** alpha))


def markov(probabilities):
    """A model whose next token depends on the last one alone."""
    with np.errstate(divide="ignore"):
        table = np.log(np.asarray(probabilities))
    return lambda ids: table[ids[:, -1]]


# --- greedy ---------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(SEEDS, st.integers(1, 6), st.sampled_from([0.0, 0.4]))
def test_greedy_follows_the_argmax(seed, cap, forbid):
    model, ids, log_p = Tables(seed, forbid=forbid), [1], 0.0
    while len(ids) - 1 < cap and (len(ids) == 1 or ids[-1] != END):
        row = model.log_p(ids)
        log_p += row.max()
        ids.append(int(row.argmax()))
    text = greedy(model, [[1]], max_new_tokens=cap, end_id=END)[0]
    assert (text.prompt, text.ids) == ((1,), tuple(ids[1:]))
    assert text.log_probability == pytest.approx(log_p)
    assert text.finished == (ids[-1] == END)
    assert [len(nodes) for nodes in text.steps] == [1] * len(text.ids)


def test_greedy_takes_the_lowest_of_equal_tokens():
    text = greedy(lambda ids: np.zeros((len(ids), 4)), [[1]], max_new_tokens=3)[0]
    assert text.ids == (0, 0, 0)
    assert not text.finished


# --- beam search ----------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    SEEDS,
    st.integers(1, 4),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.sampled_from([0.0, 0.4]),
    st.booleans(),
)
def test_a_wide_beam_is_the_search_of_all_texts(seed, cap, alpha, forbid, early):
    model = Tables(seed, forbid=forbid)
    expected = ranked(all_texts(model, [1], cap), alpha)
    found = beam_search(
        model,
        [[1]],
        max_new_tokens=cap,
        end_id=END,
        beams=3**cap,
        length_penalty=alpha,
        early_stopping=early,
    )[0]
    if early:
        expected = expected[:1]
    for text, (ids, log_p, finished) in zip(found.hypotheses, expected, strict=not early):
        assert (text.ids, text.finished) == (ids, finished)
        assert text.log_probability == pytest.approx(log_p)
        assert text.score == pytest.approx(log_p / len(ids) ** alpha)


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 4), st.sampled_from([0.0, 0.7, 1.0]), st.sampled_from([0.0, 0.4]))
def test_early_stopping_never_changes_the_best(seed, beams, alpha, forbid):
    model = Uncached(Tables(seed, 4, forbid))
    options = {"max_new_tokens": 7, "end_id": END, "beams": beams, "length_penalty": alpha}
    early = beam_search(model, [[1]], **options)[0]
    spent = model.positions_computed
    full = beam_search(model, [[1]], early_stopping=False, **options)[0]
    assert early.hypotheses[0] == full.hypotheses[0]
    assert spent <= model.positions_computed - spent


def test_early_stopping_saves_steps():
    model = markov([[1.0, 0, 0], [0.9, 0.05, 0.05], [0.1, 0.6, 0.3]])
    options = {"max_new_tokens": 9, "end_id": END, "length_penalty": 0}
    early, full = (
        beam_search(model, [[1]], early_stopping=early, **options)[0] for early in (True, False)
    )
    # After one step the end has 0.9, and everything else together 0.1.
    assert (len(early.steps), len(full.steps)) == (1, 9)
    assert early.ids == full.ids == (END,)


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 6))
def test_one_beam_without_normalisation_is_greedy(seed, cap):
    options = {"max_new_tokens": cap, "end_id": END}
    model = Tables(seed)
    beam = beam_search(model, [[1, 2]], beams=1, length_penalty=0, **options)[0]
    path = greedy(model, [[1, 2]], **options)[0]
    assert beam.hypotheses[0] == path.hypotheses[0]


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 4))
def test_a_beam_finds_real_texts_in_order_with_their_own_probabilities(seed, beams):
    model = Tables(seed)
    known = {ids: (log_p, finished) for ids, log_p, finished in all_texts(model, [1], 5)}
    found = beam_search(model, [[1]], max_new_tokens=5, end_id=END, beams=beams)[0].hypotheses
    assert 1 <= len(found) <= beams
    assert len({text.ids for text in found}) == len(found)
    for text in found:
        assert (pytest.approx(text.log_probability), text.finished) == known[text.ids]
    keys = [(not text.finished, -text.score) for text in found]
    assert keys == sorted(keys)


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 3))
def test_the_steps_tell_which_hypothesis_came_from_which(seed, beams):
    model = Tables(seed)
    found = beam_search(model, [[1]], max_new_tokens=5, end_id=END, beams=beams)[0]
    for t, nodes in enumerate(found.steps):
        assert sum(node.state == "live" for node in nodes) <= beams
        for node in nodes:
            assert (node.state == "finished") == (node.token == END)
            before, log_p = (), 0.0
            if t:
                parent = found.steps[t - 1][node.parent]
                assert parent.state == "live"
                live = [other for other in found.steps[t - 1] if other.state == "live"]
                assert live[node.row] == parent
                before, log_p = parent.ids, parent.log_probability
            assert node.ids == (*before, node.token)
            own = model.log_p([1, *before])[node.token]
            assert node.log_probability == pytest.approx(log_p + own)
    finished = {node.ids for nodes in found.steps for node in nodes if node.state == "finished"}
    assert {text.ids for text in found.hypotheses if text.finished} <= finished


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 4), st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.4]))
def test_a_narrow_beam_against_the_rule_in_plain_words(seed, beams, alpha, forbid):
    model, live, done = Tables(seed, 4, forbid), [((), 0.0)], []
    for _ in range(5):
        longer = [
            ((*ids, token), total + log_p)
            for ids, total in live
            for token, log_p in enumerate(model.log_p([1, *ids]))
            if np.isfinite(log_p)
        ]
        longer.sort(key=lambda text: -text[1])
        done += [text for text in longer[:beams] if text[0][-1] == END]
        live = [text for text in longer if text[0][-1] != END][:beams]
    texts = [(*text, True) for text in done] + [(*text, False) for text in live]
    options = {"max_new_tokens": 5, "end_id": END, "beams": beams, "length_penalty": alpha}
    found = beam_search(model, [[1]], early_stopping=False, **options)[0]
    expected = ranked(texts, alpha)[:beams]
    assert [(t.ids, t.finished) for t in found.hypotheses] == [(i, f) for i, _, f in expected]
    for nodes in found.steps:
        assert all(node.state == "live" for node in nodes[beams:])


# From 1, the token 2 is likelier than the end, but goes on to a text of many unlikely tokens.
LOSES = markov([[1, 0, 0, 0], [0.45, 0, 0.55, 0], [0.3, 0.1, 0.2, 0.4], [0.3, 0.2, 0.3, 0.2]])


def test_throwing_finished_texts_away_loses_the_best_text():
    options = {"max_new_tokens": 6, "end_id": END, "beams": 2, "length_penalty": 0}
    kept = beam_search(LOSES, [[1]], **options)[0]
    lost = beam_search(LOSES, [[1]], lose_finished=True, **options)[0]
    assert kept.ids == (END,)
    assert np.exp(kept.log_probability) == pytest.approx(0.45)
    assert [node.ids for node in lost.steps[0] if node.state == "lost"] == [(END,)]
    assert lost.log_probability < kept.log_probability
    assert all((END,) != text.ids for text in lost.hypotheses)
    # The beam got narrower by the one that was lost.
    assert sum(node.state == "live" for node in kept.steps[1]) == 2
    assert max(len(nodes) for nodes in lost.steps[1:]) == 1


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 4))
def test_losing_finished_texts_never_helps_a_wide_beam(seed, cap):
    options = {"max_new_tokens": cap, "end_id": END, "beams": 3**cap, "length_penalty": 0}
    kept = beam_search(Tables(seed), [[1]], **options)[0]
    lost = beam_search(Tables(seed), [[1]], lose_finished=True, **options)[0]
    assert len(lost.hypotheses) >= 1
    if lost.finished:
        assert lost.log_probability <= kept.log_probability + 1e-12
    assert all(node.state != "lost" for nodes in kept.steps for node in nodes)


def test_losing_finished_texts_is_no_rare_accident():
    options = {"max_new_tokens": 6, "end_id": END, "beams": 2, "length_penalty": 0}
    models = [Tables(seed, 4) for seed in range(200)]
    kept = [beam_search(model, [[1]], **options)[0] for model in models]
    lost = [beam_search(model, [[1]], lose_finished=True, **options)[0] for model in models]
    worse = [a.log_probability > b.log_probability for a, b in zip(kept, lost, strict=True)]
    assert np.mean(worse) > 0.1
    assert not any(
        b.finished and b.log_probability > a.log_probability
        for a, b in zip(kept, lost, strict=True)
    )


def test_normalisation_prefers_longer_texts():
    # The end comes at once with probability 0.4; 2 2 2 0 has 0.09, but 0.54 for each token.
    model = markov([[1, 0, 0], [0.4, 0, 0.6], [0.3, 0, 0.7]])
    options = {"max_new_tokens": 4, "end_id": END, "beams": 4}
    short = beam_search(model, [[1]], length_penalty=0, **options)[0]
    long = beam_search(model, [[1]], length_penalty=1, **options)[0]
    assert short.ids == (END,)
    assert long.ids == (2, 2, 2, END)
    assert long.score == pytest.approx(np.log(0.6 * 0.7**2 * 0.3) / 4)


# --- the end token --------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [greedy, sample, beam_search])
def test_a_text_that_cannot_end_says_so(write):
    model = markov([[1, 0, 0], [0, 0.5, 0.5], [0, 0.7, 0.3]])
    text = write(model, [[1]], max_new_tokens=5, end_id=END)[0]
    assert len(text.ids) == 5
    assert not text.finished
    assert text.end_log_probability == -np.inf
    assert "cut at the cap; the end token could never come" in text.sentence()


@pytest.mark.parametrize("write", [greedy, sample, beam_search])
def test_a_text_cut_at_the_cap_says_so(write):
    model = markov([[1, 0, 0], [1e-9, 0.5, 0.5], [1e-6, 0.7, 0.3]])
    options = {"beams": 2} if write is beam_search else {}
    text = write(model, [[1]], max_new_tokens=5, end_id=END, **options)[0]
    assert not text.finished
    assert "cut at the cap" in text.sentence()
    assert "could never come" not in text.sentence()
    assert np.log(1e-10) < text.end_log_probability < np.log(1e-5)


@pytest.mark.parametrize("write", [greedy, sample, beam_search])
def test_without_an_end_token_all_is_written_up_to_the_cap(write):
    text = write(Tables(1), [[1]], max_new_tokens=5)[0]
    assert len(text.ids) == 5
    assert not text.finished


def test_the_sentence():
    best, other = Hypothesis((2, 1), -1.234, -0.6, True), Hypothesis((1,), -2.0, -2.0, False)
    text = Decoded((1,), (best, other), (), -0.5)
    assert text.sentence(words=["a", "b", "c"]) == (
        "2 new tokens, c b, log-probability -1.23, ended by the end token; 1 other hypothesis kept."
    )
    assert (text.ids, text.log_probability, text.score, text.finished) == ((2, 1), -1.234, -0.6, 1)


# --- sampling -------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(
    SEEDS,
    st.floats(0.2, 3),
    st.none() | st.integers(1, 8),
    st.none() | st.floats(0.05, 1),
)
def test_next_probabilities_against_their_definition(seed, temperature, top_k, top_p):
    logits = np.random.default_rng(seed).normal(size=6)
    weights = {i: np.exp(logit / temperature) for i, logit in enumerate(logits)}
    order = sorted(weights, key=lambda i: -weights[i])
    kept = order[: 6 if top_k is None else top_k]
    if top_p is not None:
        total, some = sum(weights[i] for i in kept), []
        for i in kept:
            some.append(i)
            if sum(weights[j] for j in some) / total >= top_p:
                break
        kept = some
    expected = np.zeros(6)
    expected[kept] = [weights[i] for i in kept]
    expected /= expected.sum()
    found = next_probabilities(logits, temperature, top_k, top_p)
    np.testing.assert_array_equal(found > 0, expected > 0)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_next_probabilities_of_ties_rounding_and_forbidden_tokens():
    assert next_probabilities(np.zeros(4), top_k=2).tolist() == [0.5, 0.5, 0, 0]
    assert next_probabilities(np.zeros(10), top_p=0.3).nonzero()[0].tolist() == [0, 1, 2]
    assert next_probabilities([-np.inf, 0, -np.inf], top_k=2).tolist() == [0, 1, 0]
    both = next_probabilities(np.log([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]), top_p=0.6)
    np.testing.assert_allclose(both, [[0.625, 0.375, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.7}, {"temperature": 2}]
)
def test_samples_come_with_their_probabilities(options):
    # Chi-square of whole texts, against the exact probability of each.
    model, cap, count = Tables(7, spread=1.0), 3, 4000
    rows = {}

    def fast(ids):  # the same tables, each drawn once
        return np.stack([rows.setdefault(tuple(t), model.row(t)) for t in ids.tolist()])

    exact = {}
    for ids, log_p, _ in all_texts(model, [1], cap):
        steps = [
            next_probabilities(model.row([1, *ids[:i]]), **options)[ids[i]] for i in range(len(ids))
        ]
        exact[ids] = (np.prod(steps), log_p)
    assert sum(p for p, _ in exact.values()) == pytest.approx(1)
    texts = sample(fast, [[1]] * count, max_new_tokens=cap, end_id=END, seed=3, **options)
    counts = dict.fromkeys(exact, 0)
    for text in texts:
        counts[text.ids] += 1
        assert text.log_probability == pytest.approx(exact[text.ids][1])
    assert all(counts[ids] == 0 for ids, (p, _) in exact.items() if p == 0)
    expected = {ids: count * p for ids, (p, _) in exact.items() if p > 0}
    chi = sum((counts[ids] - many) ** 2 / many for ids, many in expected.items())
    freedom = len(expected) - 1
    assert chi < freedom + 4 * np.sqrt(2 * freedom) + 4


def test_a_seed_decides_all():
    options = {"max_new_tokens": 6, "end_id": END}
    first, again, other = (
        [text.ids for text in sample(Tables(1), [[1]] * 20, seed=seed, **options)]
        for seed in (5, 5, 6)
    )
    assert first == again != other
    assert len(set(first)) > 1


# --- batches and caches ---------------------------------------------------------------------------


WRITERS = pytest.mark.parametrize(
    ("write", "options"),
    [
        (greedy, {}),
        (sample, {"temperature": 1.5, "top_k": 4, "seed": 2}),
        (beam_search, {"beams": 3}),
        (beam_search, {"beams": 3, "length_penalty": 0, "lose_finished": True}),
    ],
)


@WRITERS
def test_batched_equals_single(write, options):
    prompts = [[1], [2, 1], [1, 1, 2], [2], [1]]
    options = {"max_new_tokens": 6, "end_id": END, **options}
    for seed in range(5):
        model = Tables(seed)
        together = write(model, prompts, **options)
        for row, prompt in enumerate(prompts):
            # A prompt's stream of chance depends on its place: the others are left out after it.
            alone = write(model, [*[[2]] * (row if write is sample else 0), prompt], **options)[-1]
            assert alone == together[row]


@pytest.fixture(scope="module")
def transformer():
    model = Transformer(6, 8, 2, 2, positions="rotary", pre_norm=True)
    model.build((None, None))
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.4 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


PROMPTS = [[1, 2, 3], [4], [5, 5, 1, 2, 3]]


def uncached(model, prompt):
    """Next logits of one text: the prompt sees itself or what came before, all is read anew."""

    def next_logits(ids):
        n = ids.shape[1]
        source = 0 if prompt is None else len(prompt)
        mask = Causal().mask(n) | (np.arange(n) < source)
        return np.asarray(model(ids, attention_mask=mask))[:, -1]

    return next_logits


@WRITERS
def test_cached_equals_uncached(transformer, write, options):
    options = {"max_new_tokens": 6, "end_id": END, **options}
    cached, plain = Cached(transformer), Uncached(uncached(transformer, None))
    for mine, other in zip(
        write(cached, PROMPTS, **options), write(plain, PROMPTS, **options), strict=True
    ):
        assert [text.ids for text in mine.hypotheses] == [text.ids for text in other.hypotheses]
        assert mine.finished == other.finished
        assert mine.log_probability == pytest.approx(other.log_probability, abs=1e-4)
        assert len(mine.steps) == len(other.steps)


@pytest.mark.parametrize("write", [greedy, beam_search])
def test_cached_equals_uncached_after_a_prefix_that_sees_itself(transformer, write):
    options = {"max_new_tokens": 6, "end_id": END}
    together = write(Cached(transformer, prompt="bidirectional"), PROMPTS, **options)
    causal = write(Cached(transformer), PROMPTS, **options)
    for prompt, text in zip(PROMPTS, together, strict=True):
        alone = write(uncached(transformer, prompt), [prompt], **options)[0]
        assert text.ids == alone.ids
        assert text.log_probability == pytest.approx(alone.log_probability, abs=1e-4)
    changes = [
        abs(a.steps[0][0].log_probability - b.steps[0][0].log_probability)
        for a, b in zip(causal, together, strict=True)
    ]
    assert changes[0] > 1e-3 and changes[2] > 1e-3  # the prompts of more than one token


@pytest.mark.parametrize("new", [1, 5, 10])
def test_positions_computed_with_and_without_a_cache(transformer, new):
    n = 4
    cached, plain = Cached(transformer), Uncached(uncached(transformer, None))
    for model in (cached, plain):
        greedy(model, [[1, 2, 3, 4]] * 2, max_new_tokens=new)
    assert cached.positions_computed == 2 * (n + new - 1)
    assert plain.positions_computed == 2 * sum(range(n, n + new))


def test_rows_that_are_done_are_not_computed():
    model = Uncached(markov([[1, 0, 0], [1, 0, 0], [0, 0, 1]]))
    texts = greedy(model, [[1], [2]], max_new_tokens=4, end_id=END)
    assert [text.ids for text in texts] == [(END,), (2, 2, 2, 2)]
    assert model.positions_computed == 2 + 2 + 3 + 4


def test_options_reach_the_transformer():
    model = Transformer(6, 8, 2, 1, positions="learned", max_length=8, segments=2)
    one, two = (
        greedy(Cached(model, next_segment=segment), PROMPTS, max_new_tokens=3) for segment in (0, 1)
    )
    last = [[t.steps[-1][0].log_probability for t in texts] for texts in (one, two)]
    assert last[0] != last[1]
    with pytest.raises(ValueError, match=r"positions must be in 0..7 \(max_length - 1\), got 8"):
        greedy(Cached(model), PROMPTS, max_new_tokens=5)


# --- what it refuses ------------------------------------------------------------------------------


def constant(*row):
    return lambda ids: np.tile(row, (len(ids), 1)).astype(float)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: greedy(constant(0, np.nan), [[1]], max_new_tokens=2), ValueError, "hold NaN or"),
        (lambda: greedy(constant(0, np.inf), [[1]], max_new_tokens=2), ValueError, "NaN or .inf"),
        (
            lambda: greedy(constant(-np.inf, -np.inf), [[1]], max_new_tokens=2),
            ValueError,
            "logits must allow at least one token, got a row of -inf alone",
        ),
        (
            lambda: greedy(constant(0, 1), [[1]], max_new_tokens=2, end_id=2),
            ValueError,
            r"end_id must lie in 0..1, the columns of the logits, got 2",
        ),
        (
            lambda: greedy(constant(0, 1), [[1]], max_new_tokens=0),
            ValueError,
            "max_new_tokens must",
        ),
        (lambda: greedy(constant(0, 1), [[1]], max_new_tokens=2.0), TypeError, "max_new_tokens mu"),
        (
            lambda: greedy(constant(0), [[1]], max_new_tokens=2, end_id=-1),
            ValueError,
            "end_id must",
        ),
        (lambda: greedy(constant(0), [], max_new_tokens=2), ValueError, "at least one prompt, got"),
        (
            lambda: greedy(constant(0), [[1], []], max_new_tokens=2),
            ValueError,
            r"prompts\[1\] must",
        ),
        (
            lambda: greedy(constant(0), [1, 2], max_new_tokens=2),
            ValueError,
            r"prompts\[0\] must be",
        ),
        (lambda: greedy(constant(0), [[1.5]], max_new_tokens=2), TypeError, "hold integers, got d"),
        (
            lambda: greedy(lambda ids: np.zeros((1, 2, 3)), [[1]], max_new_tokens=2),
            ValueError,
            r"next_logits must return shape \(rows, vocabulary\) for 1 rows, got \(1, 2, 3\)",
        ),
        (lambda: greedy(7, [[1]], max_new_tokens=2), TypeError, "model must be a function of ids"),
        (
            lambda: sample(constant(0), [[1]], max_new_tokens=2, temperature=0),
            ValueError,
            "temperature must be finite and > 0, got 0; for the most likely token use greedy",
        ),
        (
            lambda: sample(constant(0), [[1]], max_new_tokens=2, top_k=0),
            ValueError,
            "top_k must be >= 1, got 0",
        ),
        (
            lambda: sample(constant(0), [[1]], max_new_tokens=2, top_p=1.5),
            ValueError,
            "top_p must be above 0 and at most 1, got 1.5",
        ),
        (
            lambda: beam_search(constant(0), [[1]], max_new_tokens=2, beams=0),
            ValueError,
            "beams must be >= 1, got 0",
        ),
        (
            lambda: beam_search(constant(0), [[1]], max_new_tokens=2, length_penalty=-1),
            ValueError,
            "length_penalty must be finite and >= 0, got -1",
        ),
        (lambda: Cached(None, prompt="prefix"), ValueError, "prompt must be 'causal' or 'bidir"),
        (lambda: next_probabilities([np.nan, 0]), ValueError, "logits must not hold NaN"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_model_of_ones_own_must_give_a_row_a_hypothesis():
    class Short:
        def start(self, prompts):
            return np.zeros((1, 3)), None

        def step(self, state, ids):
            return np.zeros((1, 3)), None

        def reorder(self, state, rows):
            return None

    with pytest.raises(ValueError, match=r"logits must have shape \(2, vocabulary\), got \(1, 3\)"):
        greedy(Short(), [[1], [2]], max_new_tokens=2)
