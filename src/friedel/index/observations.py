"""What indexing looks at: blobs and Friedel pairs as arrays in the units of the equations of diffraction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from friedel.index.params import IndexParams
from friedel.index.phase_reflections import PhaseReflections, list_reflections
from friedel.kernels import bragg
from friedel.kernels.index.blob_lookup import BlobLookup, Window, make_blob_lookup
from friedel.model.absorption import Absorption
from friedel.model.arrays import AnyArray, Floats, Indices, Mask
from friedel.model.blobs import BlobTable, Flag
from friedel.model.crystal import Phase
from friedel.model.families import beam_hit_px
from friedel.model.pairs import PairTable
from friedel.model.setup import Setup
from friedel.model.uncertainty import shift_of_rim

CUT = Flag.EDGE | Flag.EXCLUDED | Flag.SCAN_END
CUT_ERROR, ACROSS_ERROR, BESIDE_ERROR = 0.5, 0.2, 0.1
"""A cut blob's centroid errs by about so many of its own standard deviations where the cut is, and across; and
that of one that touches another, with which it shares what lies between them."""
WIDEST = 0.9
"""Either is one spot: not wider than this part of the other blobs. Wider ones are spots that ran together, and
would be taken for whatever is looked for there."""
LEAST_CUTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Blobs, the instrument that saw them, and the reflections of each phase.

    Blobs that are `whole` (n) are not cut. Centroids are those with what lies just below the threshold.
    `lookup` finds blobs by where they are, and knows by how much more those
    may err that are cut, or touch others; in
    `overlap_lookup` every blob may err by as much as it is wide: for spots that overlap another's in one blob.
    Errors (3,) are those of one blob in omega |sin eta| (rad), row (px) and col (px): within `search_error` spots
    look for blobs, by `fit_error`, which may be much less, centroids really scatter. `plane` is the detector as
    `kernels.bragg` has it. `absorption` is that of the sample, where it is known. Blobs that are `hidden` (n) no
    spot finds.
    """

    setup: Setup
    wavelength: float
    plane: Floats
    pixel_um: float
    window: Window
    blobs: BlobTable
    whole: Mask
    lookup: BlobLookup
    overlap_lookup: BlobLookup
    search_error: Floats
    fit_error: Floats
    reflections: tuple[PhaseReflections, ...]
    absorption: Absorption | None = None
    hidden: Mask | None = None

    def with_errors(self, search: Floats, fit: Floats | None = None) -> "Observations":
        """The same with other errors of one blob; `fit` is `search` unless it is given."""
        search = np.asarray(search, dtype=np.float64)
        return replace(self, search_error=search, fit_error=search if fit is None else fit)

    def with_omega(self, omega: Floats) -> "Observations":
        """The same blobs at other angles (n) rad."""
        centroid = self.lookup.centroid.copy()
        centroid[:, 0] = _within_a_turn(omega)
        return self._with_lookups(centroid, self.hidden)

    def without(self, hidden: Mask) -> "Observations":
        """The same, with some blobs (n) that no spot finds."""
        return self._with_lookups(self.lookup.centroid, hidden)

    def _with_lookups(self, centroid: Floats, hidden: Mask | None) -> "Observations":
        lookup, overlap_lookup = (
            make_blob_lookup(centroid, old.extra_error, *self.blobs.shape[1:], hidden=hidden)
            for old in (self.lookup, self.overlap_lookup)
        )
        return replace(self, lookup=lookup, overlap_lookup=overlap_lookup, hidden=hidden)

    def mirrored(self) -> "Observations":
        """As if the stage turned the other way."""
        window = self.window._replace(first=-self.window.first, sweep=-self.window.sweep)
        return replace(self.with_omega(-self.lookup.centroid[:, 0]), window=window)


@dataclass(frozen=True, slots=True, eq=False)
class PairLines:
    """Friedel pairs as lines through their grains, one row each, in the sample frame.

    Of a pair across the beam, whose grain is where both rays meet, the line is through that point along the mean
    ray: where the grain would be if the point were off. `half_turn` (n) marks the others. `blob` (n,2) rows of the
    blob table, `g` (n,3) 1/Angstrom, `point` (n,3) um and unit `direction` (n,3) of the line; `two_theta`, `eta`
    and `omega` (n) rad, of the first blob. `by_chance` and `across_by_chance` are how many of those half a turn
    apart, and of the others, chance makes.
    Geometry of pairs: Ludwig et al., Rev. Sci. Instrum. 80 (2009) 033905.
    """

    blob: Indices
    g: Floats
    point: Floats
    direction: Floats
    two_theta: Floats
    eta: Floats
    omega: Floats
    half_turn: Mask
    by_chance: float = 0.0
    across_by_chance: float = 0.0

    def __len__(self) -> int:
        return len(self.g)

    def among(self, free: Mask) -> "PairLines":
        """Those of two blobs that are `free` (blobs); chance makes as many fewer as there are fewer blobs."""
        mine = free[self.blob].all(axis=1)
        names = ("blob", "g", "point", "direction", "two_theta", "eta", "omega", "half_turn")
        columns = {name: getattr(self, name)[mine] for name in names}
        fewer = float(free.mean()) ** 2
        return PairLines(
            **columns, by_chance=self.by_chance * fewer, across_by_chance=self.across_by_chance * fewer
        )

    def turned(self, angle: Floats) -> "PairLines":
        """Every pair as if it had come at an omega larger by its own angle (n) rad."""
        return replace(
            self,
            g=about_z(self.g, -angle),
            point=about_z(self.point, -angle),
            direction=about_z(self.direction, -angle),
            omega=self.omega + angle,
        )

    def mirrored(self) -> "PairLines":
        """As if the stage turned the other way."""
        return self.turned(-2 * self.omega)


def about_z(vectors: Floats, angle: Floats) -> Floats:
    """Vectors (n,3), each turned about z by its own angle (n)."""
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = vectors.T
    return np.column_stack([c * x - s * y, s * x + c * y, z])


def _within_a_turn(omega: Floats) -> Floats:
    """Angles (n) rad in [0, 2 pi): what `np.mod` rounds up to a whole turn is 0."""
    omega = np.mod(omega, 2 * np.pi)
    omega[omega >= 2 * np.pi] = 0.0
    return omega


def make_observations(
    blobs: BlobTable,
    setup: Setup,
    phases: Sequence[Phase],
    params: IndexParams,
    absorption: Absorption | None = None,
) -> Observations:
    """Blobs and instrument, with errors still at one step and half a pixel."""
    detector = setup.detector
    error = np.array([np.radians(abs(blobs.omega_step_deg)), 0.5, 0.5])
    rim = shift_of_rim(blobs)
    omega = _within_a_turn(setup.lab_omega_rad(blobs["omega"] + rim[:, 0]))
    centroid = np.column_stack([omega, blobs["sc"] + rim[:, 1], blobs["fc"] + rim[:, 2]])
    width = np.column_stack([np.radians(blobs["sigo"]), blobs["sigs"], blobs["sigf"]])
    cut = np.asarray((blobs["flags"] & CUT) != 0)
    sine = _sin_eta(setup, blobs)
    extra_error = _centroid_errors(blobs, width * np.column_stack([sine, np.ones((len(blobs), 2))]), cut)
    frames, rows, cols = blobs.shape
    window = Window(
        float(rows),
        float(cols),
        float(setup.lab_omega_rad(blobs.omega_start_deg)),
        float(setup.lab_omega_rad(frames * blobs.omega_step_deg)) * (1 + 1e-9),
        params.min_sin_eta,
        hidden_boxes(blobs, setup, params),
        np.radians(abs(blobs.omega_step_deg)) * np.array(blobs.gaps, dtype=np.float64).reshape(-1, 2),
    )
    return Observations(
        setup,
        setup.beam.wavelength,
        bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um),
        float(np.mean([np.linalg.norm(detector.u_um), np.linalg.norm(detector.v_um)])),
        window,
        blobs,
        ~cut,
        make_blob_lookup(centroid, extra_error, rows, cols),
        make_blob_lookup(centroid, width, rows, cols),
        error,
        error,
        tuple(list_reflections(phase, setup, blobs.shape) for phase in phases),
        absorption,
    )


def _sin_eta(setup: Setup, blobs: BlobTable) -> Floats:
    """|sin eta| (n) of blobs, seen from the axis."""
    _, y, z = setup.detector.position_um(blobs["sc"], blobs["fc"]).T
    return np.asarray(np.abs(y) / np.maximum(np.hypot(y, z), 1e-9))


def _centroid_errors(blobs: BlobTable, width: Floats, cut: Mask) -> Floats:
    """By how much the centroids (n,3) of blobs that are `cut` (n) or touch others err more than those of the rest.

    `width` (n,3) are standard deviations of omega times |sin eta| (rad), row and col (px).
    """
    flags, (_, rows, cols) = blobs["flags"], blobs.shape
    unsure = cut | ((flags & Flag.TOUCHES) != 0)
    excluded = (flags & Flag.EXCLUDED) != 0
    along = np.column_stack(
        [
            (flags & Flag.SCAN_END) != 0,
            excluded | (blobs["row_start"] == 0) | (blobs["row_stop"] == rows),
            excluded | (blobs["col_start"] == 0) | (blobs["col_stop"] == cols),
        ]
    )
    part = np.where(unsure, BESIDE_ERROR, 0.0)[:, None]
    part = np.where(cut[:, None], np.where(along, CUT_ERROR, ACROSS_ERROR), part)
    most = np.quantile(width[~unsure], WIDEST, axis=0) if not unsure.all() else np.full(3, np.inf)
    return np.asarray(part * np.minimum(width, most))


def make_lines(observations: Observations, pairs: PairTable) -> PairLines:
    """The pairs of blobs that are kept, in the sample frame: those half a turn apart, then those across the
    beam."""
    half_turn = np.repeat([True, False], [len(pairs), len(pairs.across)])
    rows = np.column_stack([_together(pairs, name) for name in ("blob_a", "blob_b")]).astype(np.int64)
    two_theta, eta, omega = (np.radians(_together(pairs, name)) for name in ("two_theta", "eta", "omega"))
    point = np.column_stack([_together(pairs, f"line_{axis}", f"point_{axis}") for axis in "xyz"])
    direction = np.column_stack([_together(pairs, f"direction_{axis}") for axis in "xyz"])
    k = np.column_stack([np.cos(two_theta), -np.sin(two_theta) * np.sin(eta), np.sin(two_theta) * np.cos(eta)])
    g = about_z((k - np.array([1.0, 0.0, 0.0])) / observations.wavelength, -omega)
    known = (rows < len(observations.blobs)).all(axis=1)
    return PairLines(
        rows[known], g[known], point[known], direction[known],
        two_theta[known], eta[known], omega[known], half_turn[known], float(pairs.null_pairs),
        float(pairs.across.null_pairs),
    )  # fmt: skip


def _together(pairs: PairTable, name: str, across: str = "") -> Floats:
    """A column of the pairs half a turn apart, then that of the pairs across the beam."""
    return np.concatenate([pairs[name], pairs.across[across or name]]).astype(np.float64)


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
