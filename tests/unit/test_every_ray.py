"""Where the spots of a grain are looked for: on frames of a sample that moved, about an axis that leans."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.model.leaning_axis import leaning
from friedel.reconstruct.rays import DiffractionModel, frames_of
from friedel.simulator import MotionParams, SimulationParams, SpecimenParams, simulate
from tests.true_grains import with_hkl

CASES = {
    "still and straight": {},
    "leaning": {"lean_deg": 0.4},
    "moved": {"motion": MotionParams(drift_um=(0.0, 20.0, -12.0))},
    "clockwise": {"rotation": "-z", "lean_deg": -0.3, "motion": MotionParams(jump_um=(0.0, 9.0, 9.0))},
}


@pytest.mark.parametrize("name", CASES)
def test_spots_are_expected_where_and_when_they_are(name):
    made = simulate(
        SimulationParams(
            seed=2, grains=4, frames=720, rows=192, cols=192, pixel_um=7.0,
            sample=SpecimenParams(radius_um=80.0, height_um=100.0), **CASES[name],
        )
    )  # fmt: skip
    blobs, grains = made.truth.blobs, with_hkl(made.truth)
    setup = leaning(made.setup, CASES[name].get("lean_deg", 0.0)) if made.setup.axis.lean_deg == 0 else made.setup
    if made.params.moved is not None:
        setup = replace(setup, motion=made.params.moved)
    diffraction = DiffractionModel(setup, made.phases, blobs.shape)
    off = []
    for grain in range(len(grains)):
        rays = diffraction.every_ray(grains, grain, blobs)
        frame = frames_of(rays.omega - rays.omega_offset, setup, blobs)
        part = slice(int(grains.blob_pointer[grain]), int(grains.blob_pointer[grain + 1]))
        for blob, hkl in zip(grains.blobs[part], grains.hkl[part], strict=True):
            same = np.flatnonzero((rays.hkl == hkl).all(axis=1))
            apart = (frame[same] - blobs["frame"][blob] + 360) % 720 - 360
            if not len(same) or np.abs(apart).min() > 20:
                continue
            best = np.argmin(np.abs(apart))
            ray = same[best]
            place = rays.row[ray] - blobs["s_raw"][blob], rays.col[ray] - blobs["f_raw"][blob]
            off.append((apart[best], *place))
    off = np.abs(off)
    assert len(off) > 100
    assert np.median(off[:, 0]) < 0.25
    assert np.median(off[:, 1:], axis=0).max() < 0.15
