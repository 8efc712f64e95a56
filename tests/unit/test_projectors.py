"""The projector pair, and the images of spots that it is compared with."""

import numpy as np
import pytest

from friedel.kernels.reconstruct import spot_projections
from friedel.kernels.reconstruct.projectors import back_any, back_columns, forward_any, forward_columns
from tests.oracles_projectors import as_any, matrix_of

SHAPE, PIXELS = (5, 6, 9), (11, 14)


def geometry(count=7, seed=0, shift=0.0):
    """Slopes and offsets of some spots; `shift` moves the grain over the detector's edge."""
    rng = np.random.default_rng(seed)
    omega = rng.uniform(0, 2 * np.pi, count)
    iy, iz = rng.uniform(-0.3, 0.3, (2, count))
    c, s = np.cos(omega), np.sin(omega)
    slope = np.ascontiguousarray(np.moveaxis(np.array([[s - c * iy, c + s * iy], [-c * iz, s * iz]]), -1, 0))
    middle = (np.array(SHAPE) - 1) / 2
    offset = (np.array(PIXELS) - 1) / 2 - slope @ middle[:2] - np.array([0, middle[2]])
    return slope, offset + shift + rng.uniform(-0.5, 0.5, (count, 2))


def full_spans(shape=SHAPE):
    spans = np.zeros((*shape[:2], 2), np.int64)
    spans[..., 1] = shape[2]
    return spans


def some_spans(seed=3):
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, SHAPE[2] + 1, (*SHAPE[:2], 2)), axis=2)
    return ends.astype(np.int64)


@pytest.mark.parametrize("shift", [0.0, 4.0, -5.5, 7.3, -9.0, 40.0])
@pytest.mark.parametrize("spans", [full_spans(), some_spans()], ids=["full", "some"])
def test_both_directions_equal_the_matrix_of_tents(spans, shift):
    slope, offset = geometry(shift=shift)
    matrix = matrix_of(SHAPE, spans, slope, offset, PIXELS)
    rng = np.random.default_rng(1)
    volume, images = rng.normal(size=SHAPE), rng.normal(size=(7, *PIXELS))
    there, back = np.zeros_like(images), np.zeros_like(volume)
    forward_columns(volume, spans, slope, offset, there)
    back_columns(images, spans, slope, offset, back)
    np.testing.assert_allclose(there.ravel(), matrix @ volume.ravel(), atol=1e-12)
    np.testing.assert_allclose(back.ravel(), matrix.T @ images.ravel(), atol=1e-12)


@pytest.mark.parametrize("shift", [0.0, 5.2, -6.1])
def test_columns_equal_the_generic_projector(shift):
    slope, offset = geometry(shift=shift)
    rng = np.random.default_rng(2)
    volume, images = rng.normal(size=SHAPE), rng.normal(size=(7, *PIXELS))
    there, there_any, back, back_any_ = (np.zeros_like(a) for a in (images, images, volume, volume))
    forward_columns(volume, full_spans(), slope, offset, there)
    forward_any(volume, as_any(slope, offset), there_any)
    back_columns(images, full_spans(), slope, offset, back)
    back_any(images, as_any(slope, offset), back_any_)
    np.testing.assert_allclose(there, there_any, atol=1e-12)
    np.testing.assert_allclose(back, back_any_, atol=1e-12)


@pytest.mark.parametrize(("kind", "close"), [(np.float64, 1e-12), (np.float32, 2e-6)])
def test_back_projection_is_the_transpose(kind, close):
    slope, offset = geometry(count=40, shift=3.0)
    rng = np.random.default_rng(3)
    volume, images = rng.random(SHAPE).astype(kind), rng.random((40, *PIXELS)).astype(kind)
    there, back = np.zeros_like(images), np.zeros_like(volume)
    forward_columns(volume, some_spans(), slope, offset, there)
    back_columns(images, some_spans(), slope, offset, back)
    left = float((there.astype(float) * images).sum())
    assert left == pytest.approx(float((volume.astype(float) * back).sum()), rel=close)


def test_the_generic_pair_is_a_transpose_for_any_plane():
    rng = np.random.default_rng(4)
    matrix = rng.uniform(-1, 1, (5, 2, 4)) + np.array([0, 0, 0, 5.0])
    volume, images = rng.random(SHAPE), rng.random((5, *PIXELS))
    there, back = np.zeros_like(images), np.zeros_like(volume)
    forward_any(volume, matrix, there)
    back_any(images, matrix, back)
    assert float((there * images).sum()) == pytest.approx(float((volume * back).sum()), rel=1e-12)


def test_both_directions_add_to_what_is_there():
    slope, offset = geometry()
    volume, images = np.ones(SHAPE), np.ones((7, *PIXELS))
    once, twice = np.zeros_like(images), np.zeros_like(images)
    forward_columns(volume, full_spans(), slope, offset, once)
    for _ in range(2):
        forward_columns(volume, full_spans(), slope, offset, twice)
    np.testing.assert_allclose(twice, 2 * once)
    back_columns(images, some_spans(), slope, offset, volume)
    assert (volume >= 1).all()
    k = np.arange(SHAPE[2])
    outside = (k < some_spans()[..., :1]) | (k >= some_spans()[..., 1:])
    assert (volume[outside] == 1).all()


def test_a_blob_is_summed_over_its_frames():
    pointer = np.array([0, 2, 6])
    row, col = np.array([9, 9, 4, 4, 5, 30]), np.array([9, 9, 7, 7, 8, 30])
    value = np.array([9.0, 9.0, 1.0, 2.0, 5.0, 7.0], np.float32)
    out = np.zeros((1, 3, 4), np.float32)
    spot_projections.sum_over_frames(np.array([1]), np.array([[3, 6]]), pointer, row, col, value, out)
    expected = np.zeros((3, 4))
    expected[1, 1], expected[2, 2] = 3, 5
    np.testing.assert_array_equal(out[0], expected)


def test_pixels_beyond_the_detector_are_not_known():
    known = np.ones((1, 4, 4), bool)
    spot_projections.mark_outside(np.array([[-1, 7]]), 10, 10, known)
    assert known[0].tolist() == [[False] * 4, *[[True, True, True, False]] * 3]


@pytest.mark.parametrize(
    ("frames", "turn", "hidden"),
    [((5, 6), 0, True), ((8, 9), 0, False), ((19, 20), 20, True), ((19, 20), 0, False)],
)
def test_pixels_that_another_blob_claimed_in_the_same_frames_are_not_known(frames, turn, hidden):
    # the blob at hand covers frames 4 and 5, or -1 to 6 across the ends of a full turn of 20
    mine = (-1, 7, 2, 4, 2, 4) if turn else (4, 7, 2, 4, 2, 4)
    box = np.array([mine, (*frames, 3, 4, 3, 4)])
    voxels = (np.array([4, frames[0]]), np.array([2, 3]), np.array([2, 3]))
    known = np.ones((1, 6, 6), bool)
    order = np.argsort(box[:, 0], kind="stable")
    longest = int((box[:, 1] - box[:, 0]).max())
    spot_projections.claimed_by_others(
        np.array([0]), np.array([[0, 0]]), box, order, longest, turn, np.array([0, 1, 2]), voxels, known
    )
    assert known[0, 3, 3] != hidden
    assert known.sum() == 36 - hidden


def test_a_detector_without_tilt_is_copied_pixel_by_pixel():
    rng = np.random.default_rng(5)
    images, known = rng.random((1, 8, 9)).astype(np.float32), np.ones((1, 8, 9), bool)
    known[0, 3, 4] = False
    affine = np.array([[[0.0, -1.0, 6.0], [1.0, 0.0, 2.0]]])
    affine += 1e-12
    image, weight = np.empty((1, 6, 5), np.float32), np.empty((1, 6, 5), np.float32)
    spot_projections.resample(images, known, affine, 1, image, weight)
    expected = np.array([[images[0, 6 - v, 2 + u] for v in range(5)] for u in range(6)])
    expected[2, 3] = 0
    np.testing.assert_array_equal(image[0], expected)
    assert (weight == 0).sum() == 1


def test_larger_pixels_keep_the_mean():
    images, known = np.zeros((1, 20, 20), np.float32), np.ones((1, 20, 20), bool)
    images[0, 6:14, 6:14] = 3.0
    affine = np.array([[[2.0, 0.0, 0.5], [0.0, 2.0, 0.5]]])
    image, weight = np.empty((1, 10, 10), np.float32), np.empty((1, 10, 10), np.float32)
    spot_projections.resample(images, known, affine, 2, image, weight)
    assert image.sum() * 4 == pytest.approx(images.sum())
    assert (weight == 1).all()
