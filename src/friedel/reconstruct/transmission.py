"""What absorption leaves of a grain's light across its projections.

Its logarithm is taken to be linear within a grain. Then what it does across a beam is a factor for every pixel;
what it does along one, where a pixel sums up the voxels, has no mean in a grain that is as deep before its middle
as behind, and is left out.
"""

import numpy as np

from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.reconstruct.rays import Rays
from friedel.reconstruct.shared_inputs import SharedInputs

REACH = 0.35
"""Of the radius of a grain's box: within it the logarithm is taken to be linear."""
MOST = 1.0
"""The logarithm is not taken to differ from that of the centre by more."""


def transmission(
    inputs: SharedInputs,
    grain: int,
    rays: Rays,
    projector: tuple[Floats, Floats],
    box: tuple[Indices, float],
    size: tuple[int, ...],
) -> AnyArray:
    """What is left of light over what is left of that of the grain's centre: float32 (n,u,v), of `size` u and v.

    One where absorption is not known. `projector` is the slope (n,2,2) and the offset (n,2) of its projections,
    `box` the first voxel and the radius of its box.
    """
    absorption = inputs.diffraction.absorption
    if absorption is None:
        return np.ones((1, 1, 1), dtype=np.float32)
    (slope, offset), (start, radius), voxel = projector, box, inputs.grid.voxel_um
    centre = inputs.grains.position_um[grain]
    middle = centre / voxel - np.array(inputs.grid.phase) - start - 0.5
    view = np.concatenate([slope, np.zeros((len(slope), 2, 1))], axis=2)
    view[:, 1, 2] = 1.0
    at = np.einsum("nij,j->ni", view, middle) + offset
    change = voxel * absorption.slopes(centre, REACH * radius * voxel, rays.omega, rays.k)
    along = np.einsum("nij,ni->nj", np.linalg.pinv(view), change)
    u, v = (along[:, axis, None] * (np.arange(size[axis])[None, :] - at[:, axis, None]) for axis in range(2))
    return np.asarray(np.exp(np.clip(u[:, :, None] + v[:, None, :], -MOST, MOST)), dtype=np.float32)
