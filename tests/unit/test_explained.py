"""What grains leave unexplained."""

from dataclasses import replace

import numpy as np
import pytest

from friedel.model.explained import explained
from friedel.simulator import simulate, small
from tests.true_grains import with_hkl


@pytest.fixture(scope="module")
def truth():
    return simulate(small(1).model_copy(update={"grains": 2, "frames": 180, "rows": 96, "cols": 96})).truth


def test_blobs_and_light_are_counted_once(truth):
    grains = with_hkl(truth)
    found = explained(truth.blobs, grains)
    mine = np.zeros(len(truth.blobs), bool)
    mine[grains.blobs] = True
    light = truth.blobs["sum_intensity"]
    assert found.blobs == pytest.approx(mine.mean())
    assert found.light == pytest.approx(light[mine].sum() / light.sum())
    assert found.left == np.count_nonzero(~mine)
    assert not found.doubt


def test_grains_that_leave_most_of_the_light_say_so(truth):
    grains = with_hkl(truth)
    count = len(truth.blobs)
    order = np.argsort(truth.blobs["sum_intensity"])
    faint = np.isin(grains.blobs, order[: count // 2])
    pointer = np.concatenate([[0], np.cumsum(faint)])[grains.blob_pointer]
    few = replace(
        grains, blobs=grains.blobs[faint], shared=grains.shared[faint], hkl=grains.hkl[faint], blob_pointer=pointer,
        residuals=grains.residuals[faint] if len(grains.residuals) else grains.residuals,
    )  # fmt: skip
    found = explained(truth.blobs, few)
    assert found.light < 0.5
    assert f"{found.left:,} blobs belong to none" in found.doubt
