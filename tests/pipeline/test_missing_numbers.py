"""Frames with values that are no numbers, from the raw scan to the flags of the blobs."""

import numpy as np

import friedel
from friedel.io.clean_store import read_clean
from friedel.model.blobs import Flag


def test_a_blob_beside_values_that_are_no_numbers_says_so_also_from_clean_frames(tmp_path):
    raw = np.random.default_rng(3).normal(100, 2, (60, 40, 50)).astype(np.float32)
    for frame, col in ((20, 12), (40, 35)):
        raw[frame : frame + 3, 18:24, col : col + 6] += 300
    raw[21, 20, 18] = np.nan  # beside the first
    np.save(tmp_path / "raw.npy", raw)
    settings = ["scan.dark=0", "scan.omega={start_deg=0,step_deg=1}",
                "preprocess.beam=none", "preprocess.normalise=none", "preprocess.half_window=20",
                "preprocess.half_step=5", "preprocess.keep_clean=true"]  # fmt: skip
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'[scan]\nframes = "{tmp_path / "raw.npy"}"\n')
    out = friedel.run(recipe, tmp_path / "out", settings=settings)
    for threshold in (None, 60):  # the second time from clean.h5
        if threshold is not None:
            friedel.run(recipe, out, settings=[*settings, f"segment.seed_threshold={threshold}"])
        blobs = friedel.read_blobs(out / "blobs.h5")
        assert (blobs["flags"] & Flag.EXCLUDED > 0).tolist() == [True, False]
    for block in read_clean(out / "clean.h5"):
        np.testing.assert_array_equal(np.isnan(block.frames), np.isnan(raw[block.start : block.stop]))
