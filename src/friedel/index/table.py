"""Settled grains as a GrainTable: uncertainties, volumes, strain."""

from collections.abc import Sequence

import numpy as np

from friedel.index.params import IndexParams
from friedel.index.scene import Scene
from friedel.index.search import Null
from friedel.index.settle import LEAST_SPOTS, Settled, entry_arrays
from friedel.kernels.index.fit_grain import normal_equations
from friedel.model.arrays import Floats, Indices
from friedel.model.grains import GrainTable
from friedel.model.uncertainty import cut_level

STRAIN_ROUNDS = 3
CUT_SHIFT = 0.07
"""Shift of a grain's centre over cut level times width: 0.064 to 0.087 (root mean square) in simulated scans of
Al, Ti, both, and harsh noise, where the level is 0.08 to 0.26."""


def make_table(
    scene: Scene,
    settled: Settled,
    nulls: Sequence[Null],
    limits: Indices,
    params: IndexParams,
    notes: Sequence[str],
) -> GrainTable:
    """The table; `limits` (n) are the numbers of spots that chance does not reach."""
    n = len(settled)
    expected = np.maximum(settled.expected, 1)
    errors = _uncertainties(scene, settled)
    Bs = np.array([scene.crystals[c].B for c in settled.crystal]).reshape(n, 3, 3)
    strain = _strains(scene, settled) if params.strain else None
    stretched = settled.U @ Bs if strain is None else _stretched(strain, settled.U @ Bs)
    pointer = np.searchsorted(settled.grain, np.arange(n + 1)).astype(np.int64)
    hkl = np.zeros((len(settled.blob), 3), dtype=np.int64)
    for number, crystal in enumerate(scene.crystals):
        mine = settled.crystal[settled.grain] == number
        hkl[mine] = crystal.reflections.hkl[settled.reflection[mine]]
    return GrainTable(
        U=settled.U,
        UBI=np.linalg.inv(stretched),
        position_um=settled.position,
        completeness=settled.found / expected,
        phase=settled.crystal,
        blob_pointer=pointer,
        blobs=scene.blobs["spot3d_id"][settled.blob].astype(np.int64),
        shared=settled.shared,
        orientation_error_deg=errors[:, 0],
        position_error_um=errors[:, 1],
        volume_um3=_volumes(scene, settled),
        phases=tuple(crystal.phase.name for crystal in scene.crystals),
        hkl=hkl,
        residuals=settled.residual * [np.degrees(1.0), 1.0, 1.0],
        expected=settled.expected,
        null_completeness=np.array([nulls[c].mean for c in settled.crystal]),
        null_limit=limits / expected,
        strain=np.zeros((0, 6)) if strain is None else strain,
        notes=tuple(notes),
    )


def _uncertainties(scene: Scene, settled: Settled) -> Floats:
    """Standard errors (n,2) of the orientation (deg) and of the position (um), from the fit and what scatters.

    No grain's spots are taken to scatter less than the median grain's: few may fit well by luck. On top of that
    comes what all spots of a grain have in common, which neither scatters nor averages out.
    """
    parts = np.array([_uncertainty(scene, settled, i) for i in range(len(settled))]).reshape(-1, 3)
    usual = np.nanmedian(parts[:, 2]) if np.isfinite(parts[:, 2]).any() else 1.0
    errors = parts[:, :2] * np.sqrt(np.maximum(parts[:, 2:], usual))
    errors[:, 1] = np.hypot(errors[:, 1], np.sqrt(3.0) * _common_um(scene, settled))
    return np.asarray(errors, dtype=np.float64)


def _common_um(scene: Scene, settled: Settled) -> Floats:
    """By how much the grains (n) are off along each axis because blobs end at a threshold.

    Where a grain is thin its light is lost, in every view: the larger the part, and the wider the grain, the more.
    """
    width = np.sqrt(scene.blobs["sigs"] * scene.blobs["sigf"])
    lost = cut_level(scene.blobs) * width
    out = np.zeros(len(settled))
    for i in range(len(settled)):
        mine = settled.blob[(settled.grain == i) & ~settled.shared]
        if len(mine):
            out[i] = CUT_SHIFT * float(np.median(lost[mine])) * scene.pixel_um
    return out


def _uncertainty(scene: Scene, settled: Settled, i: int) -> tuple[float, float, float]:
    """Orientation (deg), position (um) at the errors assumed; the residuals against those (reduced chi square)."""
    hkl, seen, errors = entry_arrays(scene, settled, i)
    if len(hkl) < LEAST_SPOTS:
        return np.nan, np.nan, np.nan
    A, b = np.zeros((6, 6)), np.zeros(6)
    crystal = scene.crystals[settled.crystal[i]]
    total = normal_equations(
        settled.U[i], crystal.B, settled.position[i], hkl, seen, errors, scene.wavelength, scene.plane, A, b
    )
    covariance = np.linalg.pinv(A)
    return (
        float(np.degrees(np.sqrt(np.trace(covariance[:3, :3])))),
        float(np.sqrt(np.trace(covariance[3:, 3:]))),
        float(total / (3 * len(hkl) - 6)),
    )


def _volumes(scene: Scene, settled: Settled) -> Floats:
    """Volumes from the spots' counts, the scale from their widths: a ball of radius R is R / sqrt 5 wide.

    Where the counts say nothing the width alone does.
    """
    n = len(settled)
    blob = settled.blob
    whole = (scene.grid.slack[blob].max(axis=1, initial=0.0) == 0) & ~settled.shared
    width = np.sqrt(scene.blobs["sigs"][blob] * scene.blobs["sigf"][blob])
    balls = np.full(n, np.nan)
    for i in range(n):
        mine = (settled.grain == i) & whole
        if mine.any():
            balls[i] = 4 / 3 * np.pi * (np.sqrt(5.0) * np.median(width[mine]) * scene.pixel_um) ** 3
    counts = np.exp(settled.volume)
    both = np.isfinite(balls) & np.isfinite(counts)
    scale = float(np.median(balls[both] / counts[both])) if both.any() else np.nan
    return np.where(np.isfinite(counts * scale), counts * scale, np.nan_to_num(balls))


def _strains(scene: Scene, settled: Settled) -> Floats:
    rows = [_strain(scene, settled, i) for i in range(len(settled))]
    return np.array(rows, dtype=np.float64).reshape(len(settled), 6)


def _strain(scene: Scene, settled: Settled, i: int) -> Floats:
    """Strain of the lattice (6): xx yy zz yz xz xy in the sample frame; NaN with too few spots."""
    hkl, seen, errors = entry_arrays(scene, settled, i)
    if len(hkl) < 2 * LEAST_SPOTS:
        return np.full(6, np.nan)
    crystal = scene.crystals[settled.crystal[i]]
    A, b = np.zeros((12, 12)), np.zeros(12)
    UB, position, strain = settled.U[i] @ crystal.B, settled.position[i], np.zeros(6)
    for _ in range(STRAIN_ROUNDS):
        normal_equations(np.eye(3), UB, position, hkl, seen, errors, scene.wavelength, scene.plane, A, b)
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
