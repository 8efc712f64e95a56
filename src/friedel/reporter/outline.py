"""Outlines of blobs on a frame or a section."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from friedel.model.arrays import AnyArray, Floats
from friedel.model.blobs import BlobTable
from friedel.reporter.svg_figure import ON_IMAGE_BLOB


def outline(
    axes: Axes,
    labels: AnyArray,
    origin: tuple[int, int] = (0, 0),
    *,
    colour: str = ON_IMAGE_BLOB,
    width: float = 0.9,
) -> None:
    """Draw the borders between different labels [row, col]; `origin` is the (row, col) of its first pixel."""
    axes.add_collection(
        LineCollection(list(border_segments(labels, origin)), colors=colour, linewidths=width), autolim=False
    )


def border_segments(labels: AnyArray, origin: tuple[int, int] = (0, 0)) -> Floats:
    """Straight pieces [piece, end, (col, row)] along the edges of pixels, as long as they can be."""
    padded = np.pad(labels, 1)
    across = _runs(padded[1:, 1:-1] != padded[:-1, 1:-1])
    down = _runs((padded[1:-1, 1:] != padded[1:-1, :-1]).T)[:, :, ::-1]
    shift = np.array([origin[1] - 0.5, origin[0] - 0.5])
    return np.asarray(np.concatenate([across, down]) + shift, dtype=np.float64)


def _runs(border: AnyArray) -> Floats:
    """Each run of True along a row as its two ends [run, end, (along, row)]."""
    step = np.diff(np.pad(border.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, start = np.nonzero(step == 1)
    stop = np.nonzero(step == -1)[1]
    ends = np.stack([np.stack([start, row], 1), np.stack([stop, row], 1)], 1)
    return np.asarray(ends, dtype=np.float64)


def labels_at(
    blobs: BlobTable, frame: int | None = None, row: int | None = None, col: int | None = None
) -> AnyArray:
    """Number + 1 of the kept blob in each voxel of one plane, 0 where there is none.

    One of `frame` (gives [row, col]), `row` ([frame, col]) or `col` ([frame, row]) says which plane.
    """
    voxels, kept = blobs.voxels, slice(0, int(blobs.voxels.pointer[len(blobs)]))
    places = [voxels.frame[kept], voxels.row[kept], voxels.col[kept]]
    axis, value = next((i, v) for i, v in enumerate((frame, row, col)) if v is not None)
    here = np.flatnonzero(places[axis] == value)
    owner = np.searchsorted(voxels.pointer, here, side="right")
    a, b = (i for i in range(3) if i != axis)
    labels = np.zeros((blobs.shape[a], blobs.shape[b]), np.int32)
    labels[places[a][here], places[b][here]] = owner
    return labels
