"""Scans written by fabio, tifffile and numpy open with the values that went in."""

import gzip

import fabio
import fabio.edfimage
import h5py
import numpy as np
import pytest
import tifffile

from friedel.errors import ScanError
from friedel.io import ScanParams, open_scan
from tests.scan_files import stack

GIVEN = ScanParams.build({"dark": 0, "omega": {"step_deg": 1.0}})


def check(scan, frames):
    assert scan.shape == frames.shape
    assert scan.frames.dtype == frames.dtype
    np.testing.assert_array_equal(scan.frames.read(0, len(frames)), frames)
    np.testing.assert_array_equal(scan.frames.read(1, 3), frames[1:3])


# --- EDF


def write_edf(folder, frames, header=None, name="scan{:04d}.edf"):
    folder.mkdir(exist_ok=True)
    for number, frame in enumerate(frames):
        values = header(number) if header else {}
        fabio.edfimage.EdfImage(data=frame, header=values).write(str(folder / name.format(number)))


def motors(number):
    return {"motor_mne": "diffty diffrz samtx", "motor_pos": f"1.0 {10 + 0.5 * number} 3"}


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "u4", "f4", "f8"])
def test_an_edf_folder_opens_with_its_darks_and_angles(tmp_path, dtype):
    frames = stack(12, dtype="u1").astype(dtype)
    write_edf(tmp_path / "scan", frames, motors)
    darks = stack(3, seed=4)
    write_edf(tmp_path / "scan", darks, name="dark{:04d}.edf")
    write_edf(tmp_path / "scan", stack(2, seed=5), name="darkend{:04d}.edf")
    write_edf(tmp_path / "scan", stack(2, seed=6), name="refHST{:04d}.edf")
    scan = open_scan(tmp_path / "scan")
    check(scan, frames)
    np.testing.assert_array_equal(scan.dark, np.median(darks, axis=0).astype("f4"))
    assert (scan.omega_start_deg, scan.omega_step_deg) == (10, 0.5)


@pytest.mark.parametrize("pattern", ["scan/*.edf", "scan/scan*.edf", "scan/scan????.edf"])
def test_an_edf_pattern_leaves_the_darks_out(tmp_path, pattern):
    write_edf(tmp_path / "scan", stack(), motors)
    write_edf(tmp_path / "scan", stack(2, seed=5), name="darkend{:04d}.edf")
    scan = open_scan(pattern, base=tmp_path)
    check(scan, stack())
    np.testing.assert_array_equal(scan.dark, np.median(stack(2, seed=5), axis=0).astype("f4"))
    assert "dark: darkend0000.edf, darkend0001.edf, median of 2 images" in scan.notes


def test_edf_files_are_taken_in_the_order_of_their_numbers(tmp_path):
    write_edf(tmp_path / "scan", stack(12), name="s_{}.edf")
    check(open_scan(tmp_path / "scan", GIVEN), stack(12))


@pytest.mark.parametrize("key", ["Omega", "rot", "diffrz"])
def test_an_edf_header_may_name_the_angle_itself(tmp_path, key):
    write_edf(tmp_path / "scan", stack(), lambda number: {key: str(-2.0 * number)})
    scan = open_scan(tmp_path / "scan", ScanParams.build({"dark": 0}))
    assert (scan.omega_start_deg, scan.omega_step_deg) == (0, -2)


def test_many_frames_in_one_edf_file_open_as_a_scan(tmp_path):
    frames = stack()
    image = fabio.edfimage.EdfImage(data=frames[0], header=motors(0))
    for number, frame in enumerate(frames[1:], 1):
        image.append_frame(data=frame, header=motors(number))
    image.write(str(tmp_path / "all.edf"))
    scan = open_scan("all.edf", ScanParams.build({"dark": 0}), tmp_path)
    check(scan, frames)
    assert scan.omega_step_deg == 0.5


def test_gzipped_edf_files_are_read_by_fabio(tmp_path):
    write_edf(tmp_path / "scan", stack(), motors)
    for file in (tmp_path / "scan").iterdir():
        (file.parent / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    scan = open_scan("scan/*.edf.gz", ScanParams.build({"dark": 0}), tmp_path)
    check(scan, stack())
    assert scan.omega_step_deg == 0.5


def test_an_edf_of_another_shape_is_named(tmp_path):
    write_edf(tmp_path / "scan", stack())
    fabio.edfimage.EdfImage(data=np.zeros((12, 11), "u2")).write(str(tmp_path / "scan/scan0004.edf"))
    with pytest.raises(ScanError, match=r"frame 4 of the scan .*scan0004\.edf.*12 × 10 .*got 12 × 11"):
        open_scan(tmp_path / "scan", GIVEN)


@pytest.mark.parametrize(
    ("content", "rule"),
    [(b"", "holds no frame"), (b"no header at all", "not an EDF"), (b"{ Dim_1 = 3 ;", "not an EDF")],
)
def test_a_file_that_is_not_edf_is_named(tmp_path, content, rule):
    write_edf(tmp_path / "scan", stack())
    (tmp_path / "scan/scan0002.edf").write_bytes(content)
    with pytest.raises(ScanError, match=rf"scan0002\.edf.*{rule}"):
        open_scan(tmp_path / "scan", GIVEN)


def test_an_edf_that_is_cut_off_is_named(tmp_path):
    write_edf(tmp_path / "scan", stack())
    file = tmp_path / "scan/scan0002.edf"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ScanError, match=r"scan0002\.edf: is cut off"):
        open_scan(tmp_path / "scan", GIVEN)


def test_an_edf_dark_may_be_named_in_the_recipe(tmp_path):
    write_edf(tmp_path / "scan", stack())
    write_edf(tmp_path / "darks", stack(5, seed=2))
    for name in ("darks", "darks/*.edf"):
        scan = open_scan("scan", ScanParams.build({"dark": name, "omega": {"step_deg": 1.0}}), tmp_path)
        np.testing.assert_array_equal(scan.dark, np.median(stack(5, seed=2), axis=0).astype("f4"))


# --- TIFF


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"imagej": True}, {"byteorder": ">"}, {"bigtiff": True}, {"rowsperstrip": 5}],
)
def test_a_tiff_stack_opens_whatever_its_flavour(tmp_path, dtype, options):
    frames = stack(dtype="u1").astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack", **options)
    check(open_scan("a.tif", GIVEN, tmp_path), frames)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_a_tiff_folder_opens_in_the_order_of_its_numbers_with_its_darks(tmp_path, compression):
    frames = stack(12)
    for number, frame in enumerate(frames):
        tifffile.imwrite(tmp_path / f"image_{number}.tif", frame, compression=compression)
    tifffile.imwrite(tmp_path / "dark.tif", stack(1, seed=3)[0])
    scan = open_scan(tmp_path, ScanParams.build({"omega": {"step_deg": 1.0}}))
    check(scan, frames)
    np.testing.assert_array_equal(scan.dark, stack(1, seed=3)[0])


def test_several_tiff_stacks_are_one_scan(tmp_path):
    frames = stack(9)
    tifffile.imwrite(tmp_path / "a_0.tif", frames[:4], photometric="minisblack")
    tifffile.imwrite(tmp_path / "a_1.tif", frames[4:], photometric="minisblack", compression="zlib")
    check(open_scan("a_*.tif", GIVEN, tmp_path), frames)


def test_a_tiff_of_another_shape_is_named_when_it_is_read(tmp_path):
    for number, frame in enumerate(stack()):
        tifffile.imwrite(tmp_path / f"image_{number}.tif", frame if number != 5 else frame[:-1])
    scan = open_scan(tmp_path, GIVEN)
    with pytest.raises(ScanError, match=r"image_5\.tif: must be like the first"):
        scan.frames.read(0, 7)


@pytest.mark.parametrize("cut", [0, 6, 300, -30])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_that_is_foreign_or_cut_off_is_named(tmp_path, cut, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack(20), photometric="minisblack", compression=compression, metadata=None)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ScanError, match=r"a\.tif"):
        open_scan("a.tif", GIVEN, tmp_path).frames.read(0, 20)


def test_colour_images_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 12, 10, 3), "u1"), photometric="rgb")
    with pytest.raises(ScanError, match="must hold grey images"):
        open_scan("a.tif", GIVEN, tmp_path)


# --- numpy, and names


def test_numpy_files_open(tmp_path):
    np.save(tmp_path / "a.npy", stack())
    np.savez(tmp_path / "one.npz", data=stack(), dark=np.zeros((12, 10)))
    np.savez_compressed(tmp_path / "two.npz", first=stack(), second=stack(seed=2))
    check(open_scan("a.npy", GIVEN, tmp_path), stack())
    check(open_scan("one.npz", GIVEN, tmp_path), stack())
    check(open_scan("two.npz::second", GIVEN, tmp_path), stack(seed=2))
    with pytest.raises(ScanError, match=r"arrays \['first', 'second'\]"):
        open_scan("two.npz", GIVEN, tmp_path)
    with pytest.raises(ScanError, match="no such array"):
        open_scan("two.npz::third", GIVEN, tmp_path)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("nothing of numpy"),
        lambda path: np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True),
        lambda path: np.save(path, stack()[0]),
        lambda path: np.save(path, stack().astype("S5")),
    ],
)
def test_numpy_files_that_are_no_stack_are_named(tmp_path, write):
    write(tmp_path / "a.npy")
    with pytest.raises(ScanError, match=r"a\.npy"):
        open_scan("a.npy", GIVEN, tmp_path)


def test_a_numpy_file_that_is_cut_off_is_named(tmp_path):
    np.save(tmp_path / "a.npy", stack())
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-10])
    with pytest.raises(ScanError, match=r"a\.npy: is not a whole numpy file"):
        open_scan("a.npy", GIVEN, tmp_path)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("nothing.h5", "no such file"),
        ("empty", "holds no EDF or TIFF images"),
        ("*.edf", "matches no file"),
        ("a.jpg", "must be HDF5"),
        ("mixed/*", "images of one format"),
        ("twice/*.npy", "must be one file"),
    ],
)
def test_names_that_lead_nowhere_are_refused(tmp_path, name, rule):
    for folder in ("empty", "mixed", "twice"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "mixed/a.edf").write_bytes(b"")
    (tmp_path / "mixed/a.tif").write_bytes(b"")
    np.save(tmp_path / "twice/a.npy", stack())
    np.save(tmp_path / "twice/b.npy", stack())
    with pytest.raises(ScanError, match=rule):
        open_scan(name, GIVEN, tmp_path)


def test_an_hdf5_file_is_known_by_its_signature(tmp_path):
    with h5py.File(tmp_path / "scan.data", "w") as file:
        file["frames"] = stack()
    check(open_scan("scan.data", GIVEN, tmp_path), stack())
