"""Patterns and masks for hypothesis to draw, shared by the tests."""

import numpy as np
from hypothesis import strategies as st

from thrifty.patterns import Atrous, Causal, Full, Global, Local

LENGTHS = st.integers(1, 300)
# As many keys as queries, or another number.
KEYS = st.none() | LENGTHS


def patterns(own):
    """All kinds of patterns and what joins them; `own` is one that the planner knows nothing of."""
    single = st.one_of(
        st.sampled_from([Full(), Causal(), own]),
        st.integers(0, 90).map(Local),
        st.integers(1, 90).map(Atrous),
        st.integers(1, 5).map(Global),
    )
    return st.recursive(
        single,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
            st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
        ),
        max_leaves=4,
    )


# Mostly patterns that have tiles: drawn at random, most are dense.
TILED = st.one_of(
    st.integers(0, 40).map(Local),
    st.integers(2, 40).map(Atrous),
    st.tuples(st.integers(0, 30), st.integers(2, 30)).map(lambda p: Local(p[0]) | Atrous(p[1])),
    st.tuples(st.integers(0, 90), st.integers(2, 30)).map(lambda p: Local(p[0]) & Atrous(p[1])),
    st.tuples(st.integers(0, 30), st.integers(1, 5)).map(lambda p: Local(p[0]) | Global(p[1])),
    st.tuples(st.integers(0, 20), st.integers(2, 20), st.integers(1, 5)).map(
        lambda p: Global(p[2]) | Atrous(p[1]) | Local(p[0])
    ),
)

# --- what masks of sequences are made from --------------------------------------------------------

SIZES = st.integers(0, 8)


def _rows(element):
    return SIZES.flatmap(lambda n: st.lists(element, min_size=n, max_size=n).map(_integers))


def _integers(values):
    return np.array(values, dtype=int)


# -1 is padding, which may stand anywhere.
BLOCK_IDS = _rows(st.integers(-1, 4))
SEGMENT_IDS = _rows(st.integers(-1, 1))
ORDERS = SIZES.flatmap(lambda n: st.permutations(range(n)).map(_integers))


@st.composite
def prefixes(draw):
    """Segment ids of a source, then a target, with padding anywhere."""
    ids = draw(SEGMENT_IDS)
    ids[ids >= 0] = np.sort(ids[ids >= 0])
    return ids


@st.composite
def trees(draw):
    """Parents of a forest whose nodes are numbered in any order."""
    n = draw(SIZES)
    parents = _integers([draw(st.integers(-1, node - 1)) for node in range(n)])
    names = np.append(draw(st.permutations(range(n))), -1).astype(int)
    renamed = np.empty(n, dtype=int)
    renamed[names[:-1]] = names[parents]
    return renamed
