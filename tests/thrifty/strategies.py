"""Patterns for hypothesis to draw, shared by the tests."""

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
