"""Spots of grains in a sample that moves, in plain numpy: its own Bragg law, rays and plane."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.setup import Setup
from tests.oracles_match import SAMPLE_HALF_HEIGHT, SAMPLE_RADIUS, table_of_spots

Displacement = Callable[[float, float], tuple[float, float, float]]
"""From the part of the scan that is over, and the angle of the equations (rad), to where the sample is (um)."""


def moved_spots(
    setup: Setup,
    phase: Phase,
    hkl: np.ndarray,
    displacement: Displacement,
    *,
    grains: int = 12,
    seed: int = 0,
    shape: tuple[int, int, int] = (1440, 512, 512),
    noise_px: float = 0.1,
    noise_deg: float = 0.02,
) -> tuple[BlobTable, GrainTable, np.ndarray]:
    """Blobs of a full turn, the grains that they are of, and where the blobs would be without motion (n,2)."""
    rng = np.random.default_rng(seed)
    rows, U, places = [], [], []
    for grain in range(grains):
        U.append(Rotation.random(random_state=rng.integers(2**31)).as_matrix())
        radius, angle = SAMPLE_RADIUS * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        height = rng.uniform(-1, 1) * SAMPLE_HALF_HEIGHT
        places.append((radius * np.cos(angle), radius * np.sin(angle), height))
        for h in hkl:
            spots = _spots(setup, U[-1] @ phase.B @ h, places[-1], displacement)
            rows.extend([grain, *h, *spot] for spot in spots)
    found = np.array(rows)
    found[:, 4] += np.radians(noise_deg) * rng.standard_normal(len(found)) / np.abs(np.sin(found[:, 5]))
    noise = noise_px * rng.standard_normal((len(found), 2))
    found[:, 6:10] += np.tile(noise, 2)
    on = ((found[:, 6:8] > 3) & (found[:, 6:8] < np.array(shape[1:]) - 4)).all(axis=1)
    on &= np.abs(np.sin(found[:, 5])) > 0.15
    found = found[on]
    omega = np.mod(np.degrees(found[:, 4]) * setup.axis.sign, 360.0)
    order = np.argsort(omega, kind="stable")
    found, omega = found[order], omega[order]
    n = len(found)
    spots = np.column_stack([found[:, :8], np.full(n, 100.0), np.full(n, 4.0), rng.uniform(-1, 1, (n, 3))])
    blobs = table_of_spots(spots, omega, rng, shape, 360.0 / shape[0])
    return blobs, _grains(found, np.array(U), np.array(places), phase), found[:, 8:10]


def _spots(setup: Setup, g: np.ndarray, place, displacement: Displacement):
    """omega, eta, row, col with motion, row, col without, of both spots of a g-vector."""
    wavelength, detector = 12.398419843 / setup.beam.energy_keV, setup.detector
    reach = np.hypot(g[0], g[1])
    needed = -wavelength * (g @ g) / 2
    if abs(needed) > reach:
        return
    for sign in (1, -1):
        w = -np.arctan2(g[1], g[0]) + sign * np.arccos(needed / reach)
        turn = np.array([[np.cos(w), -np.sin(w), 0], [np.sin(w), np.cos(w), 0], [0, 0, 1]])
        k = np.array([1.0, 0, 0]) + wavelength * (turn @ g)
        over = np.mod(np.degrees(w) * setup.axis.sign, 360.0) / 360.0
        both = []
        for moved in (np.array(displacement(over, w)), np.zeros(3)):
            start = turn @ place + moved
            # start + t k = origin + col u + row v
            t, col, row = np.linalg.solve(
                np.column_stack([k, -detector.u_um, -detector.v_um]), detector.origin_um - start
            )
            both += [row, col]
        if t > 0:
            yield w, np.arctan2(-k[1], k[2]), *both


def _grains(found: np.ndarray, U: np.ndarray, places: np.ndarray, phase: Phase) -> GrainTable:
    order = np.argsort(found[:, 0], kind="stable")
    n = len(U)
    return GrainTable(
        U=U,
        UBI=np.linalg.inv(U @ phase.B),
        position_um=places,
        completeness=np.ones(n),
        phase=np.zeros(n, dtype=np.int64),
        blob_pointer=np.searchsorted(found[order, 0], np.arange(n + 1)).astype(np.int64),
        blobs=order.astype(np.int64),
        shared=np.zeros(len(order), dtype=bool),
        orientation_error_deg=np.full(n, 0.01),
        position_error_um=np.full(n, 1.0),
        volume_um3=np.ones(n),
        phases=(phase.name,),
        hkl=found[order, 1:4].astype(np.int64),
    )
