"""Seeds of blobs: connected components of voxels at or above the seed threshold, the higher one of the two.

Voxels are named by their position q in the values: voxel c of run r is offset[r] + c.
"""

from typing import NamedTuple

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs


class SeedRuns(NamedTuple):
    """Runs of voxels >= the seed threshold, in order of position within each section.

    `section` are the sections' first ones; `at` [run] is the place of each one's first maximum, `inside` [run] the
    bright run that it is a part of, and `seed` [run] the number of its seed.
    """

    runs: Runs
    section: AnyArray
    at: AnyArray
    inside: AnyArray
    seed: AnyArray


class Seeds(NamedTuple):
    """Components of voxels >= the seed threshold, in order of their first voxel within each section.

    `section` is theirs; `voxels` their size; `peak` their maximum, at voxel `at` of run `run`.
    """

    section: AnyArray
    voxels: AnyArray
    peak: AnyArray
    at: AnyArray
    run: AnyArray


@njit(cache=True, nogil=True)
def extract_seed_runs(
    runs: Runs,
    section: AnyArray,
    level: AnyArray,
    threshold: float,
    out: Runs,
    at: AnyArray,
    inside: AnyArray,
    out_section: AnyArray,
) -> int:
    """Find the runs of levels >= `threshold` within `runs`; returns how many.

    `at` gets the place of each one's first maximum, `inside` the run that it is a part of, `out_section` the
    sections' first ones.
    """
    frame, row, col, length, peak, offset = runs
    o_frame, o_row, o_col, o_length, o_peak, o_offset = out
    n = 0
    for s in range(section.size - 1):
        out_section[s] = n
        for r in range(section[s], section[s + 1]):
            if not (peak[r] >= threshold):
                continue
            q = offset[r]
            end = q + length[r]
            while q < end:
                if not (level[q] >= threshold):
                    q += 1
                    continue
                start = q
                best = q
                while q < end and level[q] >= threshold:
                    if level[q] > level[best]:
                        best = q
                    q += 1
                o_frame[n] = frame[r]
                o_row[n] = row[r]
                o_col[n] = col[r] + (start - offset[r])
                o_length[n] = q - start
                o_peak[n] = level[best]
                o_offset[n] = start
                at[n] = best
                inside[n] = r
                n += 1
    out_section[section.size - 1] = n
    return n


@njit(cache=True, nogil=True)
def number_roots(parent: AnyArray, number: AnyArray) -> int:
    """Number the components by their first member, given every node's root; returns how many there are."""
    n = 0
    for x in range(parent.size):
        if parent[x] == x:
            number[x] = n
            n += 1
        else:
            number[x] = number[parent[x]]
    return n


@njit(cache=True, nogil=True)
def measure_seeds(of: SeedRuns, seeds: Seeds) -> None:
    """Section, size, maximum and peak (the first in (frame, row, col) order) of every seed component."""
    section, at, inside, number = of.section, of.at, of.inside, of.seed
    length, peak = of.runs.length, of.runs.peak
    for x in range(seeds.voxels.size):
        seeds.voxels[x] = 0
    for s in range(section.size - 1):
        for r in range(section[s], section[s + 1]):
            x = number[r]
            if seeds.voxels[x] == 0 or peak[r] > seeds.peak[x]:
                seeds.section[x] = s
                seeds.peak[x] = peak[r]
                seeds.at[x] = at[r]
                seeds.run[x] = inside[r]
            seeds.voxels[x] += length[r]
