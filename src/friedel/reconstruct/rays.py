"""The geometry of a grain's spots: when, in which direction, and where on the detector."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from friedel.kernels import bragg
from friedel.model.absorption import Absorption
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.families import farthest_two_theta_rad
from friedel.model.grains import GrainTable
from friedel.model.leaning_axis import nearest_flash, places
from friedel.model.setup import Setup
from friedel.model.still_sample import moved_px

OMEGA_SCALE_RAD = np.radians(0.3)
PLACE_SCALE_PX = 3.0
"""What counts as equally far when a blob has to find its reflection."""
LEAST_SIN_ETA = 0.05
"""Spots nearer to the axis are so long in omega that nothing is predicted of them."""


class Rays(NamedTuple):
    """Spots of one grain: `blob` (n) rows of the blob table, `shared` (n) whether it serves another grain too,
    `hkl` (n,3); from the grain's orientation and position: `omega` (n) of the equations in radians, `k` (n,3) unit
    direction in the lab, `row`, `col` (n) where the grain's centre falls on the frames; `strength` (n) = |F|^2 *
    Lorentz * polarisation * what absorption leaves; `omega_offset` (n) = omega minus the measured one, in rad."""

    blob: Indices
    shared: AnyArray
    hkl: Indices
    omega: Floats
    k: Floats
    row: Floats
    col: Floats
    strength: Floats
    omega_offset: Floats

    def take(self, which: AnyArray) -> "Rays":
        """Some of them."""
        return Rays(*[part[which] for part in self])  # type: ignore[arg-type]


class DiffractionModel:
    """What the rays of all grains need: the detector's frame, |F|^2 of each reflection, the sample's absorption."""

    def __init__(
        self,
        setup: Setup,
        phases: Sequence[Phase],
        shape: tuple[int, int, int],
        absorption: Absorption | None = None,
    ) -> None:
        detector = setup.detector
        self.setup = setup
        self.absorption = absorption
        self.phases = phases
        self.plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
        self.d_min = setup.beam.wavelength / (2 * np.sin(farthest_two_theta_rad(setup.detector, shape[1:]) / 2))
        listed = [phase.reflections(self.d_min) for phase in phases]
        self.reflections = listed
        self.f_squared: list[dict[tuple[int, ...], float]] = [
            dict(zip(map(tuple, one.hkl.tolist()), one.f_squared.tolist(), strict=True)) for one in listed
        ]

    def rays(self, grains: GrainTable, grain: int, blobs: BlobTable) -> Rays:
        """The rays of one grain; spots that its orientation does not predict are left out."""
        part = slice(int(grains.blob_pointer[grain]), int(grains.blob_pointer[grain + 1]))
        rows = np.asarray(grains.blobs[part], dtype=np.int64)
        shared = np.asarray(grains.shared[part], dtype=bool)
        omega = self.setup.lab_omega_rad(blobs["omega"][rows])
        if len(grains.hkl) != len(grains.blobs):
            hkl = self._nearest(grains, grain, omega, np.column_stack([blobs["sc"], blobs["fc"]])[rows])
        else:
            hkl = np.asarray(grains.hkl[part], dtype=np.int64)
        found, of = self._predict(grains, grain, hkl, omega)
        listed = self.f_squared[int(grains.phase[grain])]
        f_squared = np.array([listed.get(tuple(one), 0.0) for one in hkl[of].tolist()])
        strength = f_squared * self._factors(found, grains.position_um[grain])
        omega_offset = wrapped(found.omega - omega[of])
        # on the frames as they are: a sample that moved, or a distorting detector, moved this spot too
        row, col = (
            place + (blobs[raw] - blobs[corrected])[rows[of]]
            for place, raw, corrected in ((found.row, "s_raw", "sc"), (found.col, "f_raw", "fc"))
        )
        rays = Rays(rows[of], shared[of], hkl[of], found.omega, found.k, row, col, strength, omega_offset)
        return rays.take(strength > 0)

    def every_ray(self, grains: GrainTable, grain: int, blobs: BlobTable) -> Rays:
        """The rays of all spots that a grain can have on the detector, whether a blob was found there or not.

        Their `blob` is -1; `row` and `col` are where they are on the frames as the sample stood there, and
        `omega_offset` is what a leaning axis makes of omega. Not those that hardly pass through the diffraction
        condition.
        """
        kind = int(grains.phase[grain])
        listed = self.reflections[kind]
        g = listed.hkl @ (grains.U[grain] @ self.phases[kind].B).T
        found = bragg.predict(g, grains.position_um[grain], self.setup.beam.wavelength, self.plane)
        found = found.only(LEAST_SIN_ETA)
        strength = listed.f_squared[found.reflection] * self._factors(found, grains.position_um[grain])
        n = len(strength)
        seen, row, col = self._as_recorded(found, g[found.reflection], grains.position_um[grain], blobs)
        rays = Rays(
            np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=bool), listed.hkl[found.reflection],
            found.omega, found.k, row, col, strength, wrapped(found.omega - seen),
        )  # fmt: skip
        return rays.take(strength > 0)

    def _factors(self, found: bragg.BraggSpots, position_um: Floats) -> Floats:
        """Lorentz times polarisation, and what absorption leaves of the light of a grain's centre (n)."""
        factor = bragg.lorentz(found.two_theta, found.eta) * bragg.polarisation(found.two_theta, found.eta)
        if self.absorption is None:
            return factor
        return np.asarray(factor * np.exp(self.absorption.log_transmission(position_um, found.omega, found.k)))

    def _as_recorded(
        self, found: bragg.BraggSpots, g: Floats, position_um: Floats, blobs: BlobTable
    ) -> tuple[Floats, Floats, Floats]:
        """Omega (rad), row, col (n) of spots about an axis that leans, of a sample that moved; g (n,3)."""
        setup, omega, row, col = self.setup, found.omega, found.row, found.col
        if setup.axis.lean_rad:
            flash = nearest_flash(g, omega, setup.beam.wavelength, setup.axis.lean_rad)
            omega = flash.omega
            row, col = places(np.broadcast_to(position_um, (len(omega), 3)), flash, setup.detector).T
        shift = moved_px(setup, frames_of(omega, setup, blobs), omega, row, col)
        row, col = row + shift[:, 0], col + shift[:, 1]
        return (omega, row, col) if setup.distortion is None else (omega, *setup.distortion.raw_px(row, col))

    def _predict(
        self, grains: GrainTable, grain: int, hkl: Indices, omega: Floats
    ) -> tuple[bragg.BraggSpots, Indices]:
        """Of each hkl the solution nearest to the measured omega, and which entries have one."""
        UB = grains.U[grain] @ self.phases[int(grains.phase[grain])].B
        g = hkl @ UB.T
        found = bragg.predict(g, grains.position_um[grain], self.setup.beam.wavelength, self.plane)
        away = np.abs(wrapped(found.omega - omega[found.reflection]))
        order = np.lexsort((away, found.reflection))
        first = np.unique(found.reflection[order], return_index=True)[1]
        best = bragg.BraggSpots(*[part[order[first]] for part in found])  # type: ignore[arg-type]
        return best, best.reflection

    def _nearest(self, grains: GrainTable, grain: int, omega: Floats, place: Floats) -> Indices:
        """The reflection (n,3) whose predicted spot is nearest to each blob."""
        kind = int(grains.phase[grain])
        hkl = self.reflections[kind].hkl
        g = hkl @ (grains.U[grain] @ self.phases[kind].B).T
        found = bragg.predict(g, grains.position_um[grain], self.setup.beam.wavelength, self.plane)
        turn = wrapped(found.omega[None, :] - omega[:, None]) * np.abs(np.sin(found.eta)) / OMEGA_SCALE_RAD
        down = (found.row[None, :] - place[:, :1]) / PLACE_SCALE_PX
        right = (found.col[None, :] - place[:, 1:]) / PLACE_SCALE_PX
        return np.asarray(hkl[found.reflection[(turn**2 + down**2 + right**2).argmin(axis=1)]])


def frames_of(omega: Floats, setup: Setup, blobs: BlobTable) -> Floats:
    """In which frame of a scan an angle (n) of the lab (rad) is, counted from the middle of the first; within the
    first turn."""
    stage_deg = np.degrees(omega) * setup.axis.sign
    turned = (stage_deg - blobs.omega_start_deg) * np.sign(blobs.omega_step_deg)
    return np.asarray(np.mod(turned, 360.0) / abs(blobs.omega_step_deg) - 0.5)


def sines_of_eta(rays: Rays) -> Floats:
    """|sin eta| (n) of each ray."""
    return np.asarray(np.abs(rays.k[:, 1]) / np.maximum(np.hypot(rays.k[:, 1], rays.k[:, 2]), 1e-12))


def sample_directions(rays: Rays) -> Floats:
    """Unit directions (n,3) of the diffracted beams in the sample frame."""
    c, s = np.cos(rays.omega), np.sin(rays.omega)
    x, y, z = rays.k.T
    return np.column_stack([c * x + s * y, -s * x + c * y, z])


def wrapped(angle: Floats) -> Floats:
    """Angles in radians within half a turn of 0."""
    return np.asarray(np.mod(angle + np.pi, 2 * np.pi) - np.pi)
