"""Detectors whose pixels lie beside a plane grid."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from ImageD11.blobcorrector import correctorclass

from friedel.errors import RecipeError, SetupError
from friedel.io.distortion_file import read_distortion
from friedel.model.distortion import Distortion, undistorted
from friedel.recipe import SetupParams
from tests.unit.test_index import PARAMS, all_found, grains_of, simulation

SHAPE = (48, 64)


def waves(shape, size=2.0):
    """A smooth distortion of so many pixels."""
    row, col = np.mgrid[: shape[0], : shape[1]] / np.array(shape)[:, None, None]
    return Distortion(size * np.sin(3 * row + 2 * col), size * np.cos(2 * row) * col)


def spline_file(path):
    """A spline file as Fit2D writes it: knots, coefficients, five numbers a line."""
    rng = np.random.default_rng(1)

    def block(values):
        texts = [f"{value:14.7E}" for value in values]
        return ["".join(texts[i : i + 5]) for i in range(0, len(texts), 5)]

    lines = ["SPATIAL DISTORTION SPLINE INTERPOLATION COEFFICIENTS", "", "  VALID REGION"]
    lines += ["".join(f"{v:14.7E}" for v in (0, 0, SHAPE[1], SHAPE[0])), ""]
    lines += ["  GRID SPACING, X-PIXEL SIZE, Y-PIXEL SIZE", "".join(f"{v:14.7E}" for v in (5, 50, 50))]
    for name in "XY":
        x, y = (np.r_[[0] * 4, [size / 2], [size] * 4].astype(float) for size in SHAPE[::-1])
        lines += ["", f"  {name}-DISTORTION", f"{len(x):6d}{len(y):6d}", *block(x), *block(y)]
        lines += block(rng.normal(0, 2, (len(x) - 4) * (len(y) - 4)))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_spline_file_says_what_imaged11_reads_there(tmp_path):
    path = spline_file(tmp_path / "detector.spline")
    found = read_distortion([str(path)], SHAPE)
    row, col = np.array([3.0, 20.0, 41.0]), np.array([5.0, 33.0, 60.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        corrector = correctorclass(str(path))
    expected = np.array([corrector.correct(*place) for place in zip(row, col, strict=True)])
    np.testing.assert_allclose(np.column_stack(found.corrected_px(row, col)), expected, atol=1e-4)


def test_two_images_are_added_to_col_and_to_row(tmp_path):
    files = [tmp_path / f"{name}.npy" for name in ("dx", "dy")]
    for file, value in zip(files, (1.5, -0.25), strict=True):
        np.save(file, np.full(SHAPE, value, dtype=np.float32))
    row, col = read_distortion([str(file) for file in files], SHAPE).corrected_px(np.array([7.0]), np.array([9.0]))
    assert (row[0], col[0]) == (6.75, 10.5)


def test_what_is_put_on_the_grid_comes_back_to_its_pixel():
    distortion = waves(SHAPE)
    row, col = np.array([5.0, 30.2]), np.array([8.8, 50.0])
    back = distortion.raw_px(*distortion.corrected_px(row, col))
    np.testing.assert_allclose(back, [row, col], atol=1e-3)


def test_grains_of_a_distorted_detector_are_where_they_are_once_it_is_known():
    scan = simulation()
    blobs = scan.truth.blobs
    distortion = waves(blobs.shape[1:])
    row, col = distortion.raw_px(blobs.columns["sc"], blobs.columns["fc"])
    raw = {"s_raw": row, "f_raw": col, "sc": row, "fc": col}
    distorted = replace(blobs, columns={**blobs.columns, **raw})
    grains = grains_of(undistorted(distorted, distortion), scan.setup, scan.phases, PARAMS)
    all_found(scan, grains, 0.005, 0.15)


@pytest.mark.parametrize(("files", "rule"), [(("a", "b", "c"), "two images"), (("",), "two images")])
def test_other_than_one_or_two_files_are_refused(files, rule):
    detector = {"distance_um": 3000, "pixel_um": 3.5, "centre_px": (10, 10)}
    with pytest.raises(RecipeError, match=rule):
        SetupParams(energy_keV=40, detector=detector, distortion=files)


def test_a_file_that_is_no_spline_and_maps_of_another_shape_are_refused(tmp_path):
    (tmp_path / "x.spline").write_text("hello\n")
    with pytest.raises(SetupError, match="spline file of Fit2D, or two images"):
        read_distortion([str(tmp_path / "x.spline")], SHAPE)
    np.save(tmp_path / "d.npy", np.zeros((4, 4)))
    with pytest.raises(SetupError, match="48 rows × 64 cols"):
        read_distortion([str(tmp_path / "d.npy")] * 2, SHAPE)
