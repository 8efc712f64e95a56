"""Which files of a folder are frames: darks and flats beside them are not."""

import fabio
import h5py
import numpy as np
import pytest
import tifffile

from friedel.errors import ScanError
from friedel.io import ScanParams, open_scan
from friedel.io.paths import is_dark, locate, places_by_number
from tests.scan_files import stack

PARAMS = ScanParams.build({"omega": {"step_deg": 45.0}}, "scan")


def write(folder, names, images):
    folder.mkdir(exist_ok=True)
    for name, image in zip(names, images, strict=True):
        if name.endswith(".edf"):
            fabio.edfimage.EdfImage(data=image).write(str(folder / name))
        else:
            tifffile.imwrite(folder / name, image)


@pytest.mark.parametrize("ending", ["tif", "edf"])
@pytest.mark.parametrize(
    ("dark", "flat"),
    [
        ("dark_{:04d}", "flat_{:04d}"),
        ("Dark{}", "FLAT{}"),
        ("darkfield_{}", "bright_{}"),
        ("dark-{}", "white-{}"),
        ("IMAT_Dark_Before_{}", "IMAT_Flat_After_{}"),
        ("darkend{:04d}", "ref0000_{:04d}"),
        ("a_dark_{}", "refHST{:04d}"),
        ("DarkBefore{:04d}", "FlatBefore{:04d}"),
        ("sampleDark{}", "sampleFlatAfter{}"),
    ],
)
@pytest.mark.parametrize("pattern", ["scan", "scan/*.{}"])
def test_darks_are_darks_and_flats_are_left_out(tmp_path, ending, dark, flat, pattern):
    folder, frames = tmp_path / "scan", stack(8)
    darks = np.stack([np.full((12, 10), value, np.uint16) for value in (90, 100, 110)])
    write(folder, [f"{dark.format(i)}.{ending}" for i in range(3)], darks)
    write(folder, [f"{flat.format(i)}.{ending}" for i in range(5)], stack(5, seed=3))
    write(folder, [f"proj_{i:04d}.{ending}" for i in range(8)], frames)
    scan = open_scan(pattern.format(ending), PARAMS, tmp_path)
    np.testing.assert_array_equal(scan.frames.read(0, 8), frames)
    assert (scan.dark == 100).all()
    assert any(note.startswith("8 files are left out by their names") for note in scan.notes)
    assert not scan.warnings


@pytest.mark.parametrize(
    "name", ["proj_0001.tif", "whitening_01.tif", "sample_flatness_3.tif", "brighton_2.tif", "offlattice_1.tif"]
)
def test_names_that_only_begin_like_it_are_frames(tmp_path, name):
    path = tmp_path / name
    write(tmp_path, [path.name, "b_0001.tif"], stack(2))
    assert [file.name for file in locate(str(tmp_path), tmp_path).files] == sorted([path.name, "b_0001.tif"])
    assert not is_dark(path)


def test_files_of_another_name_than_the_rest_are_warned_of(tmp_path):
    write(tmp_path / "s", [f"proj_{i:04d}.tif" for i in range(8)], stack(8))
    params = ScanParams.build({"dark": 0, "omega": {"step_deg": 45.0}}, "scan")
    assert not open_scan("s", params, tmp_path).warnings
    write(tmp_path / "s", ["ff_0001.tif"], stack(1))
    assert (
        "1 of the 9 files have another name than the rest (ff_0001.tif)"
        in open_scan("s", params, tmp_path).warnings[0]
    )


def test_a_folder_of_flats_alone_is_refused_with_the_way_out_and_a_pattern_takes_it(tmp_path):
    write(tmp_path / "s", [f"flat_{i}.tif" for i in range(8)], stack(8))
    with pytest.raises(ScanError, match=r"only darks and flats, by their names \(flat_0\.tif.*pattern"):
        open_scan("s", PARAMS, tmp_path)
    params = ScanParams.build({"dark": 0, "omega": {"step_deg": 45.0}}, "scan")
    assert open_scan("s/flat*.tif", params, tmp_path).shape[0] == 8


@pytest.mark.parametrize("name", ["data_white", "data_flat", "data_bright", "flat_fields", "white"])
def test_flats_of_dataexchange_are_no_frames(tmp_path, name):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["exchange/data"], file["exchange/data_dark"] = stack(8), np.full((3, 12, 10), 7)
        file[f"exchange/{name}"] = stack(5)
    scan = open_scan("s.h5", PARAMS, tmp_path)
    assert scan.name.endswith("::/exchange/data")
    assert (scan.dark == 7).all()


def test_files_whose_numbers_are_missing_leave_gaps(tmp_path):
    frames, keep = stack(20), np.setdiff1d(np.arange(20), [7, 8, 15])
    write(tmp_path / "s", [f"p_{10 * i + 1:05d}.tif" for i in keep], frames[keep])
    params = ScanParams.build({"dark": 0, "omega": {"start_deg": 5.0, "step_deg": 18.0}}, "scan")
    scan = open_scan("s", params, tmp_path)
    assert (scan.shape[0], scan.gaps, scan.omega_start_deg) == (20, ((7, 9), (15, 16)), 5.0)
    np.testing.assert_array_equal(scan.frames.read(9, 15), frames[9:15])
    assert "2 frames missing after frame 6, by the numbers of the files" in scan.warnings
    skipped = open_scan("s", params.replaced(skip=(8,)), tmp_path)  # the ninth file
    assert skipped.gaps == ((7, 9), (10, 11), (15, 16))


@pytest.mark.parametrize(
    "names",
    [
        [f"p_{i:04d}.tif" for i in range(9)],
        [f"{'ab'[i % 2]}_{i:04d}.tif" for i in range(0, 27, 3)],
        [f"p_{i * i:04d}.tif" for i in range(1, 10)],
        [f"p_{i}.tif" for i in (1, 2, 3, 4, 5, 6, 7, 8, 900)],
        ["p_1.tif", "p_5.tif", "p_6.tif"],
        [f"p{'abcdefghi'[i]}.tif" for i in range(9)],
    ],
)
def test_names_that_tell_no_places_leave_the_frames_as_they_are(tmp_path, names):
    places = places_by_number(tuple(tmp_path / name for name in names))
    assert places is None or places.tolist() == list(range(len(names)))
