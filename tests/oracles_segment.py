"""Slow and obvious twin of the double threshold: voxels are tuples, regions are sets, growth is a queue."""

import itertools
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from friedel.model.blobs import Reason
from friedel.model.stream import CleanBlock
from friedel.segment import SegmentParams, bright_voxels, components_of, segment, solve

OFFSETS = {
    6: [o for o in itertools.product((-1, 0, 1), repeat=3) if sum(map(abs, o)) == 1],
    18: [o for o in itertools.product((-1, 0, 1), repeat=3) if 0 < sum(map(abs, o)) <= 2],
    26: [o for o in itertools.product((-1, 0, 1), repeat=3) if any(o)],
}


@dataclass
class Row:
    """What becomes of one seed: reason, voxels in (frame, row, col) order, and what the table says of it."""

    reason: str
    voxels: list
    seed_voxels: int
    threshold: float
    peak: tuple
    touches: bool = False
    n_absorbed: int = 0
    columns: dict = field(default_factory=dict)


class Volume:
    """Levels [frame, row, col] and who is whose neighbour."""

    def __init__(self, level, left_out=None, connectivity=26, wrap=False):
        self.level = np.asarray(level)
        self.wrap = wrap
        self.offsets = OFFSETS[connectivity]
        self.inside = np.isfinite(self.level)
        if left_out is not None:
            self.inside &= ~left_out

    def neighbours(self, voxel):
        frames, rows, cols = self.level.shape
        for offset in self.offsets:
            f, r, c = (a + b for a, b in zip(voxel, offset, strict=True))
            if self.wrap:
                f %= frames
            if 0 <= f < frames and 0 <= r < rows and 0 <= c < cols and self.inside[f, r, c]:
                yield f, r, c

    def region(self, start, allowed):
        """Everything that hangs together with the voxels `start` through allowed ones."""
        seen, queue = set(start), deque(start)
        while queue:
            for other in self.neighbours(queue.popleft()):
                if other not in seen and allowed(other):
                    seen.add(other)
                    queue.append(other)
        return seen

    def components(self, threshold):
        todo = set(map(tuple, np.argwhere(self.inside & (self.level >= threshold)).tolist()))
        while todo:
            found = self.region([min(todo)], lambda v: self.level[v] >= threshold)
            todo -= found
            yield found


def double_threshold(volume, T, tau, low, high, smallest=1, growth="clipped", overlap="claim", saddle=0.0):
    """Rows in the order of claims (then the rejected); `volume` is a `Volume`."""
    level = volume.level
    seeds = []
    rejected = []
    components = volume.components(T)
    if overlap == "watershed" and saddle > 0:
        components = [part for whole in components for part in parted(volume, whole, saddle, smallest)]
    for component in components:
        peak = min(component, key=lambda v: (-float(level[v]), v))
        if len(component) < smallest:
            rejected.append(Row("seed_too_small", sorted(component), len(component), T, peak))
        else:
            seeds.append((-float(level[peak]), peak, component))
    owner, kept = {}, []
    for minus, peak, component in sorted(seeds, key=lambda s: s[:2]):
        top = -minus
        if peak in owner:
            owner[peak].n_absorbed += 1
            row = Row("absorbed", sorted(component), len(component), T, peak)
            row.absorber = owner[peak]
            rejected.append(row)
            continue
        if growth == "clipped":
            lowest, highest, start = min(T, high, max(low, tau * top)), np.inf, {peak}
            threshold = lowest
        else:
            lowest, highest = max(low, tau * top), min(high, top)
            start = {v for v in component if v not in owner}
            threshold = T if lowest > highest else min(T, lowest)
        region = volume.region(start, _unclaimed(level, owner, lowest, highest))
        touches = len(start & component) < len(component) and growth == "literal"
        touches |= any(lowest <= level[o] <= highest and o in owner for v in region for o in volume.neighbours(v))
        row = Row("kept", sorted(region), len(component), threshold, peak, touches)
        kept.append(row)
        owner |= dict.fromkeys(region, row)
    if overlap == "watershed":
        kept, rejected = watershed(volume, T, kept, rejected, dict(zip([s[1] for s in seeds], seeds, strict=True)))
    return kept + rejected


def parted(volume, component, saddle, smallest):
    """Parts of a seed component, each the voxels that hang on one maximum; see `split_seeds`."""

    def rank(v):
        return -float(volume.level[v]), v

    part_of, parts = {}, {}  # parts are named by their maximum
    for voxel in sorted(component, key=rank):
        near = [o for o in volume.neighbours(voxel) if o in part_of]
        highest = min((part_of[o] for o in near), key=rank, default=voxel)
        parts.setdefault(highest, set())
        for other in near:
            part = part_of[other]
            low = float(volume.level[voxel]) < saddle * float(volume.level[part])
            large = len(parts[part]) >= smallest and len(parts[highest]) >= smallest
            if part != highest and not (low and large):
                part_of |= dict.fromkeys(parts[part], highest)
                parts[highest] |= parts.pop(part)
        part_of[voxel] = part_of[min(near, key=rank)] if near else voxel
        parts[part_of[voxel]].add(voxel)
    return list(parts.values())


def _unclaimed(level, owner, lowest, highest):
    return lambda v: lowest <= level[v] <= highest and v not in owner


def watershed(volume, T, kept, rejected, seeds):
    """Split the regions that absorbed a seed: always the highest voxel beside a part goes to that part."""
    out = []
    for row in kept:
        parts = [row] + [r for r in rejected if r.reason == "absorbed" and r.absorber is row]
        if len(parts) == 1:
            out.append(row)
            continue
        region = set(row.voxels)
        parts.sort(key=lambda r: min(seeds[r.peak][2]))
        mine = {v: i for i, r in enumerate(parts) for v in seeds[r.peak][2] if v in region}
        while len(mine) < len(region):
            edge = {(-float(volume.level[o]), o, i) for v, i in mine.items() for o in volume.neighbours(v)
                    if o in region and o not in mine}  # fmt: skip
            _, voxel, i = min(edge)
            mine[voxel] = i
        for i, part in enumerate(parts):
            voxels = sorted(v for v, j in mine.items() if j == i)
            out.append(Row("kept", voxels, part.seed_voxels, row.threshold, part.peak, True))
    return out, [r for r in rejected if r.reason != "absorbed"]


def unwrapped_frames(voxels, peak, n_frames, wrap):
    """Frames of a blob moved by whole turns so that they hang together around the peak."""
    present = sorted({v[0] for v in voxels})
    if wrap and len(present) == n_frames:
        first = peak[0] - n_frames // 2
        return [(v[0] - first) % n_frames + first for v in voxels]
    if wrap and present[0] == 0 and present[-1] == n_frames - 1:
        gaps = [(b - a, -b) for a, b in itertools.pairwise(present)]
        cut = -max(gaps)[1]
        moved = [v[0] if v[0] >= cut else v[0] + n_frames for v in voxels]
        shift = 0 if peak[0] >= cut else -n_frames
        return [f + shift for f in moved]
    return [v[0] for v in voxels]


def columns(voxels, peak, counts, omega_start, omega_step, wrap):
    """The columns of one blob from its list of voxels, by plain numpy."""
    n_frames = counts.shape[0]
    frame = np.array(unwrapped_frames(voxels, peak, n_frames, wrap))
    stored, row, col = np.array(voxels).T
    value = counts[stored, row, col].astype(np.float64)
    omega = omega_start + (frame + 0.5) * omega_step
    brightest = int(np.argmax(value))
    total = value.sum()
    mean = {k: (value * x).sum() / total for k, x in {"s": row, "f": col, "o": omega, "frame": frame}.items()}
    axes = {"s": row - mean["s"], "f": col - mean["f"], "o": omega - mean["o"]}
    sigma = {k: np.sqrt((value * x * x).sum() / total) for k, x in axes.items()}

    def correlation(a, b):
        if len(set(axes[a])) == 1 or len(set(axes[b])) == 1:
            return 0.0
        return (value * axes[a] * axes[b]).sum() / total / (sigma[a] * sigma[b])

    return {
        "s_raw": mean["s"], "f_raw": mean["f"], "sc": mean["s"], "fc": mean["f"], "omega": mean["o"],
        "frame": mean["frame"], "Number_of_pixels": len(voxels), "sum_intensity": total,
        "IMax_int": value[brightest], "IMax_s": row[brightest], "IMax_f": col[brightest],
        "IMax_o": omega[brightest], "Min_s": row.min(), "Max_s": row.max(), "Min_f": col.min(), "Max_f": col.max(),
        "Min_o": omega.min(), "Max_o": omega.max(), "sigs": sigma["s"], "sigf": sigma["f"], "sigo": sigma["o"],
        "covsf": correlation("s", "f"), "covso": correlation("s", "o"), "covfo": correlation("f", "o"),
        "onfirst": int(stored.min() == 0), "onlast": int(stored.max() == n_frames - 1),
        "frame_start": frame.min(), "frame_stop": frame.max() + 1,
        "row_start": row.min(), "row_stop": row.max() + 1, "col_start": col.min(), "col_stop": col.max() + 1,
    }  # fmt: skip


def frames_in_blocks(volume, cuts=None, saturated=None, replaced=None):
    """Clean blocks of a volume [frame, row, col], cut before the frames `cuts` (default: every second frame)."""
    cuts = range(2, len(volume), 2) if cuts is None else cuts
    edges = [0, *sorted(set(cuts) - {0, len(volume)}), len(volume)]
    for start, stop in itertools.pairwise(edges):
        piece = np.array(volume[start:stop], dtype=np.float32)
        marks = np.empty(0, np.int64) if saturated is None else np.flatnonzero(saturated[start:stop])
        stand_in = np.zeros(len(piece), bool) if replaced is None else replaced[start:stop]
        yield CleanBlock(start, piece, marks, stand_in)


def parameters(**changes):
    """Parameters without limits, so that small volumes keep everything."""
    free = {
        "seed_threshold": 20.0, "tolerance": 0.5, "grow_min": 5.0, "seed_min_voxels": 1, "min_size": (0, 0, 0),
        "max_size": (9999, 9999, 9999), "exclude": "none", "max_bright_fraction": 1.0,
    }  # fmt: skip
    return SegmentParams(**(free | changes))


def run(volume, params, *, cuts=None, wrap=False, saturated=None, replaced=None, **changes):
    """`segment` on a volume with plain angles."""
    options = {"baseline": None, "exclude": None, "mask": None, "omega_start_deg": 3.0, "omega_step_deg": -0.5}
    blocks = frames_in_blocks(volume, cuts, saturated, replaced)
    return segment(blocks, np.shape(volume), params, wrap=wrap, **(options | changes))


def solved(volume, params, *, wrap=False, seed_threshold=None, **how):
    """`bright_voxels`, `components_of` and `solve`, one after the other, with the same angles."""
    bright = bright_voxels(frames_in_blocks(volume), np.shape(volume), params, **how)
    components = components_of(bright, params.connectivity, wrap=wrap, seed_threshold=seed_threshold)
    return solve(components, params, omega_start_deg=3.0, omega_step_deg=-0.5)


def same_bytes(one, other):
    """Whether two tables are equal to the byte."""
    names = ("pointer", "frame", "row", "col", "intensity")
    pairs = [(getattr(one.voxels, name), getattr(other.voxels, name)) for name in names]
    pairs += [(one.columns[name], other.columns[name]) for name in one.columns] + [(one.reason, other.reason)]
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def blobs_of(table):
    """Rows as (reason, frozenset of voxels), a set that does not depend on their order."""
    found = set()
    for i, reason in enumerate(table.reason):
        s = table.voxels.of(i)
        where = zip(table.voxels.frame[s].tolist(), table.voxels.row[s].tolist(), table.voxels.col[s].tolist(),
                    strict=True)  # fmt: skip
        found.add((Reason(int(reason)).text, frozenset(where)))
    return found


def rim_by_hand(voxels):
    """How far the centroid of voxels {(frame, row, col): counts} moves when their rim counts too."""
    dimmest, rim = min(voxels.values()), {}
    sides = ((1, 0), (-1, 0), (0, 1), (0, -1))
    beside = {(f, r + a, c + b) for f, r, c in voxels for a, b in sides} - set(voxels)
    for f, r, c in beside:
        guesses = []
        for a, b in sides:
            near, far = voxels.get((f, r + a, c + b)), voxels.get((f, r + 2 * a, c + 2 * b), 0.0)
            if near is not None:
                guesses.append(min(near * near / far if far > near else near / 2, dimmest))
        rim[f, r, c] = np.mean(guesses)
    whole = {**voxels, **rim}

    def centroid(counts):
        return np.average(list(counts), axis=0, weights=list(counts.values()))

    return centroid(whole) - centroid(voxels)
