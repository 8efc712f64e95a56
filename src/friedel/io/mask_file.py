"""A mask of bad pixels as an image that every program opens."""

from pathlib import Path

import numpy as np
import tifffile

from friedel.io.atomic import atomic, keep_old
from friedel.model.arrays import Mask


def write_mask(path: str | Path, mask: Mask) -> None:
    """Write [row, col] as TIFF, 1 = bad, as `scan.mask` takes it; another mask that stands there is kept as `.bak`.

    Raises `OutputError`.
    """
    with atomic(path) as partial:
        tifffile.imwrite(partial, mask.astype(np.uint8), photometric="minisblack", compression="zlib")
        keep_old(Path(path), partial)
