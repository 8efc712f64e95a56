"""Colours as they are seen, by people with and without all three kinds of cones."""

import numpy as np

LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
"""Linear RGB to cones; as the two below from Vienot, Brettel & Mollon, Color Res. Appl. 24 (1999) 243."""
LACKING = {
    "": np.eye(3),
    "deuteranopia": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    "protanopia": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(rgb: np.ndarray, lacking: str = "") -> np.ndarray:
    """CIELAB of colours (..., 3) in 0..255; distances from 2.3 on are noticed."""
    part = np.asarray(rgb) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ (np.linalg.inv(LMS) @ LACKING[lacking] @ LMS).T, 0, 1)
    x, y, z = np.moveaxis(np.cbrt(np.maximum(seen @ XYZ.T / (XYZ @ np.ones(3)), 1e-3)), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def rgb_of(colour: str) -> np.ndarray:
    """Of "#rrggbb", in 0..255."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
