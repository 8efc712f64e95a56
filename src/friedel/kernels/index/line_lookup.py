"""Lines through the sample in a box of cells: which pass near a line, without looking at all of them."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from friedel.kernels.compiled import njit

Floats = NDArray[np.float64]


class LineLookup(NamedTuple):
    """Cells of edge `cell` from `corner` (3,), `size` (3,) of them; lines of cell c are
    `lines[start[c]:start[c+1]]`, ascending."""

    corner: Floats
    cell: float
    size: NDArray[np.int64]
    start: NDArray[np.int64]
    lines: NDArray[np.int64]


def make_line_lookup(points: Floats, directions: Floats, low: Floats, high: Floats, cell: float) -> LineLookup:
    """Sort lines (points (n,3), unit directions (n,3)) into the cells of the box `low` to `high` (3,).

    A line is registered at steps of half a cell: it may be missing from a cell of which it cuts a corner, so
    whoever looks for lines within one cell's edge looks into the neighbours of the neighbours' corner too
    (`lines_near` does).
    """
    size = np.maximum(np.ceil((high - low) / cell).astype(np.int64), 1)
    counts = np.zeros(int(np.prod(size)) + 1, dtype=np.int64)
    _sort_into_cells(points, directions, low, cell, size, counts, np.zeros(0, dtype=np.int64), False)
    start = np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int64)
    lines = np.empty(int(start[-1]), dtype=np.int64)
    _sort_into_cells(points, directions, low, cell, size, start[:-1].copy(), lines, True)
    return LineLookup(np.asarray(low, dtype=np.float64), float(cell), size, start, lines)


@njit(cache=True, nogil=True)
def _sort_into_cells(
    points: Any, directions: Any, low: Any, cell: float, size: Any, at: Any, lines: Any, fill: bool
) -> None:
    """Count the lines of each cell in `at`, or fill `lines` with `at` moving on."""
    span = np.empty(2)
    for i in range(points.shape[0]):
        if not line_through_box(points[i], directions[i], low, cell, size, span):
            continue
        last = -1
        steps = int((span[1] - span[0]) / (0.5 * cell)) + 1
        for step in range(steps + 1):
            t = min(span[0] + 0.5 * cell * step, span[1])
            index = cell_of(
                points[i, 0] + t * directions[i, 0],
                points[i, 1] + t * directions[i, 1],
                points[i, 2] + t * directions[i, 2],
                low,
                cell,
                size,
            )
            if index == last:
                continue
            last = index
            if fill:
                lines[at[index]] = i
            at[index] += 1


@njit(cache=True, nogil=True)
def cell_of(x: float, y: float, z: float, low: Any, cell: float, size: Any) -> int:
    """Flat index of the cell of a point; points outside belong to the nearest cell."""
    i = min(max(int((x - low[0]) / cell), 0), size[0] - 1)
    j = min(max(int((y - low[1]) / cell), 0), size[1] - 1)
    k = min(max(int((z - low[2]) / cell), 0), size[2] - 1)
    return int((i * size[1] + j) * size[2] + k)


@njit(cache=True, nogil=True)
def line_through_box(point: Any, direction: Any, low: Any, cell: float, size: Any, out: Any) -> bool:
    """out = range of the parameter along which the line is in the box; False where it misses the box."""
    t0, t1 = -1e300, 1e300
    for axis in range(3):
        a = low[axis] - point[axis]
        b = a + size[axis] * cell
        if abs(direction[axis]) < 1e-12:
            if a > 0.0 or b < 0.0:
                return False
            continue
        first, second = a / direction[axis], b / direction[axis]
        t0 = max(t0, min(first, second))
        t1 = min(t1, max(first, second))
    out[0], out[1] = t0, t1
    return t1 > t0


@njit(cache=True, nogil=True)
def closest_approach(p: Any, d: Any, q: Any, e: Any, out: Any) -> None:
    """out = distance of the lines p + t d and q + s e, sine of the angle between them, t of the nearest point."""
    cx = d[1] * e[2] - d[2] * e[1]
    cy = d[2] * e[0] - d[0] * e[2]
    cz = d[0] * e[1] - d[1] * e[0]
    sine = math.sqrt(cx * cx + cy * cy + cz * cz)
    x, y, z = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    along = x * d[0] + y * d[1] + z * d[2]
    if sine < 1e-6:
        out[0] = math.sqrt(max(x * x + y * y + z * z - along * along, 0.0))
        out[1], out[2] = sine, along
        return
    out[0] = abs(x * cx + y * cy + z * cz) / sine
    out[1] = sine
    fx, fy, fz = y * e[2] - z * e[1], z * e[0] - x * e[2], x * e[1] - y * e[0]
    out[2] = (fx * cx + fy * cy + fz * cz) / (sine * sine)


@njit(cache=True, nogil=True)
def lines_near(
    i: int,
    points: Any,
    directions: Any,
    usable: Any,
    lookup: Any,
    reach: float,
    least_sine: float,
    seen_from: Any,
    found: Any,
    along: Any,
) -> int:
    """Lines that pass line i within `reach` (at most one cell) at an angle: their number; found and along filled.

    `along` is the parameter on line i. `seen_from` (n) holds -1, or the last i that saw a line; `usable` (n) bool.
    """
    low, cell, size, start, lines = lookup
    span = np.empty(2)
    approach = np.empty(3)
    count = 0
    if not line_through_box(points[i], directions[i], low, cell, size, span):
        return 0
    seen_from[i] = i
    last = -1
    steps = int((span[1] - span[0]) / cell) + 1
    for step in range(steps + 1):
        t = min(span[0] + cell * step, span[1])
        x = points[i, 0] + t * directions[i, 0]
        y = points[i, 1] + t * directions[i, 1]
        z = points[i, 2] + t * directions[i, 2]
        here = cell_of(x, y, z, low, cell, size)
        if here == last:
            continue
        last = here
        a, b, c = here // (size[1] * size[2]), (here // size[2]) % size[1], here % size[2]
        for u in range(max(a - 1, 0), min(a + 2, size[0])):
            for v in range(max(b - 1, 0), min(b + 2, size[1])):
                for w in range(max(c - 1, 0), min(c + 2, size[2])):
                    index = (u * size[1] + v) * size[2] + w
                    for entry in range(start[index], start[index + 1]):
                        j = lines[entry]
                        if seen_from[j] == i or not usable[j]:
                            continue
                        seen_from[j] = i
                        closest_approach(points[i], directions[i], points[j], directions[j], approach)
                        if approach[0] <= reach and approach[1] >= least_sine and count < len(found):
                            found[count] = j
                            along[count] = approach[2]
                            count += 1
    return count
