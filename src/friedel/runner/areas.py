"""Images that the recipe names by their path."""

from pathlib import Path

import numpy as np

from friedel.errors import RecipeError
from friedel.io.images import read_images
from friedel.model.arrays import Image
from friedel.model.scan import Scan
from friedel.segment import SegmentParams


def noise_image(params: SegmentParams, scan: Scan) -> Image | None:
    """The user's own noise image, float32 [row, col], where `segment.noise` is a path.

    Raises `ScanError` when it cannot be read, `RecipeError` when it does not fit the frames.
    """
    if params.noise in {"scan", "local"}:
        return None
    image = read_images(params.noise, Path.cwd())
    if image.shape != scan.shape[1:]:
        raise RecipeError(
            "segment.noise",
            rule=f"must have the shape of a frame, {scan.shape[1]} rows × {scan.shape[2]} cols",
            got=" × ".join(map(str, image.shape)),
        )
    return image.astype(np.float32)
