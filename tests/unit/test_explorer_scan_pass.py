"""The pass over a scan: clean frames are exactly the run's, and so are the bright voxels that it collects."""

import numpy as np
import pytest

from friedel.errors import CapacityError, FriedelError
from friedel.explorer.collecting import Collector, above_floor, floor_of
from friedel.explorer.scan_pass import ScanPass
from friedel.explorer.sub_volume import SubVolumes
from friedel.io import open_scan
from friedel.io.clean_store import read_clean
from friedel.io.store import read_blobs
from friedel.model.baseline import Baseline
from friedel.model.stream import CleanBlock, Serial
from friedel.runner.segment_images import SegmentImages
from friedel.segment import SegmentParams, bright_voxels
from friedel.viewer.project import Project
from tests.explorer_source import spotty
from tests.viewer_scan import FRAMES, run, settled, write_recipe


@pytest.fixture
def scan_pass_of():
    """Sweeps that have done all they can; they are ended afterwards."""
    made = []

    def make(path, *, start=True):
        project = Project.open(path)
        scan_pass = ScanPass(project)
        made.append(scan_pass)
        if start:
            scan_pass.start()
            settled(scan_pass)
        return scan_pass

    yield make
    for scan_pass in made:
        scan_pass.close()
        scan_pass.source.executor.close()


def kept_frames(out):
    """`clean.h5` of a run: frames, flat saturated voxels, stand-ins."""
    blocks = list(read_clean(out / "clean.h5"))
    frames = np.concatenate([block.frames for block in blocks])
    size = frames[0].size
    saturated = np.concatenate([block.saturated + block.start * size for block in blocks])
    return frames, saturated, np.concatenate([block.replaced for block in blocks])


CASES = [
    (),
    ('preprocess.arithmetic="float32"',),
    ("preprocess.wrap=true", 'preprocess.normalise="beam"'),
    ('preprocess.background="none"', "segment.max_bright_fraction=1.0"),
    ("preprocess.despeckle=5",),
    ('segment.unit="sigma"', 'segment.noise="local"', "segment.seed_threshold=12", "segment.grow_min=5"),
]


@pytest.mark.parametrize("known", [False, True], ids=["of the pass", "of the run"])
@pytest.mark.parametrize("settings", CASES, ids=lambda case: " ".join(case) or "fixed")
def test_clean_frames_are_those_of_the_run(settings, known, tmp_path, scan_pass_of):
    recipe = write_recipe(tmp_path, "preprocess.keep_clean=true", *settings)
    out = run(recipe, out=None if known else tmp_path / "elsewhere", to_stage="segment")
    scan_pass = scan_pass_of(recipe)
    assert (scan_pass.state, scan_pass.error) == ("done", "")
    frames, saturated, replaced = kept_frames(out)
    assert scan_pass.exact(0, FRAMES)
    np.testing.assert_array_equal(scan_pass.clean(0, FRAMES), frames)
    np.testing.assert_array_equal(scan_pass.clean(37, 40), frames[37:40])
    held = scan_pass.sub_volume(30)
    assert (held.start, held.stop, held.exact) == (0, FRAMES, True)
    np.testing.assert_array_equal(held.block.saturated, saturated)
    np.testing.assert_array_equal(held.block.replaced, replaced)
    assert len(saturated)
    assert replaced[31]


@pytest.mark.parametrize("settings", [CASES[0], CASES[1], CASES[5]], ids=["fixed", "float32", "local"])
def test_bright_voxels_are_those_of_the_runs_clean_frames(settings, tmp_path, scan_pass_of):
    recipe = write_recipe(tmp_path, "preprocess.keep_clean=true", *settings)
    out = run(recipe, to_stage="segment")
    scan_pass = scan_pass_of(recipe)
    params = scan_pass.source.recipe.segment
    expected = bright_voxels(
        read_clean(out / "clean.h5"), scan_pass.scan.shape, params.replaced(max_bright_fraction=1.0),
        baseline=scan_pass.baseline, mask=scan_pass.scan.mask, floor=scan_pass.bright.floor,
    )  # fmt: skip
    assert scan_pass.bright.floor < floor_of(params, scan_pass.baseline) * 1.001
    for one, other in zip(scan_pass.bright.runs, expected.runs, strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("level", "intensity", "saturated", "beside_invalid", "replaced", "left_out"):
        np.testing.assert_array_equal(getattr(scan_pass.bright, name), getattr(expected, name), err_msg=name)
    assert len(read_blobs(out / "blobs.h5"))


def test_before_a_background_is_known_frames_are_previews(tmp_path, scan_pass_of):
    recipe = write_recipe(tmp_path)
    scan_pass = scan_pass_of(recipe)
    exact = scan_pass.clean(0, FRAMES)
    scan_pass.scan_state.backgrounds._known[3:] = False  # as it is half-way
    assert scan_pass.exact(0, 21)
    assert not scan_pass.exact(20, 22)
    np.testing.assert_array_equal(scan_pass.clean(0, 21), exact[:21])
    preview = scan_pass.clean(21, 24)
    assert np.median(np.abs(preview - exact[21:24])) < 2 * scan_pass.baseline.sigma


def test_a_change_of_preprocessing_begins_another_pass_and_others_do_not(tmp_path, scan_pass_of):
    scan_pass = scan_pass_of(write_recipe(tmp_path))
    scan_state, generation = scan_pass.scan_state, scan_pass.generation
    scan_pass.source.draft("segment", {"seed_threshold": 70.0})
    scan_pass.refresh()
    settled(scan_pass)
    assert scan_pass.scan_state is scan_state
    assert scan_pass.generation == generation
    scan_pass.source.draft("preprocess", {"despeckle": 1})
    scan_pass.refresh()
    settled(scan_pass)
    assert scan_pass.scan_state is not scan_state
    assert scan_pass.scan_state.params.despeckle == 1
    assert scan_pass.state == "done"
    again = scan_pass.scan_state
    scan_pass.source.set_mask(np.ones_like(scan_pass.scan.mask) & (np.arange(80) < 3))
    scan_pass.refresh()
    settled(scan_pass)
    assert scan_pass.scan_state is not again
    assert not scan_pass.clean(9, 10)[0, :, :3].any()


def test_lower_thresholds_are_collected_for_and_the_backgrounds_are_kept(tmp_path, scan_pass_of):
    scan_pass = scan_pass_of(write_recipe(tmp_path, "segment.grow_min=300", "segment.seed_threshold=400"))
    params = scan_pass.source.recipe.segment.replaced(grow_min=0.0, tolerance=0.0)
    scan_state = scan_pass.scan_state
    scan_pass.collect_for(params, 0.0)
    settled(scan_pass)
    assert scan_pass.scan_state is scan_state
    assert scan_pass.bright.floor > 0
    with pytest.raises(CapacityError, match="more voxels than can be kept"):
        scan_pass.collect_for(params, 0.0)


def test_what_goes_wrong_is_a_state(tmp_path, scan_pass_of):
    scan_pass = scan_pass_of(write_recipe(tmp_path, "preprocess.beam=[20,10,600,34]"))
    assert scan_pass.state == "failed"
    assert "preprocess.beam" in scan_pass.error
    with pytest.raises(FriedelError, match=r"preprocess\.beam"):
        scan_pass.clean(0, 1)
    scan_pass.source.draft("preprocess", {"beam": [20, 10, 60, 34]})
    scan_pass.refresh()
    settled(scan_pass)
    assert scan_pass.state == "done"


def test_a_pass_can_be_stopped_and_begun_again(tmp_path, scan_pass_of):
    scan_pass = scan_pass_of(write_recipe(tmp_path), start=False)
    assert scan_pass.state == "waiting"
    scan_pass.stop()
    scan_pass._thread.start()
    settled(scan_pass)
    assert scan_pass.state == "stopped"
    scan_pass.refresh()
    settled(scan_pass)
    assert scan_pass.state == "done"


def blocks_of(volume, size=3):
    for start in range(0, len(volume), size):
        part = volume[start : start + size]
        yield CleanBlock(start, part, np.empty(0, np.int64), np.zeros(len(part), bool))


def test_a_higher_floor_leaves_what_it_would_have_collected():
    volume = spotty((12, 20, 200))
    volume[4, 3, 5] = np.nan
    params = SegmentParams(max_bright_fraction=1.0)
    low = bright_voxels(blocks_of(volume), volume.shape, params, floor=0.5)
    high = bright_voxels(blocks_of(volume), volume.shape, params, floor=4.0)
    for one, other in zip(above_floor(low, 4.0).runs, high.runs, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(above_floor(low, 4.0).level, high.level)


@pytest.mark.parametrize("most_bytes", [20_000, 100_000, 10_000_000])
def test_the_floor_rises_until_the_voxels_fit(most_bytes, tmp_path):
    volume = spotty((60, 40, 200))
    write_recipe(tmp_path)
    scan = open_scan(tmp_path / "scan.h5")
    baseline = Baseline((), None, (), 1.0, 1.0, 0.0, 1.25, np.ones(volume.shape[1:], np.float32))
    scan = type(scan)(
        frames=type("Frames", (), {"shape": volume.shape, "dtype": np.dtype("u2")})(),
        omega_start_deg=0.0, omega_step_deg=1.0, dark=np.zeros(volume.shape[1:], np.float32),
        mask=np.zeros(volume.shape[1:], bool),
    )  # fmt: skip
    params = SegmentParams()
    collector = Collector(scan, params, baseline, SegmentImages(), 1.5, Serial(), most_bytes)
    for block in blocks_of(volume):
        collector.take(block)
    found = collector.joined()
    expected = bright_voxels(
        blocks_of(volume), volume.shape, params.replaced(max_bright_fraction=1.0), floor=found.floor
    )
    np.testing.assert_array_equal(found.level, expected.level)
    assert (found.floor > 1.5) == (most_bytes < 10_000_000)


def test_sub_volumes_move_with_the_frame_and_share_what_they_hold(tmp_path, scan_pass_of):
    scan_pass = scan_pass_of(write_recipe(tmp_path))
    scan_state, exact = scan_pass.scan_state, scan_pass.clean(0, FRAMES)
    sub_volumes = SubVolumes(most_voxels=12 * 48 * 80)
    executor = scan_pass.source.executor
    seen = []
    for frame in [0, 3, 9, 10, 30, 34, 36, 59, 20]:
        held = sub_volumes.around(frame, scan_state, 1, executor)
        seen.append((held.start, held.stop))
        assert held.start <= frame < held.stop
        np.testing.assert_array_equal(held.frames, exact[held.start : held.stop])
        whole = scan_state.block(held.start, held.stop)
        np.testing.assert_array_equal(held.block.saturated, whole.saturated)
        np.testing.assert_array_equal(held.block.replaced, whole.replaced)
        assert held.block.start == held.start
        raw = held.raw(executor)
        np.testing.assert_array_equal(raw, scan_state.scan.frames.read(held.start, held.stop))
    assert seen[:4] == [(0, 12), (0, 12), (3, 15), (3, 15)]
    assert seen[-2] == (48, 60)
