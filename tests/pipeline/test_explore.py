"""`friedel.explore`: what it finds in a simulated scan is what a run of the same parameters writes."""

import numpy as np

import friedel
from friedel.io.store import read_pairs
from friedel.output_folder.reader import OutputFolder
from tests.explorer_source import read_as_stored, same_blobs_within
from tests.oracles_segment import same_bytes
from tests.pipeline.conftest import WINDOW
from tests.viewer_scan import page_of


def test_blobs_and_pairs_are_those_of_a_run(scan, tmp_path):
    recipe = scan.with_suffix(".toml")
    out = friedel.run(recipe, tmp_path / "out", to_stage="match", settings=WINDOW)
    blobs, pairs = friedel.read_blobs(out / "blobs.h5"), read_pairs(out / "pairs.h5")
    for path, settings in ((out, ()), (recipe, WINDOW)):
        with friedel.explore(path, settings=settings) as explored:
            assert same_bytes(read_as_stored(explored.blobs()), blobs)
            same_blobs_within(read_as_stored(explored.blobs((50, 140))), blobs, 50, 140)
            found = explored.pairable()
            assert (found.pairs, found.null, found.blobs) == (len(pairs), pairs.null_pairs, len(blobs))


def test_notebook_and_page_count_pairs_with_the_geometry_that_a_run_has_calibrated(scan, tmp_path, monkeypatch):
    shifted = ("setup.calibrate=on", "setup.detector.centre_px=[61.0,55.5]")
    out = friedel.run(scan.with_suffix(".toml"), tmp_path / "out", to_stage="match", settings=(*WINDOW, *shifted))
    folder = OutputFolder(out)
    assert not np.allclose(folder.setup.detector.origin_um, folder.recipe.setup.setup().detector.origin_um)

    def calibrated_again(*_, **__):
        raise AssertionError("the run has calibrated it")

    monkeypatch.setattr("friedel.explorer.pairable.choose_setup", calibrated_again)
    with friedel.explore(out) as explored:
        found = explored.pairable()
        assert (found.pairs, found.null) == (len(folder.pairs), folder.pairs.null_pairs)
        strong = explored.set(seed_threshold=150.0).pairable()
    assert 0 < strong.pairs < found.pairs
    with page_of(out) as page:
        draft = page.get("api/session").json()["recipe"]["segment"]
        for threshold, one in ((60.0, found), (150.0, strong)):
            segment = {**draft, "seed_threshold": threshold}
            assert page.post("api/pairable", json={"client": "me", "segment": segment}).json() == one.plain()
