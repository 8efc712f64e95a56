"""Spots of a specimen: which planes of which grain light up where, when and how brightly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from friedel.kernels import bragg
from friedel.kernels.absorption import EMPTY, Body
from friedel.kernels.simulate.spot_images import SPOT, ProjectionModel, extents
from friedel.model.absorption import body_of
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal import Phase
from friedel.model.leaning_axis import beam_direction, leaning, predict
from friedel.model.motion import shift_px
from friedel.model.reflections import Reflections
from friedel.model.setup import Setup
from friedel.model.shapes import SampleMask
from friedel.model.stream import Executor
from friedel.simulator.cells import Specimen
from friedel.simulator.params import SimulationParams

NEAR_AXIS = 0.03
"""Spots with |sin eta| below this are left out: they never really pass through the diffraction condition."""
CHUNK = 256


@dataclass(frozen=True, slots=True, eq=False)
class Diffraction:
    """The spots that meet the detector: what to draw, and what they are.

    `spots` are records of `kernels.simulate.spot_images.SPOT`; `boxes` (n,6) their frame, row and col ranges,
    `shadows` (n,6) those of what they take from the direct beam. `grain` (n), `hkl` (n,3). `row`, `col`, `frame`
    (n) are the predicted positions of the grain's centre (frames by edges, as in SPOT); `period` is the number of
    frames after which the scan repeats, 0 if never.
    """

    spots: AnyArray
    boxes: Indices
    shadows: Indices
    grain: Indices
    hkl: Indices
    row: Floats
    col: Floats
    frame: Floats
    model: ProjectionModel
    period: int


def diffract(
    params: SimulationParams,
    setup: Setup,
    phases: Sequence[Phase],
    specimen: Specimen,
    taps: AnyArray,
    *,
    executor: Executor,
) -> Diffraction:
    """All spots that fall on the detector during the scan. `taps` are those of the point spread."""
    leant = leaning(setup, params.lean_deg)  # all that follows is in the frame of the axis
    detector, lean = leant.detector, leant.axis.lean_rad
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    model = ProjectionModel(
        specimen.position_um,
        specimen.rotation,
        plane,
        taps,
        beam_direction(lean),
        *_absorbing(params, setup, specimen),
    )
    d_min = setup.beam.wavelength / (2 * np.sin(_largest_two_theta(params, setup) / 2))
    listed = [phase.reflections(d_min) for phase in phases]
    scale = params.light.spot_counts * (params.voxel_um / params.pixel_um) ** 3 / _strongest(phases, listed, setup)
    rays = [
        _Rays(params, leant, phase, reflections, plane, scale)
        for phase, reflections in zip(phases, listed, strict=True)
    ]
    parts = [_of_grain(rays[kind], specimen, grain) for grain, kind in enumerate(specimen.grains.phase)]
    spots, hkl, where = (np.concatenate([part[i] for part in parts]) for i in range(3))
    grain = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    boxes, shadows = _boxes(spots, model, executor)
    frames, rows, cols = params.shape
    on = (boxes[:, 2] < rows) & (boxes[:, 3] > 0) & (boxes[:, 4] < cols) & (boxes[:, 5] > 0)
    on &= (boxes[:, 1] > boxes[:, 0]) & (params.full_turn | ((boxes[:, 0] < frames) & (boxes[:, 1] > 0)))
    period = frames if params.full_turn else 0
    row, col = where[on].T
    return Diffraction(
        spots[on], boxes[on], shadows[on], grain[on], hkl[on], row, col, spots["frame"][on], model, period
    )


def _absorbing(params: SimulationParams, setup: Setup, specimen: Specimen) -> tuple[float, Body]:
    """How much diffracted light is absorbed, per um, and by what: the voxels of a map, else the shape."""
    if not params.sample.absorb_spots:
        return 0.0, EMPTY
    solid = specimen.volume
    voxels = SampleMask(solid.grain_id > 0, solid.origin_um, solid.voxel_um)
    body = body_of(voxels if params.sample.map else setup.sample)
    return params.sample.absorption_per_um, body or EMPTY


def _boxes(spots: AnyArray, model: ProjectionModel, executor: Executor) -> tuple[Indices, Indices]:
    def work(chunk: slice) -> tuple[Indices, Indices]:
        boxes, shadows = (np.zeros((len(spots[chunk]), 6), dtype=np.int64) for _ in range(2))
        extents(spots[chunk], model, False, boxes)
        extents(spots[chunk], model, True, shadows)
        return boxes, shadows

    chunks = [slice(start, start + CHUNK) for start in range(0, max(len(spots), 1), CHUNK)]
    found = list(executor.map(work, chunks))
    return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])


def frame_of(lab_omega_rad: Floats, params: SimulationParams, sign: int) -> Floats:
    """Fractional frame (frame f covers [f, f+1)) of an angle of the equations; what is not covered lies outside."""
    step = params.omega_step_deg
    period = 360.0 / abs(step)
    gap = period - params.frames
    frame = (sign * np.degrees(lab_omega_rad) - params.omega_start_deg) / step
    return np.asarray(np.mod(frame + gap / 2, period) - gap / 2)


@dataclass(frozen=True, slots=True, eq=False)
class _Rays:
    """What the grains of one phase share; `scale` turns |F|^2 / cell volume^2 * factors into counts a voxel."""

    params: SimulationParams
    setup: Setup
    phase: Phase
    reflections: Reflections
    plane: Floats
    scale: float


def _of_grain(rays: _Rays, specimen: Specimen, grain: int) -> tuple[AnyArray, Indices, Floats]:
    """Records of one grain's spots, their hkl (n,3), and row, col of the centre (n,2)."""
    params, wavelength, sign = rays.params, rays.setup.beam.wavelength, rays.setup.axis.sign
    UB = specimen.grains.U[grain] @ rays.phase.B
    lean = rays.setup.axis.lean_rad
    g, place = rays.reflections.hkl @ UB.T, specimen.grains.position_um[grain]
    found = predict(g, place, wavelength, rays.plane, lean).only(NEAR_AXIS)
    f_squared = rays.reflections.f_squared[found.reflection] / rays.phase.cell_volume**2
    factor = bragg.lorentz(found.two_theta, found.eta) * bragg.polarisation(found.two_theta, found.eta)
    omega_rate, k_rate = rotation_rates(found, wavelength, lean)
    spots = np.zeros(len(found.omega), dtype=SPOT)
    spots["first"], spots["stop"] = specimen.pointer[grain], specimen.pointer[grain + 1]
    spots["omega"], spots["omega_rate"] = found.omega, omega_rate
    spots["frame"] = frame_of(found.omega, params, sign)
    spots["frame_rate"] = sign * np.degrees(omega_rate) / params.omega_step_deg
    spots["spread"] = params.sample.mosaicity_deg / np.abs(np.sin(found.eta)) / abs(params.omega_step_deg)
    spots["counts"] = rays.scale * f_squared * factor
    spots["k"], spots["k_rate"] = found.k, k_rate
    place = np.column_stack([found.row, found.col])
    if params.moved is not None:  # a spot lies where the sample is when it is brightest
        spots["moved"] = params.moved.displacement_um(spots["frame"] - 0.5, found.omega)
        place += shift_px(spots["moved"], found.k, rays.plane)
    return spots, rays.reflections.hkl[found.reflection], place


def rotation_rates(found: bragg.BraggSpots, wavelength: float, lean_rad: float = 0.0) -> tuple[Floats, Floats]:
    """How omega (n,3) and k (n,3,3) change when the lattice turns about x, y, z of the sample frame, per rad.

    From Bragg's law, `d(beam . g_lab) = 0`: `dw = (beam . Rz dg) / (beam_x g_lab,y)` with `dg = axis x g`; row i of
    k's is about axis i.
    """
    c, s = np.cos(found.omega), np.sin(found.omega)
    zero, one = np.zeros(len(c)), np.ones(len(c))
    axes = np.stack([np.stack(axis, axis=-1) for axis in ((c, s, zero), (-s, c, zero), (zero, zero, one))], axis=1)
    beam = beam_direction(lean_rad)
    g = (found.k - beam) / wavelength
    dg = np.cross(axes, g[:, None, :])
    omega_rate = (dg[:, :, 0] + beam[2] / beam[0] * dg[:, :, 2]) / g[:, 1, None]
    about_z = np.column_stack([-g[:, 1], g[:, 0], zero])
    return omega_rate, wavelength * (omega_rate[:, :, None] * about_z[:, None, :] + dg)


def _largest_two_theta(params: SimulationParams, setup: Setup) -> float:
    """Of a beam from anywhere in the sample to a corner of the detector, in radians, at most 170 degrees."""
    rows = np.array([-0.5, -0.5, params.rows - 0.5, params.rows - 0.5])
    cols = np.array([-0.5, params.cols - 0.5, -0.5, params.cols - 0.5])
    corners = setup.detector.position_um(rows, cols)
    x, y, z = setup.sample.size_um
    radius = 0.5 * (x if setup.sample.kind == "cylinder" else float(np.hypot(x, y)))
    across = np.hypot(corners[:, 1], corners[:, 2]) + np.hypot(radius, z / 2)
    return float(min(np.arctan2(across, corners[:, 0] - radius).max(), np.radians(170.0)))


def _strongest(phases: Sequence[Phase], listed: Sequence[Reflections], setup: Setup) -> float:
    """Largest |F|^2 / cell volume^2 / sin 2theta of all reflections."""
    best = 0.0
    for phase, reflections in zip(phases, listed, strict=True):
        two_theta = 2 * np.arcsin(setup.beam.wavelength * reflections.g_length / 2)
        strength = reflections.f_squared / phase.cell_volume**2 / np.sin(two_theta)
        best = max(best, float(strength.max(initial=0.0)))
    return best or 1.0
