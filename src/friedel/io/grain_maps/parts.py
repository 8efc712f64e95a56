"""What readers of grain maps share: numbers of grains, one value a grain, orientations in other forms."""

from typing import Literal

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Floats, Indices

Wanted = Literal["voxel", "grain", "random"]
"""Orientations that are asked for: of voxels, of grains, or none."""
NOWHERE = np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32)
"""The quaternion of voxels without a grain."""


def compact(label: AnyArray, name: str) -> tuple[AnyArray, Indices]:
    """Numbers of grains [z,y,x] of a file (below 1: none) -> `grain_id` int32 and the `number` (g) of its rows.

    Raises `FriedelError` for what are no whole numbers.
    """
    if label.ndim == 4 and label.shape[-1] == 1:
        label = label[..., 0]
    if label.ndim != 3:
        raise FriedelError(name, rule="must be [z,y,x]", got=f"shape {label.shape}")
    if label.dtype.kind == "f":
        if not np.isfinite(label).all() or (label != np.rint(label)).any():
            raise FriedelError(name, rule="must be whole numbers", got=f"{label.dtype} with others among them")
        label = label.astype(np.int64)
    found, row = np.unique(label, return_inverse=True)
    none = int(np.searchsorted(found, 1))
    grain_id = np.maximum(row.reshape(label.shape) + 1 - none, 0).astype(np.int32)
    return grain_id, found[none:].astype(np.int64)


def of_grains(values: AnyArray, grain_id: AnyArray, count: int, name: str) -> AnyArray:
    """The value (g) that each grain's voxels have in `values` [z,y,x].

    Raises `FriedelError` where the voxels of one grain differ.
    """
    values = values[..., 0] if values.ndim == 4 and values.shape[-1] == 1 else values
    check_shape(values, grain_id.shape, name)
    inside = grain_id > 0
    row, value = grain_id[inside] - 1, values[inside]
    out = np.zeros(count, dtype=values.dtype)
    out[row] = value
    if (out[row] != value).any():
        mixed = len(np.unique(row[out[row] != value]))
        raise FriedelError(name, rule="must be one in all voxels of a grain", got=f"several in {mixed} grains")
    return out


def check_shape(values: AnyArray, shape: tuple[int, ...], name: str) -> None:
    """Raise `FriedelError` unless the array has the shape of the map."""
    if values.shape != shape:
        raise FriedelError(name, rule=f"must have shape {shape} like the grains' numbers", got=values.shape)


def on_voxels(values: Floats, grain_id: AnyArray) -> AnyArray:
    """Quaternions (n,4) of the voxels that have a grain -> float32 [z,y,x,4]."""
    out = np.tile(NOWHERE, (*grain_id.shape, 1))
    out[grain_id > 0] = values
    return out


def of_rodrigues(vectors: Floats) -> Floats:
    """Quaternions (n,4) of rotations by axis times tan(angle / 2), (n,3)."""
    q = np.concatenate([np.ones((len(vectors), 1)), vectors], axis=1)
    return np.asarray(q / np.linalg.norm(q, axis=1, keepdims=True))


def of_bunge(angles: Floats) -> Floats:
    """Quaternions (n,4) of Rz(phi1) Rx(Phi) Rz(phi2), angles (n,3) in rad."""
    half = 0.5 * np.asarray(angles, dtype=np.float64)
    plus, minus = half[:, 0] + half[:, 2], half[:, 0] - half[:, 2]
    c, s = np.cos(half[:, 1]), np.sin(half[:, 1])
    return np.stack([c * np.cos(plus), s * np.cos(minus), s * np.sin(minus), c * np.sin(plus)], axis=1)


def of_matrices(U: Floats) -> Floats:
    """Quaternions (n,4) of rotation matrices (n,3,3), by the largest of the four (Shepperd's way)."""
    U = np.asarray(U, dtype=np.float64)
    xx, yy, zz = U[:, 0, 0], U[:, 1, 1], U[:, 2, 2]
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], axis=1)
    a, b, c = U[:, 2, 1] - U[:, 1, 2], U[:, 0, 2] - U[:, 2, 0], U[:, 1, 0] - U[:, 0, 1]
    d, e, f = U[:, 1, 0] + U[:, 0, 1], U[:, 0, 2] + U[:, 2, 0], U[:, 2, 1] + U[:, 1, 2]
    rows = np.stack(
        [
            np.stack([squares[:, 0], a, b, c], axis=1),
            np.stack([a, squares[:, 1], d, e], axis=1),
            np.stack([b, d, squares[:, 2], f], axis=1),
            np.stack([c, e, f, squares[:, 3]], axis=1),
        ],
        axis=1,
    )
    best = rows[np.arange(len(U)), np.argmax(np.nan_to_num(squares), axis=1)]
    return np.asarray(best / np.linalg.norm(best, axis=1, keepdims=True))


def conjugate(q: Floats) -> Floats:
    """The rotations back."""
    return np.asarray(q * np.array([1.0, -1.0, -1.0, -1.0]))


def product(first: Floats, second: Floats) -> Floats:
    """Quaternions (n,4) of `second` and then `first`: of the product of their matrices."""
    w, x, y, z = np.moveaxis(np.asarray(first, dtype=np.float64), -1, 0)
    a, b, c, d = np.moveaxis(np.asarray(second, dtype=np.float64), -1, 0)
    return np.stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ],
        axis=-1,
    )


def checked_quaternions(q: AnyArray, name: str) -> Floats:
    """Quaternions (n,4) as floats. Raises `FriedelError` for others than four parts and other lengths than 1."""
    if q.ndim != 2 or q.shape[1] != 4:
        raise FriedelError(name, rule="must have four parts", got=f"shape {q.shape}")
    length = np.linalg.norm(q.astype(np.float64), axis=1)
    wrong = ~(np.abs(length - 1.0) < 1e-3)
    if wrong.any():
        got = f"{length[int(np.argmax(wrong))]:.4g} in {np.count_nonzero(wrong)} of {len(q)}"
        raise FriedelError(name, rule="must be quaternions of length 1", got=got)
    return np.asarray(q / length[:, None], dtype=np.float64)


def matrices(q: Floats) -> Floats:
    """Rotation matrices (n,3,3) of unit quaternions (n,4)."""
    w, x, y, z = np.asarray(q, dtype=np.float64).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def rows_of(values: AnyArray, row: Indices, name: str) -> AnyArray:
    """Entries of a table by their rows. Raises `FriedelError` for a table that is too short."""
    if row.max(initial=0) >= len(values):
        rule = f"must have {row.max() + 1} rows, for the highest number of a grain"
        raise FriedelError(name, rule=rule, got=len(values))
    return np.asarray(values[row])
