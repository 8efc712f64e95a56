"""Centre and distance from Friedel pairs alone, before anything is indexed.

Pairs are told from chance by what does not depend on the geometry much: half a turn, and alike blobs. Their 2 theta
must lie on rings: a coarse grid over sideways shift and distance finds the rings, then a robust fit goes on from
there. Tilts are left to the grains: what tilts about x and y do to a spot, its partner undoes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from friedel.calibrator.evidence import Change, Evidence
from friedel.calibrator.geometry import STEPS, detector_parameters, moved
from friedel.calibrator.params import CalibrateParams
from friedel.calibrator.ring_fit import RingFit, fit_rings
from friedel.kernels.calibrate.ring_scores import ring_scores
from friedel.match import (
    MatchParams,
    best_pairs,
    candidates_of_unsure_detector,
    measured_spots,
    scrambled,
    tolerance_scale,
)
from friedel.model.arrays import Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.families import phase_rings
from friedel.model.setup import Setup
from friedel.model.stream import Watcher, watched

ASKED = 4_000
"""So many blobs look for partners: enough for a thousandth of the distance."""
LEAST_CANDIDATES, LEAST_ODDS = 20, 0.05
"""It takes so many candidates, and so many true ones; a candidate with lower odds is left out."""
GRID_DEG = 0.06
"""How sharp rings are on the coarse grid; its steps are about as large."""
UNKNOWN = (
    "left alone, since pairs do not tell: tilts (grains do), the height of the centre along the axis (it moves the "
    "whole map), the sense of the rotation, and flips; the scale is the lattice's, and grains tell whether "
    "the energy goes with it"
)


def fit_to_pairs(
    blobs: BlobTable,
    setup: Setup,
    phases: Sequence[Phase],
    params: CalibrateParams,
    match_params: MatchParams | None = None,
    *,
    seed: int = 0,
    watcher: Watcher | None = None,
) -> Evidence:
    """The set-up that puts most pairs on rings, within the ranges, and how many pairs it gives."""
    match_params = match_params or MatchParams()
    rings, _, _ = phase_rings(phases, setup, blobs.shape[1:])
    rng = np.random.default_rng([seed, 302])
    step, fit = np.zeros(len(STEPS)), None
    for number in watched(watcher, "calibration", range(params.rounds), params.rounds, "rounds"):
        candidates = collect(
            blobs, replace(setup, detector=moved(setup.detector, step)), rings, params, match_params, rng
        )
        if candidates is None:
            return Evidence(setup, "too few pairs to calibrate with", (UNKNOWN,))
        if number == 0:
            step[:2] = coarse(blobs, setup, rings, candidates, params)
        fit = fit_rings(blobs, setup.detector, rings, candidates, step)
        step = fit.step
    if fit is None or not np.isfinite(fit.error).all():
        return Evidence(setup, "the pairs do not fit any rings", (UNKNOWN,))
    return evidence_of_fit(blobs, setup, fit, rings, match_params, rng, watcher)


def collect(
    blobs: BlobTable,
    setup: Setup,
    rings: Floats,
    params: CalibrateParams,
    match_params: MatchParams,
    rng: np.random.Generator,
) -> tuple[Indices, Floats] | None:
    """Candidates on or off the rings: rows (m,2), and how likely (m) each is a true pair. None: too few."""
    measured = measured_spots(blobs, setup, rings, match_params)
    spread = params.centre_range_px * float(np.linalg.norm(setup.detector.u_um))
    found = candidates_of_unsure_detector(measured, spread, rng, most=ASKED, least=LEAST_CANDIDATES)
    if found is None:
        return None
    likely = np.flatnonzero(found.member > LEAST_ODDS)
    if found.member[likely].sum() < LEAST_CANDIDATES:
        return None
    return found.rows[likely], found.member[likely]


def coarse(
    blobs: BlobTable, setup: Setup, rings: Floats, candidates: tuple[Indices, Floats], params: CalibrateParams
) -> Floats:
    """Sideways shift and change of distance (um) with most pairs on rings, on a grid."""
    detector = detector_parameters(setup.detector)
    position = setup.detector.position_um(blobs["sc"], blobs["fc"])
    a, b = position[candidates[0][:, 0]], position[candidates[0][:, 1]]
    direction = np.column_stack([a[:, 0] + b[:, 0], a[:, 1] + b[:, 1], a[:, 2] - b[:, 2]])
    width = np.radians(GRID_DEG)
    reach = params.centre_range_px * detector.pixel_um
    across = _grid(reach, detector.distance_um * width)
    # 2 theta changes by sin(2 theta) cos(2 theta) times the relative change of distance
    slope = 0.5 * np.sin(2.0 * rings[-1])
    along = _grid(params.distance_range * detector.distance_um, detector.distance_um * width / max(slope, 0.05))
    scores = np.empty((len(across), len(along)))
    ring_scores(direction, candidates[1], rings, across, along, width, scores)
    i, j = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return np.array([across[i], along[j]])


def _grid(reach: float, step: float) -> Floats:
    count = int(np.ceil(reach / step))
    return np.linspace(-reach, reach, 2 * count + 1)


def evidence_of_fit(
    blobs: BlobTable,
    setup: Setup,
    fit: RingFit,
    rings: Floats,
    match_params: MatchParams,
    rng: np.random.Generator,
    watcher: Watcher | None = None,
) -> Evidence:
    """Pairs with the old and the new geometry, both counted with the tolerances that fit the new one."""
    after = replace(setup, detector=moved(setup.detector, fit.step))
    measured = measured_spots(blobs, after, rings, match_params)
    scale, _ = tolerance_scale(measured, rng)
    counts = {}
    both = (("before", setup), ("after", after))
    for name, one in watched(watcher, "pairs of either geometry", both, 2, "geometries"):
        here = measured_spots(blobs, one, rings, match_params)
        spots, limits = here.scaled(scale), here.limits._replace(factor=match_params.factor)
        found = len(best_pairs(spots, rings, limits)[0])
        null = [len(best_pairs(scrambled(spots, rng), rings, limits)[0]) for _ in range(match_params.null_repeats)]
        counts[name] = found, float(np.mean(null))
    (pairs_before, null_before), (pairs_after, null_after) = counts["before"], counts["after"]
    changes = _changes(setup, after, fit)
    return Evidence(
        after,
        f"{pairs_before} pairs before ({null_before:.0f} by chance), {pairs_after} after "
        f"({null_after:.0f} by chance)",
        (*(change.line for change in changes), UNKNOWN),
        changes,
        fit.step[: len(fit.error)],
        fit.error,
        pairs_before,
        pairs_after,
        null_before,
        null_after,
    )


def _changes(setup: Setup, after: Setup, fit: RingFit) -> tuple[Change, ...]:
    old, new = detector_parameters(setup.detector), detector_parameters(after.detector)
    return (
        Change(old.centre_name, old.centre_px, new.centre_px, float(fit.error[0]) / old.pixel_um, "px"),
        Change("distance", old.distance_um, new.distance_um, float(fit.error[1]), "um"),
    )
