"""Pixels that belong to nothing, and the noise of the others."""

import numpy as np

from friedel.errors import InputError
from friedel.model.arrays import Image, Mask
from friedel.model.baseline import Baseline
from friedel.model.scan import Box
from friedel.segment.params import SegmentParams


def excluded_area(params: SegmentParams, rows: int, cols: int, beam: Box | None, image: Mask | None = None) -> Mask:
    """The pixels [row, col] that `exclude` names; "beam" without a beam names none.

    `image` is what the paths among the names hold: whoever calls has read them. Raises `InputError` for a box that
    does not lie in the frame, and for paths without `image`.
    """
    area = np.zeros((rows, cols), dtype=bool)
    for name in params.excluded:
        if isinstance(name, str):
            if name == "beam" and beam is not None:
                area[beam.slices] = True
            continue
        box = Box(*name)
        if not box.inside(rows, cols):
            raise InputError(
                "segment.exclude",
                rule=f"boxes [col0,row0,col1,row1] must lie in a frame of {rows} rows × {cols} cols",
                got=list(box),
            )
        area[box.slices] = True
    if params.excluded_images and image is None:
        raise InputError("segment.exclude", rule="the image is missing", got=params.excluded_images[0])
    return area if image is None else area | image


def left_out(
    params: SegmentParams,
    rows: int,
    cols: int,
    *,
    baseline: Baseline | None,
    exclude: Mask | None,
    mask: Mask | None,
    noise: Image | None,
) -> Mask:
    """All pixels that belong to nothing: excluded, masked, or without a positive noise to compare with.

    `exclude` replaces what the parameters name.
    """
    beam = None if baseline is None else baseline.beam
    area = excluded_area(params, rows, cols, beam) if exclude is None else np.array(exclude, dtype=bool)
    for image, name in ((area, "exclude"), (mask, "mask"), (noise, "noise image")):
        if image is not None and image.shape != (rows, cols):
            raise InputError(
                name, rule=f"must have the shape of a frame, {rows} rows × {cols} cols", got=image.shape
            )
    if mask is not None:
        area |= mask
    if baseline is not None and baseline.dead is not None:
        area |= baseline.dead
    if noise is not None:
        area |= ~(np.isfinite(noise) & (noise > 0))
    return area


def noise_per_pixel(params: SegmentParams, baseline: Baseline | None, noise_image: Image | None) -> Image | None:
    """The image that values are divided by before they are compared, or None where one number does."""
    if params.unit == "counts" or params.noise == "scan":
        return None
    if params.noise == "local" and noise_image is None and baseline is not None:
        noise_image = baseline.sigma_image
    if noise_image is None:
        raise InputError("segment.noise", rule="the image of the noise is missing", got=params.noise)
    return np.ascontiguousarray(noise_image, dtype=np.float32)
