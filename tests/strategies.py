"""Hypothesis strategies that several tests draw from."""

from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)
"""Of numpy's generators."""

SENSES = st.sampled_from([1, -1])
"""Of the rotation."""

FLIPS = st.sampled_from([(), ("cols",), ("rows",), ("rows", "cols")])
"""Of the detector."""


def triples(most: float) -> st.SearchStrategy[tuple[float, float, float]]:
    """Three numbers of at most `most` either way: positions in um, tilts in degrees."""
    return st.tuples(*[st.floats(-most, most)] * 3)
