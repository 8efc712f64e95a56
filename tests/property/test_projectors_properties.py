"""What holds for the projections of any volume in any direction."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from friedel.kernels.reconstruct.projectors import back_any, back_columns, forward_any, forward_columns
from tests.oracles_projectors import as_any
from tests.strategies import SEEDS

sizes = st.integers(1, 7)
cases = st.tuples(sizes, sizes, sizes, st.integers(1, 9), st.integers(1, 9), SEEDS)


def made(case):
    x, y, z, width, height, seed = case
    rng = np.random.default_rng(seed)
    slope = rng.uniform(-1.5, 1.5, (3, 2, 2))
    offset = rng.uniform(-4, 10, (3, 2))
    # whole numbers are where the weights of a pixel vanish
    offset[0] = np.rint(offset[0])
    spans = np.sort(rng.integers(0, z + 1, (x, y, 2)), axis=2)
    return rng.random((x, y, z)), rng.random((3, width, height)), spans, slope, offset


@given(cases)
@settings(max_examples=300, deadline=None)
def test_forward_and_back_are_adjoint(case):
    volume, images, spans, slope, offset = made(case)
    there, back = np.zeros_like(images), np.zeros_like(volume)
    forward_columns(volume, spans, slope, offset, there)
    back_columns(images, spans, slope, offset, back)
    np.testing.assert_allclose((there * images).sum(), (volume * back).sum(), rtol=1e-9, atol=1e-12)


@given(cases)
@settings(max_examples=300, deadline=None)
def test_columns_and_generic_projector_agree(case):
    volume, images, spans, slope, offset = made(case)
    spans[..., 0], spans[..., 1] = 0, volume.shape[2]
    pairs = [(np.zeros_like(images), np.zeros_like(volume)) for _ in range(2)]
    forward_columns(volume, spans, slope, offset, pairs[0][0])
    back_columns(images, spans, slope, offset, pairs[0][1])
    forward_any(volume, as_any(slope, offset), pairs[1][0])
    back_any(images, as_any(slope, offset), pairs[1][1])
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@given(cases)
@settings(max_examples=100, deadline=None)
def test_no_value_is_made_and_what_stays_on_the_detector_is_not_lost(case):
    volume, images, spans, slope, offset = made(case)
    spans[..., 0], spans[..., 1] = 0, volume.shape[2]
    there, wide = np.zeros_like(images), np.zeros((3, 80, 80))
    forward_columns(volume, spans, slope, offset, there)
    forward_columns(volume, spans, slope, offset + 32.0, wide)
    assert (there >= 0).all()
    assert (there.sum(axis=(1, 2)) <= volume.sum() * (1 + 1e-12)).all()
    np.testing.assert_allclose(wide.sum(axis=(1, 2)), volume.sum())
