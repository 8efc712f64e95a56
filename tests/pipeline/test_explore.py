"""`friedel.explore`: what it finds in a simulated scan is what a run of the same parameters writes."""

import friedel
from friedel.io.store import read_pairs
from tests.explorer_source import read_as_stored, same_blobs_within
from tests.oracles_segment import same_bytes
from tests.pipeline.conftest import WINDOW


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
