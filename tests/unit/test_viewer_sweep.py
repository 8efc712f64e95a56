"""The page's sweep: clean frames are exactly the run's, and so are the bright voxels that it collects."""

import threading
import warnings

import numpy as np
import pytest

from friedel.errors import CapacityError, FriedelError
from friedel.io import open_scan
from friedel.io.clean_store import read_clean
from friedel.io.store import read_blobs
from friedel.model.baseline import Baseline
from friedel.model.stream import CleanBlock, Serial
from friedel.runner.areas import Areas
from friedel.segment import SegmentParams, bright_voxels
from friedel.viewer.collecting import Collector, floor_of, raised
from friedel.viewer.project import Project
from friedel.viewer.sweep import Sweep
from friedel.viewer.window import Windows
from tests.viewer_scan import FRAMES, run, settled, write_recipe
from tests.viewer_source import spotty


@pytest.fixture
def sweep_of():
    """Sweeps that have done all they can; they are ended afterwards."""
    made = []

    def make(path, *, start=True):
        subject = Project.open(path)
        sweep = Sweep(subject)
        made.append(sweep)
        if start:
            sweep.start()
            settled(sweep)
        return sweep

    yield make
    for sweep in made:
        sweep.close()
        sweep.subject.executor.close()


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


@pytest.mark.parametrize("known", [False, True], ids=["swept", "of the run"])
@pytest.mark.parametrize("settings", CASES, ids=lambda case: " ".join(case) or "fixed")
def test_clean_frames_are_those_of_the_run(settings, known, tmp_path, sweep_of):
    recipe = write_recipe(tmp_path, "preprocess.keep_clean=true", *settings)
    out = run(recipe, out=None if known else tmp_path / "elsewhere", to_stage="segment")
    sweep = sweep_of(recipe)
    assert (sweep.state, sweep.error) == ("done", "")
    frames, saturated, replaced = kept_frames(out)
    assert sweep.exact(0, FRAMES)
    np.testing.assert_array_equal(sweep.clean(0, FRAMES), frames)
    np.testing.assert_array_equal(sweep.clean(37, 40), frames[37:40])
    window = sweep.window(30)
    assert (window.start, window.stop, window.exact) == (0, FRAMES, True)
    np.testing.assert_array_equal(window.block.saturated, saturated)
    np.testing.assert_array_equal(window.block.replaced, replaced)
    assert len(saturated)
    assert replaced[31]


@pytest.mark.parametrize("settings", [CASES[0], CASES[1], CASES[5]], ids=["fixed", "float32", "local"])
def test_bright_voxels_are_those_of_the_runs_clean_frames(settings, tmp_path, sweep_of):
    recipe = write_recipe(tmp_path, "preprocess.keep_clean=true", *settings)
    out = run(recipe, to_stage="segment")
    sweep = sweep_of(recipe)
    params = sweep.subject.recipe.segment
    expected = bright_voxels(
        read_clean(out / "clean.h5"), sweep.scan.shape, params.replaced(max_bright_fraction=1.0),
        baseline=sweep.baseline, mask=sweep.scan.mask, floor=sweep.bright.floor,
    )  # fmt: skip
    assert sweep.bright.floor < floor_of(params, sweep.baseline) * 1.001
    for one, other in zip(sweep.bright.runs, expected.runs, strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("level", "intensity", "saturated", "beside_invalid", "replaced", "left_out"):
        np.testing.assert_array_equal(getattr(sweep.bright, name), getattr(expected, name), err_msg=name)
    assert len(read_blobs(out / "blobs.h5"))


def test_before_a_background_is_known_frames_are_previews(tmp_path, sweep_of):
    recipe = write_recipe(tmp_path)
    sweep = sweep_of(recipe)
    exact = sweep.clean(0, FRAMES)
    sweep.look.backgrounds._known[3:] = False  # as it is half-way
    assert sweep.exact(0, 21)
    assert not sweep.exact(20, 22)
    np.testing.assert_array_equal(sweep.clean(0, 21), exact[:21])
    preview = sweep.clean(21, 24)
    assert np.median(np.abs(preview - exact[21:24])) < 2 * sweep.baseline.sigma


def test_a_change_of_preprocessing_begins_another_sweep_and_others_do_not(tmp_path, sweep_of):
    sweep = sweep_of(write_recipe(tmp_path))
    look, generation = sweep.look, sweep.generation
    sweep.subject.draft("segment", {"seed_threshold": 70.0})
    sweep.refresh()
    settled(sweep)
    assert sweep.look is look
    assert sweep.generation == generation
    sweep.subject.draft("preprocess", {"despeckle": 1})
    sweep.refresh()
    settled(sweep)
    assert sweep.look is not look
    assert sweep.look.params.despeckle == 1
    assert sweep.state == "done"
    again = sweep.look
    sweep.subject.set_mask(np.ones_like(sweep.scan.mask) & (np.arange(80) < 3))
    sweep.refresh()
    settled(sweep)
    assert sweep.look is not again
    assert not sweep.clean(9, 10)[0, :, :3].any()


def test_lower_thresholds_are_collected_for_and_the_backgrounds_are_kept(tmp_path, sweep_of):
    sweep = sweep_of(write_recipe(tmp_path, "segment.grow_min=300", "segment.seed_threshold=400"))
    params = sweep.subject.recipe.segment.replaced(grow_min=0.0, tolerance=0.0)
    look = sweep.look
    sweep.collect_for(params, 0.0)
    settled(sweep)
    assert sweep.look is look
    assert sweep.bright.floor > 0
    with pytest.raises(CapacityError, match="more voxels than can be kept"):
        sweep.collect_for(params, 0.0)


def test_what_goes_wrong_is_a_state(tmp_path, sweep_of):
    sweep = sweep_of(write_recipe(tmp_path, "preprocess.beam=[20,10,600,34]"))
    assert sweep.state == "failed"
    assert "preprocess.beam" in sweep.error
    with pytest.raises(FriedelError, match=r"preprocess\.beam"):
        sweep.clean(0, 1)
    sweep.subject.draft("preprocess", {"beam": [20, 10, 60, 34]})
    sweep.refresh()
    settled(sweep)
    assert sweep.state == "done"


def test_a_sweep_can_be_stopped_and_begun_again(tmp_path, sweep_of):
    sweep = sweep_of(write_recipe(tmp_path), start=False)
    assert sweep.state == "waiting"
    sweep.stop()
    sweep._thread.start()
    settled(sweep)
    assert sweep.state == "stopped"
    sweep.refresh()
    settled(sweep)
    assert sweep.state == "done"


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
    for one, other in zip(raised(low, 4.0).runs, high.runs, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(raised(low, 4.0).level, high.level)


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
    collector = Collector(scan, params, baseline, Areas(), 1.5, Serial(), most_bytes)
    for block in blocks_of(volume):
        collector.take(block)
    found = collector.joined()
    expected = bright_voxels(
        blocks_of(volume), volume.shape, params.replaced(max_bright_fraction=1.0), floor=found.floor
    )
    np.testing.assert_array_equal(found.level, expected.level)
    assert (found.floor > 1.5) == (most_bytes < 10_000_000)


def test_windows_move_with_the_frame_and_share_what_they_hold(tmp_path, sweep_of):
    sweep = sweep_of(write_recipe(tmp_path))
    look, exact = sweep.look, sweep.clean(0, FRAMES)
    windows = Windows(most_voxels=12 * 48 * 80)
    executor = sweep.subject.executor
    seen = []
    for frame in [0, 3, 9, 10, 30, 34, 36, 59, 20]:
        window = windows.around(frame, look, 1, executor)
        seen.append((window.start, window.stop))
        assert window.start <= frame < window.stop
        np.testing.assert_array_equal(window.frames, exact[window.start : window.stop])
        whole = look.block(window.start, window.stop)
        np.testing.assert_array_equal(window.block.saturated, whole.saturated)
        np.testing.assert_array_equal(window.block.replaced, whole.replaced)
        assert window.as_scan().start == 0
        raw = window.raw(executor)
        np.testing.assert_array_equal(raw, look.scan.frames.read(window.start, window.stop))
    assert seen[:4] == [(0, 12), (0, 12), (3, 15), (3, 15)]
    assert seen[-2] == (48, 60)


def test_warnings_of_several_threads_are_told_apart():
    from friedel.errors import FriedelWarning
    from friedel.viewer.warned import warnings_heard

    found = {}
    barrier = threading.Barrier(4)

    def work(name):
        with warnings_heard() as heard:
            barrier.wait()
            for _ in range(20):
                warnings.warn(f"of {name}", FriedelWarning, stacklevel=1)
            barrier.wait()
        found[name] = heard

    before = warnings.showwarning
    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [f"of {name}"] for name in "abcd"}
    assert warnings.showwarning is before
