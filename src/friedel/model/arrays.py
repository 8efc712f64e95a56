"""Names of array types, so that signatures say what is in them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

AnyArray = NDArray[Any]
Floats = NDArray[np.float64]
Image = NDArray[np.float32]
"""One image [row, col]."""
Frames = NDArray[np.float32]
"""Clean frames [frame, row, col], in counts."""
Mask = NDArray[np.bool_]
"""One image [row, col], True where the pixel is bad or left out."""
Indices = NDArray[np.int64]
