"""The frames of an HDF5 file, its angles and its darks are found, or asked for by name."""

import subprocess
import sys

import h5py
import hdf5plugin
import numpy as np
import pytest

from friedel.errors import ScanError
from friedel.io import ScanParams, open_scan
from friedel.io.chunks import ChunkFrames, ContiguousFrames
from friedel.io.h5_frames import PlainFrames
from friedel.io.sources import JoinedFrames
from tests.scan_files import stack

GIVEN = ScanParams.build({"dark": 0, "omega": {"step_deg": 1.0}})
BITSHUFFLE = dict(hdf5plugin.Bitshuffle(cname="lz4"))


def check(scan, frames):
    assert scan.shape == frames.shape
    np.testing.assert_array_equal(scan.frames.read(0, len(frames)), frames)
    np.testing.assert_array_equal(scan.frames.read(1, 3), frames[1:3])


def test_the_only_stack_of_a_file_is_the_scan(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["deep/down/here"] = stack()
        file["other"] = np.zeros((3, 3))
    check(open_scan("a.h5", GIVEN, tmp_path), stack())


def test_the_path_inside_says_which_stack(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one"], file["two"] = stack(seed=1), stack(seed=2)
    check(open_scan("a.h5::/two", GIVEN, tmp_path), stack(seed=2))
    check(open_scan("a.h5::two", GIVEN, tmp_path), stack(seed=2))


def test_several_stacks_are_refused_and_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one"], file["g/two"] = stack(seed=1), stack(seed=2)
        file["again"] = file["one"]
    with pytest.raises(ScanError) as caught:
        open_scan("a.h5", GIVEN, tmp_path)
    text = str(caught.value)
    assert text.count("(7, 12, 10)") == 2
    assert "/g/two" in text
    assert "say which" in text
    check(open_scan("a.h5::/g", GIVEN, tmp_path), stack(seed=2))


def test_nexus_default_chain_decides_among_several(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["e/d/one"], file["e/d/two"] = stack(seed=1), stack(seed=2)
        file.attrs["default"] = "e"
        file["e"].attrs["default"] = "d"
        file["e/d"].attrs["signal"] = "two"
    check(open_scan("a.h5", GIVEN, tmp_path), stack(seed=2))


def test_darks_and_angles_beside_the_frames_are_found(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["exchange/data"] = stack()
        file["exchange/data_dark"] = stack(4, seed=3)
        file["exchange/data_white"] = stack(2, seed=4)
        file["exchange/theta"] = np.arange(7) * 0.5 + 10
    scan = open_scan(tmp_path / "a.h5")
    check(scan, stack())
    np.testing.assert_array_equal(scan.dark, np.median(stack(4, seed=3), axis=0).astype("f4"))
    assert (scan.omega_start_deg, scan.omega_step_deg) == (10, 0.5)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a.h5::/nothing", "no such dataset"),
        ("a.h5::/void", "must hold frames"),
        ("a.h5::/image", "three dimensions"),
        ("a.h5::/words", "three dimensions"),
        ("a.h5::/broken", "leads nowhere"),
        ("b.h5", "no such file"),
        ("text.h5", "not an HDF5 file"),
        ("empty.h5", "not an HDF5 file"),
        ("cut.h5", "truncated"),
        ("bare.h5", "must hold frames"),
        ("gone.h5", "lead nowhere"),
    ],
)
def test_what_cannot_be_frames_is_refused_by_name(tmp_path, name, rule):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/frames"] = stack()
        file["image"] = stack()[0]
        file.create_group("void")
        file["words"] = "no numbers"
        file["broken"] = h5py.ExternalLink("missing.h5", "/data")
    (tmp_path / "text.h5").write_text("this is text" * 100)
    (tmp_path / "empty.h5").write_bytes(b"")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:3000])
    with h5py.File(tmp_path / "bare.h5", "w") as file:
        file["x"] = [1]
    with h5py.File(tmp_path / "gone.h5", "w") as file:
        file["1.1/measurement/eiger"] = h5py.ExternalLink("eiger_0000.h5", "/entry/data")
    with pytest.raises(ScanError, match=rule) as caught:
        open_scan(name, GIVEN, tmp_path)
    assert name.partition("::")[0] in str(caught.value)


# --- NXtomo


def nxtomo(path, keys, angles=None, entry="entry", units="deg"):
    with h5py.File(path, "a") as file:
        group = file.create_group(entry)
        group.attrs["NX_class"] = "NXentry"
        detector = group.create_group("instrument/detector")
        detector["data"] = stack(len(keys))
        detector["image_key"] = keys
        group["data/data"] = h5py.SoftLink(f"/{entry}/instrument/detector/data")
        if angles is not None:
            group["sample/rotation_angle"] = angles
            group["sample/rotation_angle"].attrs["units"] = units


@pytest.mark.parametrize("name", ["a.nx", "a.nx::/entry/instrument/detector/data", "a.nx::/entry/data/data"])
def test_nxtomo_tells_projections_flats_and_darks_apart(tmp_path, name):
    keys = np.array([2, 2, 2, 1, 0, 0, 0, 1, 0, 0, 2])
    nxtomo(tmp_path / "a.nx", keys, np.array([0, 0, 0, 0, 0, 2, 4, 4, 6, 8, 8.0]))
    scan = open_scan(name, base=tmp_path)
    images = stack(len(keys))
    check(scan, images[keys == 0])
    np.testing.assert_array_equal(scan.dark, np.median(images[keys == 2], axis=0).astype("f4"))
    assert (scan.omega_start_deg, scan.omega_step_deg) == (0, 2)
    assert "dark: image_key 2, median of 4 images" in scan.notes
    assert any("2 flat" in note for note in scan.notes)


def test_nxtomo_angles_in_radians_become_degrees(tmp_path):
    nxtomo(tmp_path / "a.nx", np.array([0, 0, 0, 2]), np.radians([0, 3, 6, 6]), units="rad")
    scan = open_scan("a.nx", base=tmp_path)
    assert scan.omega_step_deg == pytest.approx(3)


def test_nxtomo_keys_must_be_as_many_as_images(tmp_path):
    nxtomo(tmp_path / "a.nx", np.array([0, 0, 0, 2]), np.arange(4.0))
    with h5py.File(tmp_path / "a.nx", "r+") as file:
        del file["entry/instrument/detector/image_key"]
        file["entry/instrument/detector/image_key"] = [0, 0, 0]
    with pytest.raises(ScanError, match=r"image_key .* as many as the 4 images, got 3"):
        open_scan("a.nx", base=tmp_path)


def test_nxtomo_angles_must_be_as_many_as_images(tmp_path):
    nxtomo(tmp_path / "a.nx", np.array([0, 0, 0, 0, 2]), np.arange(6.0))
    with pytest.raises(ScanError, match="rotation_angle: must be as many as the 4 frames, got 6 angles"):
        open_scan("a.nx", base=tmp_path)


def test_nxtomo_without_projections_or_with_two_entries_is_refused(tmp_path):
    nxtomo(tmp_path / "a.nx", np.array([1, 1, 2]), np.arange(3.0))
    with pytest.raises(ScanError, match="must have projections"):
        open_scan("a.nx", base=tmp_path)
    nxtomo(tmp_path / "a.nx", np.array([0, 0, 0, 2]), np.arange(4.0), entry="entry1")
    with pytest.raises(ScanError, match="several stacks"):
        open_scan("a.nx", base=tmp_path)
    for name in ("/entry1/data/data", "/entry1"):
        assert open_scan(f"a.nx::{name}", base=tmp_path).shape[0] == 3


# --- BLISS


def lima(path, frames, **layout):
    with h5py.File(path, "w") as file:
        file.create_dataset("entry_0000/measurement/data", data=frames, chunks=(1, *frames.shape[1:]), **layout)


def bliss(folder, parts=((0, 3), (3, 7)), motor="diffrz", angles=None, title="fscan diffrz 0 0.25 7"):
    """A master with an external link to a scan file, whose dataset is virtual over the detector's files."""
    frames = stack()
    (folder / "scan0001").mkdir(parents=True)
    for number, (start, stop) in enumerate(parts):
        lima(folder / f"scan0001/frelon_{number:04d}.h5", frames[start:stop], **BITSHUFFLE)
    layout = h5py.VirtualLayout(frames.shape, frames.dtype)
    for number, (start, stop) in enumerate(parts):
        name = f"scan0001/frelon_{number:04d}.h5"
        shape = (stop - start, *frames.shape[1:])
        layout[start:stop] = h5py.VirtualSource(name, "entry_0000/measurement/data", shape)
    with h5py.File(folder / "sample_0001.h5", "w") as file:
        scan = file.create_group("1.1")
        scan["title"] = title
        scan.create_virtual_dataset("instrument/frelon/data", layout)
        scan["measurement/frelon"] = h5py.SoftLink("/1.1/instrument/frelon/data")
        scan[f"measurement/{motor}"] = np.arange(7) * 0.25 - 3 if angles is None else angles
        scan["measurement/srcur"] = np.linspace(200, 199, 7)
        scan["instrument/positioners/diffty"] = 1.5
    with h5py.File(folder / "master.h5", "w") as file:
        file["1.1"] = h5py.ExternalLink("sample_0001.h5", "/1.1")
    return frames


@pytest.mark.parametrize("motor", ["diffrz", "rot", "omega", "srot", "hrrz", "mrsrot"])
@pytest.mark.parametrize(
    "name", ["master.h5", "sample_0001.h5", "master.h5::/1.1/measurement/frelon", "master.h5::1.1"]
)
def test_a_bliss_master_leads_to_its_frames_and_its_motor(tmp_path, name, motor):
    frames = bliss(tmp_path, motor=motor)
    scan = open_scan(name, ScanParams.build({"dark": 5}), tmp_path)
    check(scan, frames)
    assert isinstance(scan.frames, JoinedFrames)
    check(open_scan(f"{name.partition('::')[0]}::1.1", ScanParams.build({"dark": 5}), tmp_path), frames)
    assert (scan.omega_start_deg, scan.omega_step_deg) == (-3, 0.25)


def test_frames_of_one_detector_file_are_decoded_directly(tmp_path):
    frames = bliss(tmp_path, parts=((0, 7),))
    scan = open_scan("master.h5", ScanParams.build({"dark": 5}), tmp_path)
    assert isinstance(scan.frames, ChunkFrames)
    check(scan, frames)


def test_positioners_serve_where_the_measurement_has_no_motor(tmp_path):
    bliss(tmp_path, motor="timer")
    with h5py.File(tmp_path / "sample_0001.h5", "r+") as file:
        file["1.1/instrument/positioners/diffrz"] = np.arange(7) * -2.0
    scan = open_scan("master.h5", ScanParams.build({"dark": 5}), tmp_path)
    assert scan.omega_step_deg == -2


def test_a_motor_with_another_number_of_points_is_refused_with_both(tmp_path):
    bliss(tmp_path, angles=np.arange(9.0))
    with pytest.raises(ScanError, match="diffrz: must be as many as the 7 frames, got 9 angles"):
        open_scan("master.h5", ScanParams.build({"dark": 5}), tmp_path)


@pytest.mark.parametrize("place", ["measurement", "instrument/positioners"])
@pytest.mark.parametrize("idle", ["jitter", "drift", "still", "slow"])
def test_the_motor_that_turns_is_taken_and_not_an_idle_one_of_a_better_known_name(tmp_path, place, idle):
    bliss(tmp_path, motor="omega")
    values = {
        "jitter": 12 + np.random.default_rng(0).normal(0, 1e-4, 7),
        "drift": 12 + 1e-5 * np.arange(7),
        "still": np.full(7, 12.0),
        "slow": np.array([0, 0, 0, 0, 0, 0, 90.0]),
    }[idle]
    with h5py.File(tmp_path / "sample_0001.h5", "r+") as file:
        file[f"1.1/{place}/diffrz"] = values
        file["1.1/instrument/positioners/rot"] = np.arange(9.0) * 10  # of another number of points
    scan = open_scan("master.h5", ScanParams.build({"dark": 5}), tmp_path)
    assert (scan.omega_start_deg, scan.omega_step_deg) == (-3, 0.25)


def test_of_two_names_for_the_motor_that_turns_the_better_known_one_is_taken(tmp_path):
    bliss(tmp_path, motor="rot")
    with h5py.File(tmp_path / "sample_0001.h5", "r+") as file:
        file["1.1/measurement/aux_rot"] = np.arange(7) * 0.2501 + 4
    assert open_scan("master.h5", ScanParams.build({"dark": 5}), tmp_path).omega_start_deg == -3


def test_scans_titled_dark_are_the_darks_of_a_bliss_scan(tmp_path):
    frames = bliss(tmp_path)
    with h5py.File(tmp_path / "sample_0001.h5", "r+") as file:
        file["2.1/title"], file["2.1/measurement/frelon"] = "dark images", stack(3, seed=8)
        file["3.1/title"], file["3.1/measurement/frelon"] = "flat images", stack(3, seed=9)
    scan = open_scan("sample_0001.h5", base=tmp_path)
    check(scan, frames)
    np.testing.assert_array_equal(scan.dark, np.median(stack(3, seed=8), axis=0).astype("f4"))


def test_a_detector_file_that_is_missing_is_named(tmp_path):
    bliss(tmp_path)
    (tmp_path / "scan0001/frelon_0001.h5").unlink()
    with pytest.raises(ScanError, match=r"frelon_0001\.h5: no such file"):
        open_scan("master.h5", ScanParams.build({"dark": 5}), tmp_path)


def test_virtual_datasets_of_virtual_datasets_are_followed(tmp_path):
    frames = bliss(tmp_path)
    layout = h5py.VirtualLayout((4, *frames.shape[1:]), frames.dtype)
    layout[...] = h5py.VirtualSource("sample_0001.h5", "1.1/instrument/frelon/data", frames.shape)[2:6]
    with h5py.File(tmp_path / "outer.h5", "w") as file:
        file.create_virtual_dataset("frames", layout)
    scan = open_scan("outer.h5", GIVEN, tmp_path)
    assert not isinstance(scan.frames, PlainFrames)
    check(scan, frames[2:6])


@pytest.mark.parametrize("kind", ["every other frame", "part of each frame", "a gap", "backwards"])
def test_unusual_virtual_datasets_are_left_to_hdf5(tmp_path, kind):
    frames = stack(8)
    lima(tmp_path / "source.h5", frames)
    source = h5py.VirtualSource("source.h5", "entry_0000/measurement/data", frames.shape)
    wanted = {
        "every other frame": frames[::2],
        "part of each frame": frames[:, 2:8],
        "a gap": np.concatenate([frames[:3], np.zeros_like(frames[:2]), frames[3:6]]),
        "backwards": np.concatenate([frames[4:], frames[:4]]),
    }[kind]
    layout = h5py.VirtualLayout(wanted.shape, frames.dtype)
    if kind == "every other frame":
        layout[...] = source[::2]
    elif kind == "part of each frame":
        layout[...] = source[:, 2:8]
    elif kind == "a gap":
        layout[:3], layout[5:] = source[:3], source[3:6]
    else:
        layout[:4], layout[4:] = source[4:], source[:4]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("frames", layout)
    check(open_scan("a.h5", GIVEN, tmp_path), wanted)


def test_frames_kept_in_raw_files_beside_are_found_from_any_folder(tmp_path, monkeypatch):
    frames = stack()
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "one.raw").write_bytes(b"head" + frames[:3].tobytes() + frames[3, :5].tobytes())
    (folder / "two.raw").write_bytes(frames[3, 5:].tobytes() + frames[4:].tobytes())
    first = 3 * 240 + 100
    with h5py.File(folder / "a.h5", "w") as file:
        external = [("one.raw", 4, first), ("two.raw", 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("frames", frames.shape, frames.dtype, external=external)
    monkeypatch.chdir(tmp_path)
    scan = open_scan("scan/a.h5", GIVEN)
    assert isinstance(scan.frames, ContiguousFrames)
    check(scan, frames)
    (folder / "two.raw").unlink()
    with pytest.raises(ScanError, match=r"two\.raw: no such file"):
        open_scan("scan/a.h5", GIVEN)


@pytest.mark.parametrize("locking", [None, True, False])
@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_a_file_that_is_open_elsewhere_can_be_read_as_well(tmp_path, locking, compression):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("frames", data=stack(), chunks=(1, 12, 10), compression=compression)
    with h5py.File(tmp_path / "a.h5", locking=locking):
        check(open_scan("a.h5", GIVEN, tmp_path), stack())
    scan = open_scan("a.h5", GIVEN, tmp_path)
    check(scan, stack())
    with h5py.File(tmp_path / "a.h5"):
        check(scan, stack())


def test_a_file_that_another_process_is_writing_can_be_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("frames", data=stack(), chunks=(1, 12, 10), **BITSHUFFLE)
    program = (
        "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); sys.stdin.read(); f.close()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.h5")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"open\n"
        check(open_scan("a.h5", GIVEN, tmp_path), stack())
        writer.stdin.close()
