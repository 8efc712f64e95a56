"""The detector's point spread: in the projector, and measured from the grains."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from friedel.assemble import AssembleParams, assemble
from friedel.evaluator import evaluate
from friedel.model.grains import Status
from friedel.model.shapes import Grid
from friedel.model.stream import Serial
from friedel.reconstruct import ReconstructParams, point_spread, reconstruct
from friedel.reconstruct.projections import BlobsByFrame
from friedel.reconstruct.rays import DiffractionModel
from friedel.reconstruct.shared_inputs import SharedInputs
from friedel.reconstruct.sirt import SirtSolver, blurred
from friedel.simulator import SpecimenParams, simulate, small
from tests.true_grains import with_hkl


@pytest.mark.parametrize("blur", [0.3, 0.7, 1.6])
def test_a_point_spread_is_scipys_normal_filter(blur):
    images = np.random.default_rng(0).uniform(0, 1, (3, 9, 14)).astype(np.float32)
    wanted = ndimage.gaussian_filter(images.astype(np.float64), (0, blur, blur), mode="constant", truncate=3.0)
    np.testing.assert_allclose(blurred(images, blur), wanted, atol=1e-6)


def test_projecting_back_is_the_transpose_with_a_point_spread_too():
    rng = np.random.default_rng(1)
    support = rng.uniform(0, 1, (6, 5, 7)) > 0.3
    slope, offset = rng.normal(0, 0.7, (4, 2, 2)), rng.uniform(3, 6, (4, 2))
    solver = SirtSolver(slope, offset, support, (4, 15, 16), 0.8)
    volume = (rng.uniform(0, 1, support.shape) * support).astype(np.float32)
    images = rng.uniform(0, 1, (4, 15, 16)).astype(np.float32)
    assert np.vdot(solver.forward(volume), images) == pytest.approx(np.vdot(volume, solver.back(images)), rel=1e-4)


@pytest.mark.parametrize("px", [0.0, 0.1, 0.3, 0.44, 0.8, 1.1, 1.4, 2.0])
def test_few_point_spreads_are_tried_and_the_best_of_all_is_found(px, monkeypatch):
    tried = []

    def explained(inputs, grain, bent):
        tried.append(inputs.point_spread_px)
        return SimpleNamespace(residual=0.1 + 0.01 * grain + (inputs.point_spread_px - px) ** 2 / 9.0)

    monkeypatch.setattr(point_spread, "reconstruct_grain", explained)
    grains = SimpleNamespace(blob_pointer=np.array([0, 30, 50, 90]))
    inputs = SimpleNamespace(grains=grains, _replace=lambda **values: SimpleNamespace(grains=grains, **values))
    best = min(max(px, point_spread.TRIED_PX[0]), point_spread.TRIED_PX[-1])
    found = point_spread.measure_point_spread(inputs, Serial()) / point_spread.KEPT
    assert found == pytest.approx(best if best in (0.0, 1.5) else px, abs=0.12)
    assert len(tried) == 3 * len(set(tried)) <= 3 * 5


@pytest.fixture(scope="module", params=[0.3, 0.8])
def scan(request):
    """A simulated scan of twelve grains, and what its detector makes of a point (px)."""
    params = small(3).model_copy(
        update={
            "grains": 12, "frames": 720, "rows": 192, "cols": 192,
            "camera": small(3).camera.model_copy(update={"point_spread_px": request.param}),
            "sample": SpecimenParams(radius_um=63.0, height_um=77.0, mosaicity_deg=0.06),
        }
    )  # fmt: skip
    return request.param, simulate(params)


def test_the_point_spread_is_measured_from_the_spots(scan):
    px, simulation = scan
    truth = simulation.truth
    inputs = SharedInputs(
        truth.blobs, with_hkl(truth), DiffractionModel(simulation.setup, simulation.phases, truth.blobs.shape),
        BlobsByFrame(truth.blobs), Grid.of(simulation.setup), ReconstructParams(), None,
    )  # fmt: skip
    measured = point_spread.measure_point_spread(inputs, Serial()) / point_spread.KEPT
    assert measured == pytest.approx(px, abs=0.31)


def test_a_map_is_better_with_the_point_spread_than_without(scan, monkeypatch):
    px, simulation = scan
    grains, right, contested = with_hkl(simulation.truth), [], []
    for known in (True, False):
        if not known:
            monkeypatch.setattr("friedel.reconstruct.measure_point_spread", lambda *_: 0.0)
        shapes = reconstruct(
            simulation.truth.blobs, grains, simulation.setup, simulation.phases, ReconstructParams()
        )
        volume = assemble(shapes, grains, AssembleParams(), sample=simulation.setup.sample)
        found = evaluate(simulation.truth, grains=grains, volume=volume, phases=simulation.phases)
        right.append(found["volume"]["voxel_agreement"])
        contested.append(np.count_nonzero(volume.status == Status.CONTESTED))
    assert right[0] >= right[1] - 5e-4
    assert px < 0.5 or contested[0] < 0.7 * contested[1]
