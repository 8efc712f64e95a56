"""The detector as it is: point spread, direct beam, glow, noise, hot pixels, zingers, offset, saturation."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf
from scipy.stats import exponnorm

from friedel.kernels.simulate.random_numbers import expose
from friedel.kernels.simulate.spot_images import add_spots
from friedel.model.arrays import AnyArray, Floats, Image, Indices, Mask
from friedel.model.scan import Box
from friedel.model.setup import Setup
from friedel.simulator.absorption import paths_through_voxels
from friedel.simulator.cells import Specimen
from friedel.simulator.diffract import Diffraction
from friedel.simulator.params import SimulationParams

FRAME, DARK = 1, 2
"""Kinds of exposure: each has random numbers of its own."""
INSIDE = 0.01
"""Part of the beam's full level that still counts as the direct beam."""
TAIL_LENGTHS = 6
"""How much of an exponential tail is drawn, in its lengths."""
SUBDIVISION, CENTRINGS, SHARPEST_PX = 20, 4, 0.2
"""Parts of a pixel that a tail is summed over, how often its mean is set right, its least sigma."""


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """What all frames share.

    `glow`, `beam` (without the sample), `gain` (counts per photon), `offset` are images [row, col];
    `path_um(frame)` is how far the direct beam passes through the sample, [row, col] of `beam_box`. `light`
    (frames) is the source's intensity, 1 on average. `hot` are flat indices of hot pixels and `hot_counts` what
    they add on average.
    """

    params: SimulationParams
    glow: Image
    beam: Image
    beam_box: Box | None
    margins: tuple[Box, ...]
    path_um: Callable[[int], Floats]
    gain: Image
    offset: Image
    light: Floats
    hot: Indices
    hot_counts: Floats
    taps: Image

    def noise_sigma(self) -> Image:
        """Noise of one raw frame without spots and beam: photons of the glow and the read-out, in counts."""
        camera = self.params.camera
        return np.asarray(np.sqrt(camera.gain * self.glow + camera.read_noise**2), dtype=np.float32)

    def hidden(self) -> Mask:
        """True in the box of the direct beam."""
        mask = np.zeros(self.beam.shape, dtype=bool)
        if self.beam_box is not None:
            mask[self.beam_box.slices] = True
        return mask

    def background(self, frame: int) -> Image:
        """Expected counts of glow and direct beam behind the sample."""
        image = self.glow.copy()
        if self.beam_box is not None:
            box = self.beam_box.slices
            through = np.exp(-self.params.sample.absorption_per_um * self.path_um(frame))
            image[box] += (self.beam[box] * through).astype(np.float32)
        return image

    def record(self, expected: Image, frame: int) -> AnyArray:
        """One raw frame, uint16 [row, col]."""
        return self._read_out(expected, FRAME, frame, self.light[frame], self.params.camera.zingers)

    def dark(self, frame: int) -> AnyArray:
        """One raw frame without light."""
        return self._read_out(np.zeros_like(self.glow), DARK, frame, 0.0, 0.0)

    def _read_out(self, expected: Image, kind: int, frame: int, light: float, zingers: float) -> AnyArray:
        camera, seed = self.params.camera, self.params.seed
        raw = np.empty(expected.shape, dtype=np.uint16)
        top = float(camera.saturation)
        expose(
            expected, light / camera.gain, self.gain, self.offset, camera.read_noise, top, seed, kind, frame, raw
        )
        rng = np.random.default_rng([seed, kind, frame])
        flat = raw.reshape(-1)
        extra = self.hot_counts * rng.uniform(0.5, 1.5, len(self.hot))
        flat[self.hot] = np.minimum(flat[self.hot] + np.rint(extra), top)
        hits = rng.integers(0, flat.size, rng.poisson(zingers))
        flat[hits] = np.minimum(flat[hits] + np.rint(camera.zinger_counts * rng.exponential(size=len(hits))), top)
        return raw


def make_camera(
    params: SimulationParams, setup: Setup, rng: np.random.Generator, specimen: Specimen | None = None
) -> Camera:
    """The images and numbers that all frames share. A `specimen` from a map absorbs as its voxels lie."""
    rows, cols = np.mgrid[: params.rows, : params.cols].astype(np.float64)
    light, camera = params.light, params.camera
    distance = np.hypot(cols - params.centre[0], rows - params.centre[1])
    radius = light.glow_radius_px or params.cols / 6
    glow = light.glow_counts * np.exp(-distance / radius) + light.glow_floor
    position = setup.detector.position_um(rows, cols)
    profile, margins = _beam_profile(params, setup, position)
    lit = np.argwhere(profile > INSIDE) if light.beam_counts > 0 else np.zeros((0, 2))
    box = _bounding_box(lit) if len(lit) else None
    tiles = _tiles(params)
    if box and specimen is not None and params.sample.map:
        path_um = paths_through_voxels(specimen, setup, params, box)
    else:
        path_um = _paths(setup, params, position[box.slices] if box else position[:0, :0])
    gains = 1 + camera.tile_gain_spread * rng.uniform(-1, 1, tiles.max() + 1)
    offsets = camera.tile_offset_spread * rng.uniform(-1, 1, tiles.max() + 1)
    if tiles.max() == 0:
        gains, offsets = np.ones(1), np.zeros(1)
    pattern = camera.offset_spread * rng.normal(size=(params.rows, params.cols))
    hot = np.flatnonzero(rng.random(params.rows * params.cols) < camera.hot_fraction)
    return Camera(
        params,
        glow.astype(np.float32),
        (light.beam_counts * profile).astype(np.float32),
        box,
        margins if box else (),
        path_um,
        (camera.gain * gains[tiles]).astype(np.float32),
        (camera.offset + pattern + offsets[tiles]).astype(np.float32),
        _light_curve(params, rng),
        hot,
        camera.hot_counts * rng.exponential(size=len(hot)),
        point_spread(camera.point_spread_px, camera.tail_px),
    )


def expected_frames(
    camera: Camera, diffraction: Diffraction, start: int, stop: int, *, spots_only: bool = False
) -> Image:
    """Noise-free counts of frames [start, stop) at the mean light, float32 [frame, row, col]."""
    rows, cols = camera.glow.shape
    out = np.zeros((stop - start, rows, cols), dtype=np.float32)
    layers = [(diffraction.boxes, False, 1.0)]
    taken = camera.params.light.extinction
    if not spots_only and taken > 0 and camera.beam_box is not None:
        layers.append((diffraction.shadows, True, -taken))
    for boxes, direct, factor in layers:
        add_spots(diffraction.spots, boxes, diffraction.model, direct, start, diffraction.period, factor, out)
    if not spots_only:
        for frame in range(start, stop):
            out[frame - start] += camera.background(frame)
        np.maximum(out, 0.0, out=out)
    return out


def point_spread(sigma_px: float, tail_px: float = 0.0) -> Image:
    """Gaussian taps (odd number, sum 1), cut at three standard deviations; with a tail, at six of its lengths.

    The tail is an exponential towards higher numbers, as charge that is read out late or light in a tilted
    scintillator makes it, and the Gaussian moves back by its length: the mean stays at the middle, since where a
    detector is is told by its pictures. What a threshold cuts off the tail moves centroids.
    """
    reach = math.ceil(3 * sigma_px)
    if tail_px > 0:
        return _tailed(sigma_px, tail_px, reach + math.ceil(TAIL_LENGTHS * tail_px))
    x = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * (x / sigma_px) ** 2) if reach else np.ones(1)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


def _tailed(sigma_px: float, tail_px: float, reach: int) -> Image:
    """Taps of a Gaussian convolved with an exponential, summed over pixels, their mean at the middle."""
    count, spread = (2 * reach + 1) * SUBDIVISION, max(sigma_px, SHARPEST_PX)
    x = (np.arange(count) - (count - 1) / 2) / SUBDIVISION
    taps, start = np.ones(1), -tail_px
    for _ in range(CENTRINGS):
        density = exponnorm.pdf(x, tail_px / spread, loc=start, scale=spread)
        taps = density.reshape(-1, SUBDIVISION).sum(axis=1)
        taps /= taps.sum()
        start -= float(taps @ np.arange(-reach, reach + 1))  # whole pixels move the mean of what is sharp
    return np.asarray(taps, dtype=np.float32)


def _half_width_um(setup: Setup) -> float:
    x, y, _ = setup.sample.size_um
    return 0.5 * x if setup.sample.kind == "cylinder" else 0.5 * float(np.hypot(x, y))


def _beam_profile(params: SimulationParams, setup: Setup, position: Floats) -> tuple[Floats, tuple[Box, ...]]:
    """The beam without sample, 0 to 1, and its margins: where it is full and the sample never in the way."""
    pixel = params.pixel_um
    blur = math.sqrt(2) * max(params.camera.point_spread_px, 0.3) * pixel
    y, z = position[..., 1], position[..., 2]
    half_y = _half_width_um(setup) + params.light.beam_margin_px * pixel
    half_z = setup.sample.size_um[2] / 2 + params.light.beam_below_px * pixel
    profile = np.ones(y.shape)
    for along, half in ((y, half_y), (z, half_z)):
        profile *= 0.5 * (erf((half - along) / blur) + erf((half + along) / blur))
    free = (profile > 0.99) & (np.abs(y) > _half_width_um(setup) + 2 * pixel)
    sides = (np.argwhere(free & (side * y > 0)) for side in (-1, 1))
    return profile, tuple(sorted(_bounding_box(side) for side in sides if len(side)))


def _bounding_box(pixels: AnyArray) -> Box:
    (row0, col0), (row1, col1) = pixels.min(axis=0), pixels.max(axis=0) + 1
    return Box(int(col0), int(row0), int(col1), int(row1))


def _paths(setup: Setup, params: SimulationParams, position: Floats) -> Callable[[int], Floats]:
    """How far the direct beam to each pixel passes through the sample, by frame."""
    motion = params.moved
    through = _path_through_cylinder if setup.sample.kind == "cylinder" else _path_through_box

    def path(frame: int) -> Floats:
        omega = setup.lab_omega_rad(params.omega_start_deg + (frame + 0.5) * params.omega_step_deg)
        y, z = position[..., 1], position[..., 2]
        if motion is not None:
            _, moved_y, moved_z = motion.displacement_um(np.array([float(frame)]), np.array([omega]))[0]
            y, z = y - moved_y, z - moved_z
        within = np.abs(z) <= setup.sample.size_um[2] / 2
        return np.asarray(within * through(y, float(omega), setup.sample.size_um))

    if setup.sample.kind == "cylinder" and motion is None:
        constant = path(0)
        return lambda frame: constant
    return path


def _path_through_cylinder(y: Floats, omega: float, size_um: tuple[float, float, float]) -> Floats:
    return np.asarray(2 * np.sqrt(np.maximum((size_um[0] / 2) ** 2 - y**2, 0.0)))


def _path_through_box(y: Floats, omega: float, size_um: tuple[float, float, float]) -> Floats:
    c, s = float(np.cos(omega)), float(np.sin(omega))
    # in the sample frame the beam runs along (c, -s) through (s*y, c*y)
    enter, leave = np.full(y.shape, -np.inf), np.full(y.shape, np.inf)
    for direction, through, half in ((c, s * y, size_um[0] / 2), (-s, c * y, size_um[1] / 2)):
        if abs(direction) < 1e-12:
            leave = np.where(np.abs(through) <= half, leave, -np.inf)
            continue
        low, high = (-half - through) / direction, (half - through) / direction
        enter, leave = np.maximum(enter, np.minimum(low, high)), np.minimum(leave, np.maximum(low, high))
    return np.asarray(np.maximum(leave - enter, 0.0))


def _tiles(params: SimulationParams) -> Indices:
    """Number of the read-out tile of each pixel."""
    rows, cols = params.camera.grid if params.camera.grid_kind == "quadrants" else (1, 1)
    row = np.arange(params.rows) // (params.rows // rows)
    col = np.arange(params.cols) // (params.cols // cols)
    return np.asarray(row[:, None] * cols + col[None, :])


def _light_curve(params: SimulationParams, rng: np.random.Generator) -> Floats:
    light = params.light
    turn = np.arange(params.frames) / params.frames
    wave = light.oscillation * np.sin(2 * np.pi * (light.oscillation_turns * turn + rng.uniform()))
    curve = (1 + wave) * (1 + light.drift * (turn - 0.5)) + light.flicker * rng.normal(size=params.frames)
    curve = np.maximum(curve, 0.0) / curve.mean()
    curve[slice(*light.lost_frames)] = 0.0
    return np.asarray(curve)
