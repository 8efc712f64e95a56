"""Frames are read and cleaned again when the grains are known: with the values of the pass, or not at all."""

from dataclasses import replace

import numpy as np
import pytest

import friedel
from friedel.errors import FriedelWarning, ScanError
from friedel.io.clean_store import read_clean
from friedel.output_folder.record import read_run_record
from friedel.runner import clean_again, grain_stages
from friedel.runner.clean_again import FramesAgain
from tests.fake_stages import contents, reconstruct, run, standing_in, write_inputs

KEPT = ("preprocess.keep_clean=true", "segment.exclude=[[0, 0, 4, 4]]")


@pytest.fixture
def patch():
    with standing_in() as patch:
        yield patch


def test_frames_read_again_are_those_of_the_pass(patch, tmp_path):
    heard = {}

    def listening(*inputs, frames=None, **options):
        wanted = np.arange(frames.count) % 7 != 3
        heard.update({b.start + n: b.frames[n].copy() for b in frames.blocks(wanted) for n in range(len(b.frames))})
        heard["noise"] = frames.noise
        return reconstruct(*inputs, frames=frames, **options)

    patch.setattr(grain_stages, "reconstruct", listening)
    out = run(write_inputs(tmp_path), tmp_path / "out", KEPT)
    noise = heard.pop("noise")
    assert np.isinf(noise[:4, :4]).all()
    assert np.isfinite(noise[4:, 4:]).all()
    for block in read_clean(out / "clean.h5"):
        for n, frame in enumerate(block.frames, block.start):
            if n % 7 != 3:
                np.testing.assert_array_equal(heard.pop(n), frame)
    assert not heard


def test_a_scan_that_cannot_be_read_again_is_said_and_the_stage_done_again_when_it_can(patch, tmp_path):
    recipe, blocks = write_inputs(tmp_path), FramesAgain.blocks
    whole = run(recipe, tmp_path / "whole")

    def broken(self, wanted):
        yield from list(blocks(self, wanted))[:1]
        raise ScanError("frame 7 of frames.npy", rule="cannot be read")

    patch.setattr(FramesAgain, "blocks", broken)
    with pytest.warns(FriedelWarning, match=r"faint spots are not .* frame 7"):
        out = friedel.run(recipe, tmp_path / "out", report=False)
    patch.setattr(FramesAgain, "blocks", blocks)
    assert [*read_run_record(out).stages][-1] == "assemble"
    assert contents(out) != contents(whole)
    run(recipe, out)
    assert contents(out) == contents(whole)


def test_a_frame_that_cannot_be_used_any_more_stops_the_search(patch, tmp_path):
    recipe = write_inputs(tmp_path)

    def spoiled(*inputs, frames=None, **options):
        if frames is not None:
            raw = np.load(tmp_path / "frames.npy", mmap_mode="r+")
            raw[9] = 0
            raw.flush()
        return reconstruct(*inputs, frames=frames, **options)

    patch.setattr(grain_stages, "reconstruct", spoiled)
    with pytest.warns(FriedelWarning, match="faint spots are not looked for"):
        friedel.run(recipe, tmp_path / "out", report=False)


def test_a_scan_that_is_not_measured_as_at_first_is_not_used(patch, tmp_path):
    """As where one of the frames that noise is measured on cannot be read this time."""
    usual = clean_again.measure_baseline
    patch.setattr(
        clean_again, "measure_baseline", lambda *given: replace(usual(*given), sigma=1.01 * usual(*given).sigma)
    )
    with pytest.warns(FriedelWarning, match="must have the sigma that was measured at first"):
        friedel.run(write_inputs(tmp_path), tmp_path / "out", report=False)
