"""What indexing looks at: blobs and pairs as arrays in the units of the equations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from friedel.index.params import IndexParams
from friedel.kernels import bragg
from friedel.kernels.index.blob_lookup import SpotGrid, Window, make_spot_grid
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable, Flag
from friedel.model.crystal import Phase, Reflections
from friedel.model.families import beam_hit_px, used_reflections
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup

CUT = Flag.EDGE | Flag.EXCLUDED | Flag.SCAN_END
CUT_SLACK = 0.5
"""A cut blob's centroid errs by about this many of its own standard deviations."""
LEAST_CUTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """One phase as arrays, one row per reflection, ascending in |g|.

    `hkl` (n,3) as floats, `unit` (n,3) directions in the crystal, `two_theta` (n) rad. `heads` (n) marks one of
    each set that proper rotations take into each other.
    """

    phase: Phase
    reflections: Reflections
    hkl: Floats
    B: Floats
    unit: Floats
    heads: AnyArray
    two_theta: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Instrument and blobs. `error` (3,) is that of one blob: omega |sin eta| rad, row px, col px, as far as blobs
    are looked for; `spread` (3,) is what they scatter by, which may be much less.

    `grid` knows where blobs are, and by how much more those may err that are cut; in `loose` every blob may err by
    as much as it is wide: for spots that melted into another's blob.
    """

    setup: Setup
    wavelength: float
    plane: Floats
    pixel_um: float
    window: Window
    blobs: BlobTable
    grid: SpotGrid
    loose: SpotGrid
    error: Floats
    spread: Floats
    crystals: tuple[Crystal, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, rows, cols)."""
        return self.blobs.shape

    def with_error(self, error: Floats, spread: Floats | None = None) -> "Scene":
        """The same with other errors of one blob (omega |sin eta| rad, row px, col px), and with that spread."""
        error = np.asarray(error, dtype=np.float64)
        return replace(self, error=error, spread=error if spread is None else spread)

    def with_omega(self, omega: Floats) -> "Scene":
        """The same blobs at other angles (rad)."""
        place = self.grid.place.copy()
        place[:, 0] = np.mod(omega, 2 * np.pi)
        place[:, 0][place[:, 0] >= 2 * np.pi] = 0.0
        grid, loose = (make_spot_grid(place, old.slack, *self.shape[1:]) for old in (self.grid, self.loose))
        return replace(self, grid=grid, loose=loose)

    def mirrored(self) -> "Scene":
        """As if the stage turned the other way."""
        window = self.window._replace(first=-self.window.first, sweep=-self.window.sweep)
        return replace(self.with_omega(-self.grid.place[:, 0]), window=window)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Pairs as arrays: `blob` (n,2) rows of the blob table, `g` (n,3) 1/Angstrom, `point` and `direction` (n,3) of
    the line, all in the sample frame; `two_theta`, `eta` (n) rad, `bright` (n) summed counts of the dimmer blob."""

    blob: Indices
    g: Floats
    point: Floats
    direction: Floats
    two_theta: Floats
    eta: Floats
    omega: Floats
    bright: Floats

    def __len__(self) -> int:
        return len(self.g)

    def turned(self, angle: Floats) -> "Lines":
        """Every pair as if it had come at an omega larger by its own angle (rad)."""
        return replace(
            self,
            g=about_z(self.g, -angle),
            point=about_z(self.point, -angle),
            direction=about_z(self.direction, -angle),
            omega=self.omega + angle,
        )

    def mirrored(self) -> "Lines":
        """As if the stage turned the other way."""
        return self.turned(-2 * self.omega)


def about_z(vectors: Floats, angle: Floats) -> Floats:
    """Vectors (n,3), each turned about z by its own angle (n)."""
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = vectors.T
    return np.column_stack([c * x - s * y, s * x + c * y, z])


def make_scene(blobs: BlobTable, setup: Setup, phases: Sequence[Phase], params: IndexParams) -> Scene:
    """Blobs and instrument, with errors still at one step and half a pixel."""
    detector = setup.detector
    error = np.array([np.radians(abs(blobs.omega_step_deg)), 0.5, 0.5])
    place = np.column_stack([np.mod(setup.lab_omega_rad(blobs["omega"]), 2 * np.pi), blobs["sc"], blobs["fc"]])
    place[:, 0][place[:, 0] >= 2 * np.pi] = 0.0
    width = np.column_stack([np.radians(blobs["sigo"]), blobs["sigs"], blobs["sigf"]])
    slack = ((blobs["flags"] & CUT) != 0)[:, None] * CUT_SLACK * width
    frames, rows, cols = blobs.shape
    window = Window(
        float(rows),
        float(cols),
        float(setup.lab_omega_rad(blobs.omega_start_deg)),
        float(setup.lab_omega_rad(frames * blobs.omega_step_deg)) * (1 + 1e-9),
        params.min_sin_eta,
        hidden_boxes(blobs, setup, params),
    )
    return Scene(
        setup,
        setup.beam.wavelength,
        bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um),
        float(np.mean([np.linalg.norm(detector.u_um), np.linalg.norm(detector.v_um)])),
        window,
        blobs,
        make_spot_grid(place, slack, rows, cols),
        make_spot_grid(place, width, rows, cols),
        error,
        error,
        tuple(_crystal(phase, setup, blobs.shape) for phase in phases),
    )


def _crystal(phase: Phase, setup: Setup, shape: tuple[int, int, int]) -> Crystal:
    reflections = used_reflections(phase, setup, shape[1:])
    vectors = reflections.hkl @ phase.B.T
    sine = np.clip(setup.beam.wavelength * reflections.g_length / 2, 0, 1)
    return Crystal(
        phase,
        reflections,
        reflections.hkl.astype(np.float64),
        np.ascontiguousarray(phase.B),
        vectors / reflections.g_length[:, None],
        _heads(vectors, phase.symmetry),
        2 * np.arcsin(sine),
    )


def _heads(vectors: Floats, symmetry: Floats) -> AnyArray:
    """True for the first of each set of vectors that the rotations take into each other."""
    heads = np.ones(len(vectors), dtype=bool)
    for i, vector in enumerate(vectors):
        images = symmetry @ vector
        heads[i] = not any(
            (np.abs(images - vectors[j]).max(axis=1) < 1e-6).any() for j in np.flatnonzero(heads[:i])
        )
    return heads


def make_lines(scene: Scene, pairs: PairTable) -> Lines:
    """The pairs of blobs that are kept, in the sample frame."""
    rows = np.column_stack([pairs["blob_a"], pairs["blob_b"]])
    known = (rows < len(scene.blobs)).all(axis=1)
    rows = rows[known]
    two_theta, eta, omega = (np.radians(pairs[name][known]) for name in ("two_theta", "eta", "omega"))
    k = np.column_stack([np.cos(two_theta), -np.sin(two_theta) * np.sin(eta), np.sin(two_theta) * np.cos(eta)])
    names = ("line_x", "line_y", "line_z"), ("direction_x", "direction_y", "direction_z")
    point, direction = (
        np.column_stack([pairs[name][known] for name in group]).astype(np.float64) for group in names
    )
    return Lines(
        rows.astype(np.int64),
        about_z((k - np.array([1.0, 0.0, 0.0])) / scene.wavelength, -omega),
        point,
        direction,
        two_theta,
        eta,
        omega,
        scene.blobs["sum_intensity"][rows].min(axis=1) if len(rows) else np.zeros(0),
    )


def hidden_boxes(blobs: BlobTable, setup: Setup, params: IndexParams) -> Floats:
    """Where no spot is expected: (m,4) col0, row0, col1, row1.

    Blobs cut by the box of the direct beam end at its four sides: the most frequent end on each side of the beam's
    centre outlines it. Where too few blobs are cut, the shadow of the sample, as far as its shape is known.
    """
    if params.exclude is not None:
        return np.array(params.exclude, dtype=np.float64).reshape(-1, 4)
    centre = beam_hit_px(setup.detector)
    if centre is None:
        return np.zeros((0, 4))
    cut = (blobs["flags"] & Flag.EXCLUDED) != 0
    row, col = centre
    stops = (blobs["col_stop"][cut], col), (blobs["row_stop"][cut], row)
    starts = (blobs["col_start"][cut], col), (blobs["row_start"][cut], row)
    first = [_most_common(values[values <= middle]) for values, middle in stops]
    last = [_most_common(values[values >= middle]) for values, middle in starts]
    box = [float(side) for side in (*first, *last) if side is not None]
    return np.array([box]) if len(box) == 4 else _shadow(setup, row, col)


def _shadow(setup: Setup, row: float, col: float) -> Floats:
    shape, detector = setup.sample, setup.detector
    if shape.kind not in ("cylinder", "box") or min(shape.size_um) <= 0:
        return np.zeros((0, 4))
    half_y, half_z = min(shape.size_um[:2]) / 2, shape.size_um[2] / 2
    pitch_u, pitch_v = np.linalg.norm(detector.u_um), np.linalg.norm(detector.v_um)
    along_u = abs(detector.u_um[1]) >= abs(detector.u_um[2])  # else the detector stands on its side
    half_col, half_row = (half_y, half_z) if along_u else (half_z, half_y)
    reach_col, reach_row = float(half_col / pitch_u), float(half_row / pitch_v)
    return np.array([[col - reach_col, row - reach_row, col + reach_col, row + reach_row]])


def _most_common(values: AnyArray) -> int | None:
    found, counts = np.unique(values, return_counts=True)
    if not len(found) or counts.max() < LEAST_CUTS:
        return None
    return int(found[np.argmax(counts)])
