"""Runs of components that are still open where the scan was cut, as linked lists in one store.

Every open component is a list of runs, so that joining two costs nothing and taking one out costs only its own
runs, however long others stay open. `lists` [list, 3] hold first run, last run and number of runs; `next_run` [run]
is the one behind it.
"""

from friedel.kernels.compiled import njit
from friedel.kernels.segment.bright_runs import AnyArray, Runs

NONE = -1


@njit(cache=True, nogil=True)
def mark_open_and_seeded(
    parent: AnyArray,
    n_old: int,
    was_seeded: AnyArray,
    runs: Runs,
    newest: int,
    held: AnyArray,
    threshold: float,
    is_open: AnyArray,
    is_seeded: AnyArray,
) -> None:
    """Mark the components (by root) that are open, and those that hold a voxel >= the seed threshold.

    Nodes below `n_old` are components of earlier blocks, the others runs of this one. A component is open where
    it is on frame `newest` or holds one of the nodes `held` (frame 0 of a full turn).
    """
    for c in range(n_old):
        if was_seeded[c]:
            is_seeded[parent[c]] = True
    for r in range(runs.frame.size):
        root = parent[n_old + r]
        if runs.peak[r] >= threshold:
            is_seeded[root] = True
        if runs.frame[r] == newest:
            is_open[root] = True
    for node in held:
        is_open[parent[node]] = True


@njit(cache=True, nogil=True)
def number_components(
    parent: AnyArray, n_old: int, is_open: AnyArray, is_seeded: AnyArray, slot: AnyArray, label: AnyArray
) -> tuple[int, int, int]:
    """Number the open components (slots from 0), then the seeded ones that end here and began earlier
    (slots after those), and the seeded ones that live in this block alone (labels from 0).

    Returns how many of each. Others get -1: nothing bright enough is lost.
    """
    n_open = 0
    n_direct = 0
    for x in range(parent.size):
        slot[x] = NONE
        label[x] = NONE
        if parent[x] == x and is_open[x]:
            slot[x] = n_open
            n_open += 1
    n_ended = 0
    for x in range(parent.size):
        if parent[x] == x and is_seeded[x] and not is_open[x]:
            if x < n_old:
                slot[x] = n_open + n_ended
                n_ended += 1
            else:
                label[x] = n_direct
                n_direct += 1
        elif parent[x] != x:
            slot[x] = slot[parent[x]]
            label[x] = label[parent[x]]
    return n_open, n_ended, n_direct


@njit(cache=True, nogil=True)
def join_lists(slot: AnyArray, old: AnyArray, new: AnyArray, next_run: AnyArray) -> None:
    """Join the lists of earlier components under their new slots: `old` [component], `new` [slot]."""
    for c in range(old.shape[0]):
        s = slot[c]
        if s == NONE or old[c, 2] == 0:
            continue
        if new[s, 2] == 0:
            new[s, 0] = old[c, 0]
        else:
            next_run[new[s, 1]] = old[c, 0]
        new[s, 1] = old[c, 1]
        new[s, 2] += old[c, 2]


@njit(cache=True, nogil=True)
def append_runs(
    runs: Runs,
    slot: AnyArray,
    level: AnyArray,
    intensity: AnyArray | None,
    store: Runs,
    store_level: AnyArray,
    store_intensity: AnyArray | None,
    next_run: AnyArray,
    lists: AnyArray,
    n_runs: int,
    n_values: int,
) -> tuple[int, int]:
    """Copy the runs that have a slot, with their values, to the store, at the ends of the slots' lists."""
    for r in range(slot.size):
        s = slot[r]
        if s == NONE:
            continue
        _copy_run(runs, r, level, intensity, store, n_runs, n_values, store_level, store_intensity)
        next_run[n_runs] = NONE
        if lists[s, 2] == 0:
            lists[s, 0] = n_runs
        else:
            next_run[lists[s, 1]] = n_runs
        lists[s, 1] = n_runs
        lists[s, 2] += 1
        n_values += runs.length[r]
        n_runs += 1
    return n_runs, n_values


@njit(cache=True, nogil=True)
def copy_lists(
    lists: AnyArray,
    next_run: AnyArray,
    store: Runs,
    level: AnyArray,
    intensity: AnyArray | None,
    out: Runs,
    out_level: AnyArray,
    out_intensity: AnyArray | None,
    section: AnyArray,
) -> int:
    """Copy whole lists out of the store, one section each; returns the number of values."""
    n_runs = 0
    n_values = 0
    for s in range(lists.shape[0]):
        section[s] = n_runs
        r = lists[s, 0]
        for _ in range(lists[s, 2]):
            _copy_run(store, r, level, intensity, out, n_runs, n_values, out_level, out_intensity)
            n_values += store.length[r]
            n_runs += 1
            r = next_run[r]
    section[lists.shape[0]] = n_runs
    return n_values


@njit(cache=True, nogil=True)
def count_voxels(lists: AnyArray, next_run: AnyArray, length: AnyArray) -> int:
    """Number of voxels of the lists."""
    n = 0
    for s in range(lists.shape[0]):
        r = lists[s, 0]
        for _ in range(lists[s, 2]):
            n += int(length[r])
            r = next_run[r]
    return n


@njit(cache=True, nogil=True)
def _copy_run(
    runs: Runs,
    r: int,
    level: AnyArray,
    intensity: AnyArray | None,
    out: Runs,
    n: int,
    n_values: int,
    out_level: AnyArray,
    out_intensity: AnyArray | None,
) -> None:
    out.frame[n] = runs.frame[r]
    out.row[n] = runs.row[r]
    out.col[n] = runs.col[r]
    out.length[n] = runs.length[r]
    out.peak[n] = runs.peak[r]
    out.offset[n] = n_values
    for i in range(runs.length[r]):
        out_level[n_values + i] = level[runs.offset[r] + i]
        if intensity is not None and out_intensity is not None:
            out_intensity[n_values + i] = intensity[runs.offset[r] + i]
