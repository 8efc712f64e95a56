"""What belongs to a scan is taken from the recipe, from the files, or refused by name."""

import h5py
import numpy as np
import pytest

from friedel.errors import RecipeError, ScanError
from friedel.io import ScanParams, open_scan
from friedel.io.angles import Angles, regular
from friedel.io.fingerprint import same_frames
from friedel.model.scan import Box
from tests.scan_files import stack


def params(**values):
    return ScanParams.build({"dark": 0, "omega": {"step_deg": 1.0}, **values}, "scan")


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "a.npy", stack())
    return tmp_path


# --- angles


@pytest.mark.parametrize(("start", "step"), [(0, 0.05), (-180, 0.1), (90, -0.25), (359, 1.0), (0, 36.0)])
@pytest.mark.parametrize("at", ["start", "centre"])
@pytest.mark.parametrize("modulo", [False, True])
def test_regular_angles_become_a_start_and_a_signed_step(start, step, at, modulo):
    values = start + step * (np.arange(10) + (0.5 if at == "centre" else 0))
    noise = np.random.default_rng(0).uniform(-0.02, 0.02, 10) * step
    found = regular(Angles((values + noise) % 360 if modulo else values + noise, "here", at), 10)
    assert found.step_deg == pytest.approx(step, rel=0.02)
    assert (found.start_deg - start + 180) % 360 - 180 == pytest.approx(0, abs=abs(0.1 * step))


def test_exact_angles_give_the_exact_step():
    assert regular(Angles(np.arange(7200) * 0.05, "here"), 7200) == (0.0, 0.05)


@pytest.mark.parametrize("frame", [0, 1, 5, 9])
@pytest.mark.parametrize("off", [0.2, -0.3, 7.0, np.nan])
def test_the_angle_that_is_not_regular_is_named(frame, off):
    values = np.arange(10) * 1.0
    values[frame] += off
    with pytest.raises(ScanError, match=f"angle of frame {frame} in here"):
        regular(Angles(values, "here"), 10)


def test_angles_that_stand_still_are_refused():
    with pytest.raises(ScanError, match="must not stand still"):
        regular(Angles(np.full(5, 30.0), "here"), 5)


@pytest.mark.parametrize("count", [0, 6, 8])
def test_as_many_angles_as_frames_or_both_counts_in_the_error(folder, count):
    np.save(folder / "w.npy", np.arange(float(count)))
    with pytest.raises(ScanError, match=f"as many as the 7 frames, got {count} angles"):
        open_scan("a.npy", params(omega={"path": "w.npy"}), folder)


@pytest.mark.parametrize("file", ["w.npy", "w.h5::/deep/w", "w.npz::w", "w.txt"])
def test_angles_come_from_a_file_and_are_the_start_of_each_exposure(folder, file):
    angles = 5 + 2 * np.arange(7.0)
    np.save(folder / "w.npy", angles)
    np.savez(folder / "w.npz", w=angles, other=angles[:2])
    np.savetxt(folder / "w.txt", angles)
    with h5py.File(folder / "w.h5", "w") as h5:
        h5["deep/w"] = angles
    scan = open_scan("a.npy", params(omega={"path": file}), folder)
    assert (scan.omega_start_deg, scan.omega_step_deg) == (5, 2)
    scan = open_scan("a.npy", params(omega={"path": file, "at": "centre"}), folder)
    assert (scan.omega_start_deg, scan.omega_step_deg) == (4, 2)


def test_the_recipe_can_say_that_the_angles_of_the_scan_are_centres(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["frames"], file["omega"] = stack(), np.arange(7.0)
    assert open_scan("a.h5", params(omega=None), tmp_path).omega_start_deg == 0
    assert open_scan("a.h5", params(omega={"at": "centre"}), tmp_path).omega_start_deg == -0.5


def test_without_angles_the_error_says_how_to_give_them(folder):
    with pytest.raises(ScanError, match=r"tells no angles .*scan\.omega = \{ start_deg"):
        open_scan("a.npy", params(omega=None), folder)


def test_a_start_alone_is_combined_with_the_step_of_the_files(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["frames"], file["omega"] = stack(), 5 + 2 * np.arange(7.0)
    np.save(tmp_path / "w.npy", 3 * np.arange(7.0))
    for omega, steps in (
        ({"start_deg": 45}, (45, 2)),
        ({"start_deg": 45, "path": "w.npy"}, (45, 3)),
        ({"start_deg": 45, "step_deg": 1.0}, (45, 1)),
        ({"step_deg": 1.0}, (0, 1)),
        ({}, (5, 2)),
    ):
        scan = open_scan("a.h5", params(omega=omega), tmp_path)
        assert (scan.omega_start_deg, scan.omega_step_deg) == steps
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["frames"].attrs["omega_step_deg"], file["frames"].attrs["omega_start_deg"] = 0.5, 7.0
    scan = open_scan("a.h5", params(omega={"start_deg": -90}), tmp_path)
    assert (scan.omega_start_deg, scan.omega_step_deg) == (-90, 0.5)


def test_an_error_says_which_part_of_the_scan_it_is_about(folder):
    for part, values in (
        ("omega", {"omega": None}),
        ("omega", {"omega": {"path": "none.npy"}}),
        ("dark", {"dark": None}),
        ("dark", {"dark": "none.npy"}),
        ("mask", {"mask": "none.npy"}),
        ("", {"grid": [2, 3]}),
    ):
        with pytest.raises(ScanError) as caught:
            open_scan("a.npy", params(**values), folder)
        assert caught.value.part == part


@pytest.mark.parametrize("omega", [{"step_deg": 1.0, "path": "x"}, {"step_deg": 0.0}, {"at": "end"}, {"stop": 1}])
def test_omega_in_the_recipe_is_checked(omega):
    with pytest.raises(RecipeError, match=r"scan\.omega"):
        params(omega=omega)


# --- darks, masks, saturation


def write_dark(path, images):
    if path.suffix == ".npy":
        np.save(path, images)
    else:
        with h5py.File(path, "w") as file:
            file["entry/dark"] = images


@pytest.mark.parametrize("name", ["dark.npy", "dark.h5", "dark.h5::/entry/dark"])
@pytest.mark.parametrize("images", [1, 4, 5])
def test_a_dark_is_an_image_or_the_median_of_a_stack(folder, name, images):
    darks = stack(images, seed=9)
    write_dark(folder / name.partition("::")[0], darks if images > 1 else darks[0])
    scan = open_scan("a.npy", params(dark=name), folder)
    np.testing.assert_array_equal(scan.dark, np.median(darks, axis=0).astype("f4"))
    assert scan.dark.dtype == np.float32


def test_a_dark_may_be_a_number(folder):
    assert (open_scan("a.npy", params(dark=98.5), folder).dark == 98.5).all()


def test_without_a_dark_the_error_says_how_to_give_one(folder):
    with pytest.raises(ScanError, match=r"has no dark \(give scan\.dark"):
        open_scan("a.npy", params(dark=None), folder)


@pytest.mark.parametrize("kind", ["dark", "mask"])
def test_an_image_of_another_shape_than_the_frames_is_refused_with_both(folder, kind):
    np.save(folder / "image.npy", np.zeros((12, 11)))
    with pytest.raises(ScanError, match=rf"{kind} image\.npy: .* 12 rows × 10 cols, got 12 × 11"):
        open_scan("a.npy", params(**{kind: "image.npy"}), folder)


def test_a_dark_in_the_file_of_another_shape_is_refused_by_name(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/frames"], file["entry/dark"] = stack(), np.zeros((12, 11))
    with pytest.raises(
        ScanError, match=r"dark /entry/dark of .*a\.h5::/entry/data/frames: .*got 12 × 11"
    ) as caught:
        open_scan("a.h5", params(dark=None), tmp_path)
    assert caught.value.part == "dark"
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["dark"] = np.full((12, 10), 7.0)  # farther away, but of the right shape
    assert (open_scan("a.h5", params(dark=None), tmp_path).dark == 7).all()


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_frames_are_said_before_anything_else_is_missing(tmp_path, count):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/frames"], file["entry/omega"] = stack()[:count], np.arange(float(count))
    with pytest.raises(ScanError, match=f"at least 3 frames, got {count}"):
        open_scan("a.h5", ScanParams(), tmp_path)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.ones((12, 10)), "leaves no pixel"),
        (np.full((12, 10), 0.5), "whole numbers"),
        (np.full((12, 10), np.nan), "whole numbers"),
    ],
)
def test_an_image_that_is_no_mask_is_refused(folder, mask, words):
    np.save(folder / "mask.npy", mask)
    with pytest.raises(ScanError, match=rf"mask mask\.npy.*{words}"):
        open_scan("a.npy", params(mask="mask.npy"), folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_dark_with_something_else_than_numbers_is_refused(folder, bad):
    dark = np.zeros((12, 10), "f4")
    dark[3, 4] = bad
    np.save(folder / "dark.npy", dark)
    with pytest.raises(ScanError, match=r"dark dark\.npy: must be numbers everywhere, got 1 pixels without"):
        open_scan("a.npy", params(dark="dark.npy"), folder)


@pytest.mark.parametrize("dtype", [bool, "u1", "f4"])
def test_a_mask_is_true_where_its_image_is_not_zero(folder, dtype):
    mask = np.zeros((12, 10), dtype)
    mask[2, 3] = mask[5, 5] = 1
    np.save(folder / "mask.npy", mask)
    scan = open_scan("a.npy", params(mask="mask.npy"), folder)
    assert scan.mask.dtype == bool
    np.testing.assert_array_equal(scan.mask, mask != 0)


@pytest.mark.parametrize(("dtype", "level"), [("u1", 255), ("u2", 65535), ("i4", 2**31 - 1), ("f4", np.inf)])
def test_saturation_is_the_largest_value_of_the_type_unless_given(tmp_path, dtype, level):
    np.save(tmp_path / "a.npy", stack(dtype="u1").astype(dtype))
    assert open_scan("a.npy", params(), tmp_path).saturation == level
    assert open_scan("a.npy", params(saturation=200), tmp_path).saturation == 200


# --- grids


def test_a_grid_image_gives_its_frames_with_dark_and_mask_cut_alike(tmp_path):
    images, dark = stack(3, 8, 10), stack(1, 8, 10, seed=5)[0]
    mask = np.zeros((8, 10), bool)
    mask[0, 0] = mask[7, 9] = True
    for name, array in (("a", images), ("dark", dark), ("mask", mask)):
        np.save(tmp_path / f"{name}.npy", array)
    scan = open_scan("a.npy", params(grid=[2, 2], dark="dark.npy", mask="mask.npy"), tmp_path)
    assert scan.shape == (12, 4, 5)
    np.testing.assert_array_equal(scan.frames.read(5, 6)[0], images[1, :4, 5:])
    parts = np.stack([dark[:4, :5], dark[:4, 5:], dark[4:, :5], dark[4:, 5:]])
    np.testing.assert_array_equal(scan.dark, np.median(parts, axis=0).astype("f4"))
    assert np.argwhere(scan.mask).tolist() == [[0, 0], [3, 4]]


@pytest.mark.parametrize("count", [3, 12])
def test_a_grid_image_may_have_an_angle_of_its_own_or_one_a_frame(tmp_path, count):
    np.save(tmp_path / "a.npy", stack(3, 8, 10))
    np.save(tmp_path / "w.npy", 10 + np.arange(count) * (12 / count))
    scan = open_scan("a.npy", params(grid=[2, 2], omega={"path": "w.npy"}), tmp_path)
    assert (scan.omega_start_deg, scan.omega_step_deg) == (10, 1)


def test_quadrants_become_tiles_and_the_frames_stay_whole(folder):
    scan = open_scan("a.npy", params(grid=[2, 2], grid_kind="quadrants"), folder)
    assert scan.shape == (7, 12, 10)
    assert scan.tiles == (Box(0, 0, 5, 6), Box(5, 0, 10, 6), Box(0, 6, 5, 12), Box(5, 6, 10, 12))


@pytest.mark.parametrize("kind", ["frames", "quadrants"])
def test_a_grid_that_does_not_divide_the_image_is_refused(folder, kind):
    with pytest.raises(ScanError, match=r"scan\.grid: must divide .* 12 × 10 pixels, got \[2, 3\]"):
        open_scan("a.npy", params(grid=[2, 3], grid_kind=kind), folder)


# --- the scan as a whole


def test_the_frames_may_be_named_in_the_parameters_alone(folder):
    assert open_scan("", params(frames="a.npy"), folder).shape == (7, 12, 10)
    with pytest.raises(ScanError, match=r"scan\.frames"):
        open_scan("", params(), folder)


def test_a_scan_of_two_frames_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", stack(2))
    with pytest.raises(ScanError, match="at least 3 frames, got 2"):
        open_scan("a.npy", params(), tmp_path)


def fingerprint(folder, **values):
    return open_scan("a.npy", params(**values), folder).fingerprint


def test_the_fingerprint_knows_another_scan_and_the_same_one(folder, tmp_path_factory):
    one = fingerprint(folder)
    copy = tmp_path_factory.mktemp("copy")
    np.save(copy / "a.npy", stack())
    assert fingerprint(copy) == one
    np.save(folder / "dark.npy", np.ones((12, 10)))
    np.save(folder / "mask.npy", np.eye(12, 10))
    changed = [
        fingerprint(folder, dark=1.0),
        fingerprint(folder, dark="dark.npy", mask="mask.npy"),
        fingerprint(folder, omega={"step_deg": 2.0}),
        fingerprint(folder, saturation=100),
        fingerprint(folder, grid=[2, 2]),
    ]
    assert all(same_frames(one, other) for other in changed)
    for frame in range(7):
        frames = stack()
        frames[frame, 0, 0] += 1
        np.save(folder / "a.npy", frames)
        changed.append(fingerprint(folder))
        assert not same_frames(one, changed[-1])
    assert len({one, *changed}) == 1 + len(changed)


@pytest.mark.parametrize("per_chunk", [1, 4])
def test_in_a_scan_too_large_to_be_hashed_every_frame_counts_where_it_is_compressed(
    tmp_path, monkeypatch, per_chunk
):
    monkeypatch.setattr("friedel.io.fingerprint.PROBE_BYTES", 0)
    found = []
    for frame in (None, *range(40)):
        frames = stack(40)
        if frame is not None:
            frames[frame] = 7
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("frames", data=frames, chunks=(per_chunk, 12, 10), compression="gzip")
        scan = open_scan("a.h5", params(), tmp_path)
        found.append(scan.fingerprint)
    assert found[0] not in found[1:]


@pytest.mark.parametrize("layout", ["plain", "quadrants of a virtual dataset", "joined"])
def test_frames_in_other_files_than_the_one_that_is_named_count(tmp_path, layout):
    def opened(frames, name):
        folder = tmp_path / name
        folder.mkdir()
        with h5py.File(folder / "source.h5", "w") as file:
            file["data"] = frames
        source = h5py.VirtualSource("source.h5", "data", frames.shape)
        virtual = h5py.VirtualLayout(frames.shape, frames.dtype)
        if layout == "plain":
            virtual[...] = source
        elif layout == "joined":
            virtual[:3], virtual[3:] = source[:3], source[3:]
        else:
            virtual[:, :6], virtual[:, 6:] = source[:, :6], source[:, 6:]
        with h5py.File(folder / "a.h5", "w") as file:
            file.create_virtual_dataset("frames", virtual)
        return open_scan("a.h5", params(), folder).fingerprint

    frames = stack()
    one = opened(frames, "one")
    assert opened(frames, "same") == one
    frames[1, 5, 5] += 1
    assert opened(frames, "other") != one


def test_a_scan_opens_although_a_frame_is_damaged(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("frames", data=stack(), chunks=(1, 12, 10), compression="gzip")
        data.id.write_direct_chunk((3, 0, 0), b"nonsense")
    scan = open_scan("a.h5", params(), tmp_path)
    assert len(scan.fingerprint) == 64
    with pytest.raises(ScanError, match="frame 3"):
        scan.frames.read(0, 7)


def test_the_notes_tell_where_things_were_found(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("g/frames", data=stack(), chunks=(1, 12, 10), compression="gzip")
        file["g/omega"], file["dark"] = np.arange(7.0), stack(3)
    notes = open_scan(tmp_path / "a.h5").notes
    assert notes == (
        "frames: gzip, one frame a chunk, read by several threads",
        f"angles: {tmp_path / 'a.h5'}::/g/omega",
        "dark: /dark, median of 3 images",
    )
    assert open_scan(tmp_path / "a.h5", params()).notes == notes[:1]
