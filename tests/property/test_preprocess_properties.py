"""Whatever the blocks and threads: the same clean frames, and those of the oracle."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from friedel.errors import FriedelWarning
from friedel.model.scan import ArrayFrames, Scan
from friedel.preprocess import PreprocessParams, clean_blocks, measure_baseline, stream
from tests import oracles_preprocess as oracles
from tests.scan_files import with_gaps
from tests.strategies import SEEDS


class Pool:
    """An executor of several threads."""

    def __init__(self, threads):
        self.threads = threads

    def map(self, work, items):
        with ThreadPoolExecutor(self.threads) as pool:
            yield from list(pool.map(work, items))


GAPS = [(), (), ((1, 2),), ((2, 3), (5, 31)), ((17, 40), (41, 58))]


def cleaned(scan, params, baseline, windows, executor=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FriedelWarning)
        blocks = clean_blocks(scan, params, baseline, windows_per_block=windows, executor=executor)
        parts = [(block.frames.copy(), block.saturated + block.start * scan.mask.size) for block in blocks]
    return np.concatenate([part for part, _ in parts]), np.concatenate([flat for _, flat in parts])


@st.composite
def cases(draw):
    shape = draw(st.tuples(st.integers(3, 60), st.integers(2, 9), st.integers(3, 70)))
    rng = np.random.default_rng(draw(SEEDS))
    raw = rng.poisson(rng.uniform(60, 500), shape).astype(draw(st.sampled_from([np.uint16, np.float32])))
    flooded = rng.random(shape) < 0.01
    flooded[:, 0] = False  # a margin that saturates, or that is as dark as the dark, makes a frame unusable
    raw[flooded] = 65535
    if raw.dtype == np.float32:
        raw[rng.random(shape) < 0.01] = np.nan
    mask = rng.random(shape[1:]) < draw(st.sampled_from([0.0, 0.1]))
    dark = rng.normal(20, 2, shape[1:]).astype(np.float32)
    scan = with_gaps(Scan(ArrayFrames(raw), 0.0, 1.0, dark, mask), draw(st.sampled_from(GAPS)))
    half_window = draw(st.integers(0, 35))
    params = PreprocessParams(
        beam="none",
        margin=((0, 0, shape[2], 1),),
        normalise=draw(st.sampled_from(["margin", "none"])),
        half_window=half_window,
        half_step=draw(st.integers(0, min(half_window, 6))),
        wrap=draw(st.booleans()),
        despeckle=draw(st.sampled_from([1, 3])),
        background=draw(st.sampled_from(["moving_median", "moving_median", "none"])),
        arithmetic=draw(st.sampled_from(["fixed", "float32"])),
    )
    return scan, params, raw


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(1, 7), st.integers(1, 3), st.integers(1, 16))
def test_blocks_and_threads_change_nothing_and_the_oracle_agrees(case, windows, threads, frames):
    scan, params, raw = case
    baseline = measure_baseline(scan, params)
    if params.normalise == "margin" and baseline.reference_level <= 0:
        params = params.replaced(normalise="none")
    whole, saturated = cleaned(scan, params, baseline, 1000)
    ours = stream.block_frames
    stream.block_frames = lambda pixels: frames
    try:
        parts, flat = cleaned(scan, params, baseline, windows, Pool(threads))
    finally:
        stream.block_frames = ours
    np.testing.assert_array_equal(parts, whole)
    np.testing.assert_array_equal(flat, saturated)
    np.testing.assert_array_equal(whole, oracles.clean(raw, params, scan, baseline))
    recorded = np.isin(np.arange(len(raw)), scan.present)[:, None, None]
    masked = scan.mask if baseline.dead is None else scan.mask | baseline.dead
    np.testing.assert_array_equal(saturated, np.flatnonzero((raw >= 65535) & ~masked & recorded))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([-40, 25, 300]))
def test_an_offset_of_frames_and_dark_together_changes_nothing(seed, offset):
    raw = np.random.default_rng(seed).poisson(400, (40, 6, 40)).astype(np.uint16)
    params = PreprocessParams(normalise="none", half_window=9, half_step=2)
    dark = np.full(raw.shape[1:], 50, np.float32)
    none = np.zeros(raw.shape[1:], bool)
    plain = Scan(ArrayFrames(raw), 0.0, 1.0, dark, none)
    shifted = Scan(ArrayFrames((raw.astype(int) + offset).astype(np.uint16)), 0.0, 1.0, dark + offset, none)
    baseline = measure_baseline(plain, params)
    np.testing.assert_array_equal(cleaned(plain, params, baseline, 3)[0], cleaned(shifted, params, baseline, 3)[0])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.booleans())
def test_a_flipped_scan_gives_flipped_frames(seed, rows, cols):
    raw = np.random.default_rng(seed).poisson(400, (40, 7, 45)).astype(np.uint16)
    params = PreprocessParams(normalise="none", half_window=9, half_step=2)
    flip = (slice(None), slice(None, None, -1 if rows else 1), slice(None, None, -1 if cols else 1))
    dark, none = np.full(raw.shape[1:], 50, np.float32), np.zeros(raw.shape[1:], bool)
    plain, turned = (Scan(ArrayFrames(frames), 0.0, 1.0, dark, none) for frames in (raw, raw[flip]))
    baseline = measure_baseline(plain, params)
    np.testing.assert_array_equal(
        cleaned(turned, params, baseline, 2)[0], cleaned(plain, params, baseline, 2)[0][flip]
    )
