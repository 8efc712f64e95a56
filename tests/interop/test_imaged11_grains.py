"""ImageD11 as a second judge of our grains: its prediction of their spots, its refinement from their peaks.

Its refinement is `cImageD11.score_and_refine` on g-vectors that `transform.compute_g_vectors` makes of our assigned
peaks, corrected for the grain's position, as its `refinegrains` does (which itself needs files).
"""

from functools import cache

import numpy as np
import pytest
from ImageD11 import cImageD11, transform

from friedel.index import IndexParams, index
from friedel.kernels import bragg
from friedel.match import MatchParams, match
from friedel.simulator import SimulationParams, SpecimenParams, simulate

PIXEL, DISTANCE = 3.5, 3094.0


@cache
def case(sense="+z"):
    sample = SpecimenParams(radius_um=85.0, height_um=140.0, voxel_um=7.0)
    scan = simulate(SimulationParams(grains=10, sample=sample, rotation=sense))
    blobs = scan.truth.blobs
    pairs = match(blobs, scan.setup, scan.phases, MatchParams())
    return scan, index(blobs, pairs, scan.setup, scan.phases, IndexParams())


def theirs(scan, grain):
    """Parameters of the detector and the grain's place as ImageD11 names them (no tilt, o22 up)."""
    x, y, z = grain
    middle = 255.5
    return {
        "distance": DISTANCE, "y_center": middle, "z_center": middle, "y_size": PIXEL, "z_size": PIXEL,
        "tilt_x": 0.0, "tilt_y": 0.0, "tilt_z": 0.0, "o11": -1, "o12": 0, "o21": 0, "o22": 1,
        "t_x": x, "t_y": y, "t_z": z,
    }  # fmt: skip


@pytest.mark.parametrize("sense", ["+z", "-z"])
def test_it_predicts_the_spots_of_our_grains_where_we_do(sense):
    scan, grains = case(sense)
    detector = scan.setup.detector
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    wavelength = scan.setup.beam.wavelength
    checked = 0
    for i in range(len(grains)):
        hkl = scan.phases[0].reflections(1.1).hkl
        g = hkl @ np.linalg.inv(grains.UBI[i]).T
        ours = bragg.predict(g, grains.position_um[i], wavelength, plane)
        two_theta, etas, omegas = transform.uncompute_g_vectors(np.ascontiguousarray(g.T), wavelength)
        for solution in range(2):
            fast, slow = _places(scan, grains.position_um[i], two_theta, etas[solution], omegas[solution])
            for row in range(len(g)):
                apart = np.mod(ours.omega - np.radians(omegas[solution][row]) + np.pi, 2 * np.pi) - np.pi
                near = np.flatnonzero((ours.reflection == row) & (np.abs(apart) < 1e-6))
                assert len(near) == 1
                np.testing.assert_allclose(
                    [ours.row[near[0]], ours.col[near[0]]], [slow[row], fast[row]], atol=1e-6
                )
                checked += 1
    assert checked > 1000


def _places(scan, position, two_theta, eta, omega):
    p = theirs(scan, position)
    return transform.compute_xyz_from_tth_eta(two_theta, eta, omega, **p)


@pytest.mark.parametrize("sense", ["+z", "-z"])
def test_its_refinement_of_our_peaks_gives_our_orientations(sense):
    scan, grains = case(sense)
    blobs, wavelength = scan.truth.blobs, scan.setup.beam.wavelength
    sign = scan.setup.axis.sign
    assert len(grains) == 10
    for i in range(len(grains)):
        mine = grains.blobs[grains.blob_pointer[i] : grains.blob_pointer[i + 1]]
        omega = sign * blobs["omega"][mine]
        p = theirs(scan, grains.position_um[i])
        xyz = transform.compute_xyz_lab([blobs["sc"][mine], blobs["fc"][mine]], **_detector(p))
        two_theta, eta = transform.compute_tth_eta_from_xyz(
            xyz, omega, t_x=p["t_x"], t_y=p["t_y"], t_z=p["t_z"], wedge=0.0, chi=0.0
        )
        g = np.ascontiguousarray(transform.compute_g_vectors(two_theta, eta, omega, wavelength).T)
        UBI = grains.UBI[i] @ _small_turn()
        for _ in range(4):
            used, _ = cImageD11.score_and_refine(UBI, g, 0.15)
        assert used > 0.8 * len(mine)
        U = _orthogonal(np.linalg.inv(UBI) @ np.linalg.inv(scan.phases[0].B))
        assert scan.phases[0].misorientation_deg(U, grains.U[i]) < 0.02


def _detector(p):
    return {name: value for name, value in p.items() if not name.startswith("t_")}


def _small_turn():
    angle = np.radians(0.1)
    return np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])


def _orthogonal(matrix):
    left, _, right = np.linalg.svd(matrix)
    return left @ right
