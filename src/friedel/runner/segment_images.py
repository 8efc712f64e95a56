"""Images that the section [segment] of a recipe names by their paths."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from friedel.errors import RecipeError
from friedel.io.images import read_images
from friedel.model.arrays import AnyArray, Image, Mask
from friedel.model.scan import Box, Scan
from friedel.segment import SegmentParams, excluded_area


@dataclass(frozen=True, slots=True, eq=False)
class SegmentImages:
    """`noise` float32 [row, col], and `excluded` [row, col], True where nobody shall look; None where not given."""

    noise: Image | None = None
    excluded: Mask | None = None

    def outside(self, params: SegmentParams, beam: Box | None) -> Mask | None:
        """All that `segment.exclude` names, where images are among it; else None: the parameters say it alone."""
        if self.excluded is None:
            return None
        rows, cols = self.excluded.shape
        return excluded_area(params, rows, cols, beam, self.excluded)

    @property
    def digest(self) -> str:
        """Changes with the images' content, wherever they lie."""
        digest = hashlib.sha256()
        for image in (self.noise, self.excluded):
            digest.update(b"none" if image is None else np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()


def read_segment_images(params: SegmentParams, scan: Scan) -> SegmentImages:
    """Read the images.

    Raises `ScanError` when one cannot be read, `RecipeError` when it does not fit the frames.
    """
    noise = None
    if params.noise not in {"scan", "local"}:
        noise = _image("segment.noise", params.noise, scan).astype(np.float32)
        if not (np.isfinite(noise) & (noise > 0) & ~scan.mask).any():
            rule = "must be positive somewhere: pixels without noise belong to nothing"
            raise RecipeError("segment.noise", rule=rule, got=params.noise)
    excluded: Mask | None = None
    for path in params.excluded_images:
        area = _image("segment.exclude", path, scan) != 0
        excluded = area if excluded is None else excluded | area
    return SegmentImages(noise, excluded)


def _image(key: str, path: str, scan: Scan) -> AnyArray:
    image = read_images(path, Path.cwd())
    if image.shape != scan.shape[1:]:
        raise RecipeError(
            key,
            rule=f"must have the shape of a frame, {scan.shape[1]} rows × {scan.shape[2]} cols",
            got=" × ".join(map(str, image.shape)),
        )
    return image
