"""Refined grains as a GrainTable: uncertainties, volumes, strain, and notes where something is odd.

Volumes from integrated intensities (Lauridsen et al., J. Appl.
Cryst. 34 (2001) 744); strain from all spots of a grain (Oddershede et al., J. Appl. Cryst. 43 (2010) 539). What a
threshold adds to the error of a position is ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from friedel.index.alternatives import (
    Standing,
    judge_alternatives,
    notes_about_alternatives,
    without_dark_spots,
)
from friedel.index.assignment import LEAST_SPOTS, RefinedGrains, fit_arrays
from friedel.index.candidates import CandidateSearch
from friedel.index.disagreement import notes_about_intensities
from friedel.index.grain_errors import errors_of_grains
from friedel.index.null import Null, spots_of_a_grain
from friedel.index.observations import Observations
from friedel.index.params import IndexParams
from friedel.index.tolerances import IndexTolerances
from friedel.kernels.index.fit_grain import normal_equations
from friedel.model.arrays import Floats, Indices
from friedel.model.grains import GrainTable

STRAIN_ROUNDS = 3
OFF_RINGS = 0.005
"""Rings that are larger by this part are worth a word: calibration is usually ten times better."""
CLEAR_OF_CHANCE = 0.8
"""The part of a grain's spots that is usually found: where chance asks for more, none is believed."""
MIRROR_SUSPECT = 0.4
"""A completeness with the other sense of rotation that is worth a word."""


def make_grain_table(
    observations: Observations,
    grains: RefinedGrains,
    nulls: Sequence[Null],
    limits: Indices,
    params: IndexParams,
    notes: Sequence[str],
) -> GrainTable:
    """The table; `nulls` are those of the searches, `limits` (n) the spots that chance does not reach."""
    standing = judge_alternatives(observations, grains)
    grains = without_dark_spots(observations, grains)
    n, blobs = len(grains), observations.blobs
    expected = np.maximum(grains.expected, 1)
    errors = errors_of_grains(observations, grains, strain=params.strain)
    grains = _taken_back(grains, errors.moved)
    sure = [np.sqrt(np.diagonal(part, axis1=1, axis2=2)) for part in (errors.orientation_deg2, errors.position_um2)]
    Bs = np.array([observations.reflections[phase].B for phase in grains.phase]).reshape(n, 3, 3)
    strain = _strains(observations, grains) if params.strain else None
    stretched = grains.U @ Bs if strain is None else _stretched(strain, grains.U @ Bs)
    pointer = np.searchsorted(grains.grain, np.arange(n + 1)).astype(np.int64)
    hkl = np.zeros((len(grains.blob), 3), dtype=np.int64)
    for phase, reflections in enumerate(observations.reflections):
        mine = grains.phase[grains.grain] == phase
        hkl[mine] = reflections.hkl[grains.reflection[mine]]
    return GrainTable(
        U=grains.U,
        UBI=np.linalg.inv(stretched),
        position_um=grains.position,
        completeness=grains.found / expected,
        phase=grains.phase,
        blob_pointer=pointer,
        blobs=grains.blob,
        shared=grains.shared,
        orientation_error_deg=np.linalg.norm(sure[0], axis=1),
        position_error_um=np.linalg.norm(sure[1], axis=1),
        volume_um3=_volumes(observations, grains),
        phases=tuple(reflections.phase.name for reflections in observations.reflections),
        hkl=hkl,
        residuals=grains.residual * [np.degrees(1.0), 1.0, 1.0],
        shift_px=np.column_stack([blobs["sc"], blobs["fc"]])[grains.blob] - grains.centroid[:, 1:],
        expected=grains.expected,
        null_completeness=np.array(
            [nulls[number].levels[phase].mean for number, phase in zip(grains.search, grains.phase, strict=True)]
        ),
        found_in=grains.search + 1,
        null_limit=limits / expected,
        strain=np.zeros((0, 6)) if strain is None else strain,
        orientation_error_xyz_deg=sure[0],
        position_error_xyz_um=sure[1],
        strain_error=errors.strain,
        orientation_covariance_deg2=errors.orientation_deg2,
        position_covariance_um2=errors.position_um2,
        **_alternatives(observations, standing),
        notes=(
            *notes,
            *notes_about_alternatives(observations, grains, standing),
            *notes_about_intensities(observations, grains),
        ),
    )


def _taken_back(grains: RefinedGrains, moved: Floats) -> RefinedGrains:
    """The grains without what (6) rad, um thresholds did to all of them."""
    turn = Rotation.from_rotvec(-moved[:3]).as_matrix()
    return replace(grains, U=turn @ grains.U, position=grains.position - moved[3:])


def _alternatives(observations: Observations, standing: Standing) -> dict[str, Any]:
    """Columns about alternatives; none where no crystal has any."""
    if all(len(reflections.row_of) == 1 for reflections in observations.reflections):
        return {}
    return {
        "alternative_log_odds": standing.log_odds,
        "ambiguous": standing.ambiguous,
        "twin_fraction": standing.twin_fraction,
        "twin_fraction_error": standing.twin_error,
    }


def _volumes(observations: Observations, grains: RefinedGrains) -> Floats:
    """Volumes from the spots' counts, the scale from their widths: a ball of radius R is R / sqrt 5 wide.

    Where the counts say nothing the width alone does.
    """
    n = len(grains)
    blob = grains.blob
    whole = observations.whole[blob] & ~grains.shared
    width = np.sqrt(observations.blobs["sigs"][blob] * observations.blobs["sigf"][blob])
    balls = np.full(n, np.nan)
    for i in range(n):
        mine = (grains.grain == i) & whole
        if mine.any():
            balls[i] = 4 / 3 * np.pi * (np.sqrt(5.0) * np.median(width[mine]) * observations.pixel_um) ** 3
    counts = np.exp(grains.log_volume)
    # counts of unknown atoms are known up to a factor, which is another one for each phase
    known = np.array([one.phase.knows_atoms for one in observations.reflections], dtype=bool)
    kind = np.where(known[grains.phase], -1, grains.phase)
    volume: Floats = np.nan_to_num(balls)
    for one in np.unique(kind):
        mine = (kind == one) & np.isfinite(counts)
        both = mine & np.isfinite(balls)
        if both.any():
            volume[mine] = counts[mine] * float(np.median(balls[both] / counts[both]))
    return np.asarray(volume)


def _strains(observations: Observations, grains: RefinedGrains) -> Floats:
    rows = [_strain(observations, grains, i) for i in range(len(grains))]
    return np.array(rows, dtype=np.float64).reshape(len(grains), 6)


def _strain(observations: Observations, grains: RefinedGrains, i: int) -> Floats:
    """Strain of the lattice (6): xx yy zz yz xz xy in the sample frame; NaN with too few spots."""
    hkl, centroid, errors = fit_arrays(observations, grains, i)
    if len(hkl) < 2 * LEAST_SPOTS:
        return np.full(6, np.nan)
    B = observations.reflections[grains.phase[i]].B
    A, b = np.zeros((12, 12)), np.zeros(12)
    UB, position, strain = grains.U[i] @ B, grains.position[i], np.zeros(6)
    wavelength, plane = observations.wavelength, observations.plane
    for _ in range(STRAIN_ROUNDS):
        normal_equations(np.eye(3), UB, position, hkl, centroid, errors, wavelength, plane, A, b)
        step = -np.linalg.lstsq(A, b, rcond=1e-12)[0]
        strain += step[6:]
        UB = _stretched(np.asarray(-step[None, 6:], dtype=np.float64), UB[None])[0]
        turn = np.cross(np.eye(3), -step[:3])
        UB, position = UB + turn @ UB, position + step[3:6]
    return -strain  # g-vectors shorten where the lattice stretches


def _stretched(strain: Floats, UB: Floats) -> Floats:
    """UB (n,3,3) of a lattice strained by (n,6), to first order."""
    xx, yy, zz, yz, xz, xy = np.nan_to_num(strain).T
    tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]).transpose(2, 0, 1)
    return np.asarray((np.eye(3) - tensor) @ UB)


def no_grains(observations: Observations, params: IndexParams, notes: Sequence[str]) -> GrainTable:
    """A table without grains that says why."""
    rows = np.zeros(0, dtype=np.int64)
    grains = RefinedGrains.without_blobs(rows, rows, np.zeros((0, 3, 3)), np.zeros((0, 3)))
    return make_grain_table(observations, grains, [Null()], rows, params, notes)


def why_no_pairs() -> str:
    """What to do where there are no Friedel pairs."""
    return "no Friedel pairs, no grains: check energy, lattice, rotation sense, centre and distance (or calibrate)"


def why_too_short(search: CandidateSearch, null: Null) -> str:
    """What to say where a grain has too few spots in so much rotation to be told from chance; empty where not."""
    due = spots_of_a_grain(search)
    phase = int(np.argmax(due))
    least = null.least_spots(phase, int(due[phase]))
    if least <= CLEAR_OF_CHANCE * due[phase]:
        return ""
    turn, spots = abs(float(np.degrees(search.observations.window.sweep))), round(due[phase])
    return (
        f"no grains: in {turn:.0f}° of rotation a grain has about {spots} spots, and it takes {least} to be "
        "told from chance; record more rotation, or look for more families (phase.families)"
    )


def why_no_grains(pairs: int, tried: int, null: Null) -> str:
    """What to do where `pairs` gave no grains, after so many candidates were looked at."""
    mirrored = max((level.mirrored for level in null.levels), default=0.0)
    if mirrored > MIRROR_SUSPECT:
        return (
            f"no grains: turned the other way, crystals would explain {100 * mirrored:.0f} % of their spots; "
            "check the rotation sense (or a flip of the columns)"
        )
    if not pairs:
        return why_no_pairs()
    if tried == 0:
        return (
            f"no grains: the lines of {pairs} pairs never meet at the lattice's angles; "
            "check energy, lattice, distance, centre and rotation"
        )
    return (
        f"no grains: {tried} crystals fitted some of {pairs} pairs, but none explains more spots than chance; "
        "check rotation sense, centre, distance and lattice (or calibrate)"
    )


def notes_about(tolerances: IndexTolerances) -> list[str]:
    """A note where the rings are not where the lattice has them."""
    if abs(tolerances.off_rings) < OFF_RINGS:
        return []
    percent = 100 * tolerances.off_rings
    return [f"rings differ from the lattice's by {percent:+.1f} %: check lattice, energy and distance"]
