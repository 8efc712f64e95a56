"""Scans in parts, in more than three dimensions, in series of files, and in files that somebody still writes."""

import os
import pickle
import subprocess
import sys
from itertools import pairwise

import fabio
import h5py
import numpy as np
import pytest
import tifffile

from friedel.errors import ScanError
from friedel.io import ScanParams, open_scan
from tests.scan_files import stack

PARAMS = ScanParams.build({"dark": 0, "omega": {"step_deg": 360 / 7}}, "scan")
BARE = ScanParams.build({"dark": 0}, "scan")


def same(scan, frames):
    assert scan.shape == frames.shape
    np.testing.assert_array_equal(scan.frames.read(0, len(frames)), frames)


# --- parts of a Dectris master


def master(folder, cuts=(0, 3, 5, 7), *, missing=(), omega=True):
    frames = stack(7, dtype="u4")
    with h5py.File(folder / "m_master.h5", "w") as file:
        for number, (a, b) in enumerate(pairwise(cuts), 1):
            with h5py.File(folder / f"m_data_{number:06d}.h5", "w") as part:
                part.create_dataset("entry/data/data", data=frames[a:b], chunks=(1, 12, 10), compression="gzip")
            link = h5py.ExternalLink(f"m_data_{number:06d}.h5", "/entry/data/data")
            file[f"entry/data/data_{number:06d}"] = link
        for number in missing:
            (folder / f"m_data_{number:06d}.h5").unlink()
        mask = np.zeros((12, 10), "u4")
        mask[3, 4], mask[5] = 1, 8
        file["entry/instrument/detector/detectorSpecific/pixel_mask"] = mask
        if omega:
            file["entry/sample/goniometer/omega"] = 10 + 0.5 * np.arange(7)
    return frames


@pytest.mark.parametrize("name", ["m_master.h5", "m_master.h5::/entry/data", "m_data_*.h5"])
def test_the_parts_of_a_master_are_one_scan(tmp_path, name):
    frames = master(tmp_path)
    same(open_scan(name, PARAMS, tmp_path), frames)


def test_a_master_tells_angles_and_bad_pixels_too(tmp_path):
    master(tmp_path)
    scan = open_scan("m_master.h5", BARE, tmp_path)
    assert (scan.omega_start_deg, scan.omega_step_deg) == (10.0, 0.5)
    assert scan.mask.sum() == 11


def test_one_part_can_be_taken_alone_and_says_so(tmp_path):
    frames = master(tmp_path, cuts=(0, 4, 7))
    scan = open_scan("m_master.h5::/entry/data/data_000001", PARAMS, tmp_path)
    same(scan, frames[:4])
    assert any("is one of 2 parts" in note for note in scan.notes)


def test_a_part_that_is_missing_is_named(tmp_path):
    master(tmp_path, missing=(2,))
    with pytest.raises(ScanError, match=r"data_000002: is a link that leads nowhere, got m_data_000002\.h5"):
        open_scan("m_master.h5", PARAMS, tmp_path)
    with h5py.File(tmp_path / "m_master.h5", "r+") as file:
        del file["entry/data/data_000002"]
    with pytest.raises(ScanError, match="all parts from data_000001 to data_000003, got none of number 2"):
        open_scan("m_master.h5", PARAMS, tmp_path)


def test_files_with_other_frames_than_the_first_are_refused(tmp_path):
    for number, rows in ((1, 12), (2, 13)):
        with h5py.File(tmp_path / f"p{number}.h5", "w") as file:
            file["data"] = stack(4, rows)
    with pytest.raises(ScanError, match=r"p2\.h5::/data: must have frames like the first part's, 12 × 10 uint16"):
        open_scan("p*.h5", PARAMS, tmp_path)


# --- virtual sources


@pytest.mark.parametrize("kind", ["whole", "part"])
def test_a_virtual_source_that_is_too_short_is_named_with_its_numbers(tmp_path, kind):
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file["data"] = stack(5)
    layout = h5py.VirtualLayout((9, 12, 10), "u2")
    source = h5py.VirtualSource(tmp_path / "raw.h5", "data", (9, 12, 10))
    if kind == "whole":
        layout[:] = source
    else:
        layout[:] = source[0:9]
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_virtual_dataset("frames", layout)
    with pytest.raises(ScanError, match=r"raw\.h5::data: must hold 9 frames, of which /frames of .*, got 5"):
        open_scan("m.h5", PARAMS, tmp_path)


# --- more than three dimensions


@pytest.mark.parametrize("shape", [(1, 7, 12, 10), (7, 1, 12, 10)])
@pytest.mark.parametrize("kind", ["npy", "h5", "tif"])
def test_a_dimension_of_one_is_none(tmp_path, shape, kind):
    frames, path = stack(), tmp_path / f"a.{kind}"
    if kind == "npy":
        np.save(path, frames.reshape(shape))
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file["frames"] = frames.reshape(shape)
    else:
        tifffile.imwrite(path, frames.reshape(shape), metadata={"axes": "TZYX"})
    scan = open_scan(path, PARAMS)
    same(scan, frames)
    same(open_scan(path, PARAMS), pickle.loads(pickle.dumps(scan.frames)).read(0, 7))


@pytest.mark.parametrize("kind", ["npy", "h5", "h5::/frames", "tif", "imagej"])
def test_several_scans_in_one_array_are_refused_with_the_way_out(tmp_path, kind):
    frames, path = (
        stack(12).reshape(3, 4, 12, 10),
        tmp_path / f"a.{'tif' if kind == 'imagej' else kind.split(':')[0]}",
    )
    if kind == "npy":
        np.save(path, frames)
    elif kind.startswith("h5"):
        with h5py.File(path, "w") as file:
            file["frames"] = frames
    else:
        axes = {"axes": "TZYX"}
        tifffile.imwrite(path, frames, imagej=kind == "imagej", metadata=axes, photometric="minisblack")
    with pytest.raises(ScanError, match=r"\(3, 4, 12, 10\).*(save|store) "):
        open_scan(f"a.{kind}" if kind != "imagej" else "a.tif", PARAMS, tmp_path)


def test_a_tiff_of_several_series_is_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for frames in (stack(4), stack(5)):
            tiff.write(frames, metadata={"axes": "ZYX"}, photometric="minisblack")
    with pytest.raises(ScanError, match="got 2 series of images"):
        open_scan("a.tif", PARAMS, tmp_path)


def test_a_cube_in_an_edf_is_its_frames(tmp_path):
    frames = stack()
    pairs = "DataType = UnsignedShort ; ByteOrder = LowByteFirst ; Dim_1 = 10 ; Dim_2 = 12 ; Dim_3 = 7 ;"
    head = f"{{ HeaderID = EH:000001:000000:000000 ; Image = 1 ; {pairs} Size = {frames.nbytes} ;".encode()
    (tmp_path / "a.edf").write_bytes(head.ljust(1022) + b"}\n" + frames.astype("<u2").tobytes())
    same(open_scan("a.edf", PARAMS, tmp_path), frames)


# --- series of CBF


def write_cbf(folder, frames, first=30.0, step=0.1):
    for i, frame in enumerate(frames):
        image = fabio.cbfimage.CbfImage(data=frame)
        angle = f"# Start_angle {first + step * i:.4f} deg.\r\n# Angle_increment {step:.4f} deg.\r\n"
        image.header["_array_data.header_convention"] = "PILATUS_1.2"
        image.header["_array_data.header_contents"] = f"# Count_cutoff 1048500 counts\r\n{angle}"
        image.write(str(folder / f"s_{i + 1:05d}.cbf"))


def test_a_series_of_cbf_files_is_a_scan_with_angles_and_mask(tmp_path):
    frames = stack(dtype="i4")
    frames[:, 4] = -1
    write_cbf(tmp_path, frames)
    for name in ("s_*.cbf", "."):
        scan = open_scan(name, BARE, tmp_path)
        same(scan, frames)
        assert (scan.omega_start_deg, scan.omega_step_deg) == (30.0, 0.1)
        assert np.flatnonzero(scan.mask.all(axis=1)).tolist() == [4]
        assert scan.saturation == 1048500


def test_a_damaged_cbf_file_is_named(tmp_path):
    write_cbf(tmp_path, stack(dtype="i4"))
    (tmp_path / "s_00003.cbf").write_bytes(b"###CBF: VERSION 1.5\r\n")
    scan = open_scan("s_*.cbf", PARAMS, tmp_path)
    with pytest.raises(ScanError, match=r"s_00003\.cbf: cannot be read as CBF"):
        scan.frames.read(2, 3)


# --- files that somebody writes


WRITER = """
import os, sys, h5py
file = h5py.File(sys.argv[1], "w", libver="latest")
data = file.create_dataset("entry/data", (7, 12, 10), maxshape=(None, 12, 10), chunks=(1, 12, 10), dtype="u2")
if sys.argv[2] == "swmr":
    file.swmr_mode = True
data[:] = 5
data.flush(), file.flush()
if sys.argv[3] == "killed":
    os._exit(9)
print("ready", flush=True)
input()
"""


@pytest.mark.parametrize("fate", ["killed", "alive"])
@pytest.mark.parametrize("mode", ["swmr", "alone"])
def test_a_file_that_a_writer_holds_or_left_open_is_read_or_named(tmp_path, mode, fate):
    path = tmp_path / "live.h5"
    call = [sys.executable, "-c", WRITER, str(path), mode, fate]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}) as writer:
        writer.stdout.readline()
        try:
            if mode == "swmr":
                scan = open_scan(path, PARAMS)
                assert (scan.frames.read(0, 7) == 5).all()
                assert any("a program writes to this file" in note for note in scan.notes)
            else:
                with pytest.raises(ScanError, match=r"marked as open for writing.*h5clear -s \S*live\.h5"):
                    open_scan(path, PARAMS)
        finally:
            writer.communicate(b"\n" if fate == "alive" else None)
