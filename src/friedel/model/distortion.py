"""A detector whose pixels are not where a plane grid has them: fibre tapers, lenses, tiles side by side."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import map_coordinates

from friedel.errors import SetupError
from friedel.model.arrays import Floats, Image
from friedel.model.blobs import BlobTable

ROUNDS = 4
"""Until what is put on a map and taken off again is where it was: distortions change slowly."""


@dataclass(frozen=True, slots=True, eq=False)
class Distortion:
    """How far `row` and `col` [row, col] (px) every pixel lies beside where it is on the frames.

    What is added to raw positions, as ImageD11's dy and dx. Raises `SetupError` for maps of two shapes, or with
    values that are no numbers.
    """

    row: Image
    col: Image

    def __post_init__(self) -> None:
        for name in ("row", "col"):
            values = np.asarray(getattr(self, name), dtype=np.float32)
            if values.ndim != 2 or values.shape != np.shape(self.row) or not np.isfinite(values).all():
                raise SetupError("setup.distortion", rule="must be two images of one shape, numbers everywhere")
            object.__setattr__(self, name, values)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and cols."""
        return self.row.shape[0], self.row.shape[1]

    def corrected_px(self, row: Floats, col: Floats) -> tuple[Floats, Floats]:
        """Where raw places (n) px are on an ideal detector; between pixels by linear interpolation."""
        down, right = self._at(row, col)
        return np.asarray(row + down, dtype=np.float64), np.asarray(col + right, dtype=np.float64)

    def raw_px(self, row: Floats, col: Floats) -> tuple[Floats, Floats]:
        """Where places (n) px of an ideal detector are on the frames."""
        raw_row, raw_col = np.asarray(row, dtype=np.float64), np.asarray(col, dtype=np.float64)
        for _ in range(ROUNDS):
            down, right = self._at(raw_row, raw_col)
            raw_row, raw_col = np.asarray(row - down), np.asarray(col - right)
        return raw_row, raw_col

    def _at(self, row: Floats, col: Floats) -> tuple[Floats, Floats]:
        place = np.stack([np.asarray(row, dtype=np.float64), np.asarray(col, dtype=np.float64)])
        down, right = (map_coordinates(one, place, order=1, mode="nearest") for one in (self.row, self.col))
        return down.astype(np.float64), right.astype(np.float64)


def undistorted(blobs: BlobTable, distortion: Distortion | None) -> BlobTable:
    """The blobs with `sc` and `fc` where an ideal detector would have them; the same without a distortion."""
    if distortion is None:
        return blobs
    row, col = distortion.corrected_px(blobs.columns["s_raw"], blobs.columns["f_raw"])
    return replace(blobs, columns={**blobs.columns, "sc": row, "fc": col})
