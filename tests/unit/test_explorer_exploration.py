"""A scan explored in a notebook: its blobs are those that `friedel run` writes, whatever was asked before."""

import warnings

import numpy as np
import pytest

import friedel
from friedel.errors import CapacityError, FriedelError, FriedelWarning, InputError, RecipeError
from friedel.explorer.exploration import Exploration
from friedel.io.clean_store import read_clean
from friedel.model.blobs import Flag
from tests.explorer_source import read_as_stored, same_blobs_within
from tests.oracles_segment import same_bytes
from tests.viewer_scan import FRAMES, run, write_recipe

LOOSE = {"seed_threshold": 25.0, "grow_min": 14.0, "max_bright_fraction": 1.0, "seed_min_voxels": 3}
SETTINGS = [
    {},
    LOOSE,
    {**LOOSE, "min_size": (3, 3, 2), "overlap": "watershed"},
    {**LOOSE, "unit": "sigma", "noise": "local", "seed_threshold": 7.0, "grow_min": 5.0},
]


@pytest.fixture
def explored():
    """Explorations that are closed afterwards; what they warn of is not heard, the scan is full of it."""
    made = []

    def explore(path, **how):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FriedelWarning)
            made.append(friedel.explore(path, **how))
        return made[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FriedelWarning)
        yield explore
    for one in made:
        one.close()


def with_segment(folder, changes):
    """A recipe with these parameters of [segment], and the blobs of a run of it."""
    recipe = write_recipe(folder)
    settings = {f"segment.{name}": value for name, value in changes.items()}
    return recipe, friedel.read_blobs(run(recipe, settings=settings, to_stage="segment") / "blobs.h5")


@pytest.mark.parametrize("before", ["another recipe's run", "this recipe's run"])
@pytest.mark.parametrize("changes", SETTINGS, ids=lambda changes: " ".join(changes) or "the recipe's")
def test_the_blobs_are_those_of_a_run(changes, before, tmp_path, explored):
    recipe, written = with_segment(tmp_path, changes)
    scan = explored(recipe if before == "this recipe's run" else recipe.rename(recipe.with_name("mine.toml")))
    assert same_bytes(read_as_stored(scan.set(**changes).blobs()), written)
    assert scan.counts() == written.counts_by_reason()
    assert scan.counts()["kept"] == len(written) > 0


def test_one_setting_after_the_other_gives_what_each_gives_alone(tmp_path, explored):
    recipe = write_recipe(tmp_path)
    scan = explored(recipe)
    for number, changes in enumerate([*SETTINGS, SETTINGS[0]]):
        settings = {f"segment.{name}": value for name, value in changes.items()}
        out = run(recipe, out=tmp_path / str(number), settings=settings, to_stage="segment")
        again = explored(recipe, settings=settings)
        scan.set(**{name: getattr(again.params, name) for name in LOOSE | SETTINGS[2] | SETTINGS[3]})
        assert scan.params == again.params
        assert same_bytes(read_as_stored(scan.blobs()), friedel.read_blobs(out / "blobs.h5"))


@pytest.mark.parametrize("frames", [(0, FRAMES), (0, 30), (5, 36), (18, 60)])
def test_the_blobs_of_a_few_frames_are_those_of_a_run_to_the_byte(frames, tmp_path, explored):
    recipe, written = with_segment(tmp_path, LOOSE)
    scan = explored(recipe).set(**LOOSE)
    part = scan.blobs(frames)
    if frames == (0, FRAMES):
        assert same_bytes(read_as_stored(part), written)
    same_blobs_within(read_as_stored(part), written, *frames)
    assert part.shape == written.shape
    cut = (part.columns["frame_start"] == frames[0]) | (part.columns["frame_stop"] == frames[1])
    assert ((part.columns["flags"] & Flag.SCAN_END) != 0).tolist() == cut.tolist()
    assert sum(scan.counts(frames).values()) == len(part.reason)


def test_an_output_folder_is_explored_like_its_recipe(tmp_path, explored):
    out = run(write_recipe(tmp_path), to_stage="segment")
    scan = explored(out)
    assert scan._source.finished("preprocess")
    assert same_bytes(read_as_stored(scan.blobs()), friedel.read_blobs(out / "blobs.h5"))


def test_clean_frames_are_those_of_a_run(tmp_path, explored):
    recipe = write_recipe(tmp_path, "preprocess.keep_clean=true")
    out = run(recipe, out=tmp_path / "elsewhere", to_stage="segment")
    frames = np.concatenate([block.frames for block in read_clean(out / "clean.h5")])
    np.testing.assert_array_equal(explored(recipe).clean(17, 29), frames[17:29])


def test_histogram_and_elbow_tell_what_thresholds_would_find(tmp_path, explored):
    scan = explored(write_recipe(tmp_path)).set(**LOOSE)
    found, curve = scan.histogram(), scan.elbow()
    assert len(found.edges) == len(found.counts) + 1 == len(found.noise) + 1
    level = scan.clean(0, FRAMES)[:, ~scan._resegmenter().frame_threshold.left_out]
    high = found.edges[:-1] > scan.params.grow_min
    assert found.counts[high].sum() == np.count_nonzero(level >= found.edges[:-1][high][0])
    assert curve.done == len(curve.thresholds) == len(curve.blobs)
    k = int(np.flatnonzero(curve.thresholds > scan.params.grow_min)[3])
    assert curve.blobs[k] == scan.set(seed_threshold=float(curve.thresholds[k])).counts()["kept"]


def test_pairs_need_a_geometry_and_are_counted_and_sought_with_it(tmp_path, explored):
    with pytest.raises(FriedelError, match=r"\[setup\] and \[\[phase\]\]"):
        explored(write_recipe(tmp_path)).pairable()
    geometry = (
        "setup.energy_keV=40.0",
        "setup.detector={ distance_um = 4000.0, pixel_um = 100.0, centre_px = [39.5, 23.5] }",
        'phase=[{ name = "Al", lattice = [4.0495, 4.0495, 4.0495, 90, 90, 90], spacegroup = "F m -3 m" }]',
    )
    scan = explored(write_recipe(tmp_path, *geometry))
    found = scan.pairable()
    assert found.blobs == scan.counts()["kept"]
    assert 0 <= found.fraction <= 1
    before = scan.params
    best = scan.propose()
    assert scan.params == before
    if best is not None:
        assert scan.set(**best.changes).params == best.params


def test_what_a_run_would_refuse_is_refused_and_changes_nothing(tmp_path, explored):
    scan = explored(write_recipe(tmp_path))
    before = scan.params
    with pytest.raises(RecipeError, match=r"segment\.tolerance"):
        scan.set(tolerance=2.0)
    with pytest.raises(RecipeError, match="seed_threshold"):
        scan.set(seed_treshold=2.0)
    assert scan.params == before
    for frames in ((-1, 3), (5, 5), (0, FRAMES + 1)):
        with pytest.raises(InputError, match=r"within 0\.\.60"):
            scan.blobs(frames)
    with pytest.raises(FriedelError):
        explored(tmp_path / "nothing.toml")


def test_thresholds_that_the_memory_does_not_allow_are_refused(tmp_path, explored, monkeypatch):
    monkeypatch.setattr("friedel.explorer.collecting._MOST_BYTES", 20_000)
    scan = explored(write_recipe(tmp_path)).set(grow_min=0.5, tolerance=0.0, max_bright_fraction=1.0)
    with pytest.raises(CapacityError, match="more voxels than can be kept"):
        scan.blobs()
    assert len(scan.set(grow_min=60.0).blobs().reason) > 0


def test_what_a_run_would_warn_of_is_warned_of_once(tmp_path):
    with Exploration.open(write_recipe(tmp_path)) as scan, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        scan.set(**LOOSE, growth="literal", grow_max=14.5)
        scan.blobs()
        scan.set(min_size=(2, 2, 2)).blobs()
    assert len([one for one in heard if "no range to grow in" in str(one.message)]) == 1
    assert heard[-1].filename == __file__
