"""A rotation axis that leans along the beam, so that the beam is not at right angles to it.

Everything is told in the frame of the axis: z along it, x the part of the beam normal to it. The beam then climbs
by the lean b: it runs along (cos b, 0, sin b), and where the top of the axis leans downstream b is positive.
Bragg's law reads `cos b g_x + sin b g_z = -lambda |g|^2 / 2` (g in the lab): spots come earlier or later by about
`b cot eta`, and h and -h no longer half a turn apart. A lean across the beam turns about the beam and is the
detector's tilt about x: nothing tells the two apart. ImageD11 calls -b `wedge`.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from friedel.kernels import bragg
from friedel.model.arrays import Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.grains import GrainTable
from friedel.model.setup import Detector, Setup, rotation


def beam_direction(lean_rad: float) -> Floats:
    """Unit vector (3) along the beam in the frame of the axis."""
    return np.array([np.cos(lean_rad), 0.0, np.sin(lean_rad)])


def leaning(setup: Setup, lean_deg: float) -> Setup:
    """The same beam and detector about an axis that leans so far: in its frame the detector is turned."""
    back = rotation("y", setup.axis.lean_deg - lean_deg)
    detector = setup.detector
    turned = Detector(back @ detector.origin_um, back @ detector.u_um, back @ detector.v_um)
    return replace(setup, detector=turned, axis=replace(setup.axis, lean_deg=lean_deg))


class Flashes(NamedTuple):
    """When planes diffract: `omega` (n) in rad, and the unit direction `k` (n,3) of their beam in the lab."""

    omega: Floats
    k: Floats


def both_flashes(g: Floats, wavelength: float, lean_rad: float) -> tuple[Flashes, Flashes]:
    """The two times in a turn at which g (n,3) of the sample frame diffracts; where it never does, the nearest."""
    in_plane = np.maximum(np.hypot(g[:, 0], g[:, 1]), 1e-12)
    beam = beam_direction(lean_rad)
    needed = (-0.5 * wavelength * (g**2).sum(axis=1) - beam[2] * g[:, 2]) / (beam[0] * in_plane)
    half, phi = np.arccos(np.clip(needed, -1, 1)), np.arctan2(g[:, 1], g[:, 0])

    def at(omega: Floats) -> Flashes:
        return Flashes(omega, wavelength * about_z(g, omega) + beam)

    return at(-phi + half), at(-phi - half)


def nearest_flash(g: Floats, omega: Floats, wavelength: float, lean_rad: float) -> Flashes:
    """Of the two the one that is nearest to omega (n) rad, as an angle within half a turn of it."""
    both = both_flashes(g, wavelength, lean_rad)
    off = np.stack([wrapped(one.omega - omega) for one in both])
    nearer = np.argmin(np.abs(off), axis=0)
    rows = np.arange(len(g))
    k = np.stack([one.k for one in both])[nearer, rows]
    return Flashes(omega + off[nearer, rows], k)


def about_z(v: Floats, omega: Floats) -> Floats:
    """Vectors (n,3) turned about z by omega (n) rad."""
    c, s = np.cos(omega), np.sin(omega)
    return np.column_stack([c * v[:, 0] - s * v[:, 1], s * v[:, 0] + c * v[:, 1], v[:, 2]])


def wrapped(angle: Floats) -> Floats:
    """Angles in rad within half a turn of 0."""
    return np.asarray(np.mod(angle + np.pi, 2 * np.pi) - np.pi)


def places(position_um: Floats, flash: Flashes, detector: Detector) -> Floats:
    """Row, col (n,2) where beams from `position_um` (n,3) of the sample frame meet the detector's plane."""
    start = about_z(position_um, flash.omega)
    origin, normal, dual_u, dual_v = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    hit = start + ((origin - start) @ normal / (flash.k @ normal))[:, None] * flash.k - origin
    return np.column_stack([hit @ dual_v, hit @ dual_u])


def predict(g: Floats, position_um: Floats, wavelength: float, plane: Floats, lean_rad: float) -> bragg.BraggSpots:
    """`kernels.bragg.predict` about an axis that leans; eta and two-theta are against the beam."""
    if lean_rad == 0:
        return bragg.predict(g, position_um, wavelength, plane)
    beam = beam_direction(lean_rad)
    in_plane = np.hypot(g[:, 0], g[:, 1])
    there = np.abs(0.5 * wavelength * (g**2).sum(axis=1) + beam[2] * g[:, 2]) <= beam[0] * in_plane
    rows = np.flatnonzero(there & (in_plane > 0))
    both = both_flashes(g[rows], wavelength, lean_rad)
    reflection = np.repeat(rows, 2)
    omega, k = (np.stack(part, axis=1).reshape(2 * len(rows), -1) for part in zip(*both, strict=True))
    omega = np.mod(omega[:, 0], 2 * np.pi)
    start = about_z(np.broadcast_to(position_um, (len(omega), 3)), omega)
    origin, normal, dual_u, dual_v = plane
    with np.errstate(divide="ignore", invalid="ignore"):
        far = (origin - start) @ normal / (k @ normal)
    hit = start + far[:, None] * k - origin
    up = np.array([-beam[2], 0.0, beam[0]])
    eta = np.arctan2(-k[:, 1], k @ up)
    two_theta = np.arctan2(np.hypot(k[:, 1], k @ up), k @ beam)
    met = np.isfinite(far) & (far > 0)
    found = (reflection, omega, eta, two_theta, hit @ dual_v, hit @ dual_u, k)
    return bragg.BraggSpots(*(part[met] for part in found))


def of_straight_axis(blobs: BlobTable, setup: Setup, grains: GrainTable | None = None) -> BlobTable:
    """The blobs as if the axis stood straight across the beam: `omega`, `sc`, `fc` are changed.

    Of blobs that `grains` own the planes and the place are known, and the change is exact; the others' beams are
    taken from the middle of the sample, and their change errs by some tenths of itself.
    """
    lean = setup.axis.lean_rad
    if lean == 0:
        return blobs
    columns, detector, wavelength = blobs.columns, setup.detector, setup.beam.wavelength
    omega = setup.lab_omega_rad(columns["omega"])
    ray = detector.position_um(columns["sc"], columns["fc"])
    ray = ray / np.linalg.norm(ray, axis=1, keepdims=True)
    g = about_z((ray - beam_direction(lean)) / wavelength, -omega)
    place = np.zeros_like(g)
    if grains is not None and len(grains.hkl) == len(grains.blobs):
        owner = _owners(grains)
        rows = np.asarray(grains.blobs, dtype=np.int64)
        g[rows] = np.einsum("nij,nj->ni", np.linalg.inv(grains.UBI)[owner], grains.hkl)
        place[rows] = grains.position_um[owner]
    as_it_is, straight = (nearest_flash(g, omega, wavelength, angle) for angle in (lean, 0.0))
    moved = places(place, straight, detector) - places(place, as_it_is, detector)
    later = np.degrees(straight.omega - as_it_is.omega)
    change = np.nan_to_num(np.column_stack([setup.axis.sign * later, moved]))
    row, col = columns["sc"] + change[:, 1], columns["fc"] + change[:, 2]
    return replace(blobs, columns={**columns, "omega": columns["omega"] + change[:, 0], "sc": row, "fc": col})


def _owners(grains: GrainTable) -> Indices:
    return np.repeat(np.arange(len(grains)), np.diff(grains.blob_pointer))
