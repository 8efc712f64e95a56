"""How much at a time: blocks that fit into the memory that the run may use. Pure, but for `usable_memory`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from friedel.errors import CapacityError
from friedel.runner.memory_limit import address_limit

GB = 1_000_000_000
SHARE = 0.70
"""Part of the machine's or the job's memory that a run takes unless told otherwise."""
PROGRAM_BYTES = 380_000_000
"""Interpreter, libraries and compiled kernels, before the first frame is read (measured: 300 to 350 MB)."""
BLOB_SHARE = 0.20
"""Part of what is left that is kept free for bright voxels, which grow with the scan's content."""
MOST_WINDOWS = 10
"""More windows a block than this gain no speed (about ten windows of 501 frames, 51 apart, overlap)."""
UNLIMITED = 1 << 60
MAP_BYTES = 16
"""Of a voxel of the map while it is assembled: three densities and an owner."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the run will hold in memory, in bytes, and how many median windows it does at a time."""

    windows_per_block: int
    buffer_bytes: int
    budget_bytes: int
    program_bytes: int = PROGRAM_BYTES

    @property
    def total_bytes(self) -> int:
        """Program and frames together, before any blob."""
        return self.buffer_bytes + self.program_bytes

    @property
    def free_bytes(self) -> int:
        """What is left for bright voxels."""
        return self.budget_bytes - self.total_bytes


def plan_blocks(budget_bytes: int, buffer: Callable[[int], int], *, most: int = MOST_WINDOWS) -> Plan:
    """The largest block, counted in median windows, that fits.

    `buffer(windows_per_block)` gives the bytes that frames in memory need; it must not fall. Raises `CapacityError`
    when not even one window at a time fits.
    """
    room = budget_bytes - PROGRAM_BYTES
    smallest = PROGRAM_BYTES + buffer(1)
    if smallest > budget_bytes:
        raise CapacityError(
            "run.memory_gb",
            rule=f"this scan needs at least {_up(smallest)} GB with one window at a time",
            got=f"{budget_bytes / GB:.2f} GB",
            way_out="raise run.memory_gb, or lower preprocess.half_window",
        )
    for windows in range(most, 1, -1):
        if buffer(windows) <= room * (1 - BLOB_SHARE):
            return Plan(windows, buffer(windows), budget_bytes)
    return Plan(1, buffer(1), budget_bytes)


def budget(memory_gb: float, usable_bytes: int) -> int:
    """Bytes that the run may use: as the recipe says, or 70 % of what the machine or the job may use."""
    return int(memory_gb * GB) if memory_gb > 0 else int(SHARE * usable_bytes)


def check_map_fits(size_um: tuple[float, float, float], voxel_um: float, budget_bytes: int) -> None:
    """Raises `CapacityError` when a map of a sample of that size, x, y, z, does not fit: before the first frame."""
    voxels = 1.0
    for edge in size_um:
        voxels *= max(1.0, edge / voxel_um)
    if voxels * MAP_BYTES > budget_bytes:
        raise CapacityError(
            "the map",
            rule=f"{voxels:.1e} voxels of {voxel_um:g} um must fit into {budget_bytes / GB:.2f} GB",
            way_out="give a smaller setup.sample, a larger reconstruct.voxel_um, a smaller assemble.finer, or more "
            "run.memory_gb",
        )


def usable_memory(control_groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that this process may use: the machine's memory, or the limit of its container or job if smaller."""
    limits = [_limit(path) for path in _limit_files(control_groups, own)]
    limits.append(address_limit() or UNLIMITED)
    return min([int(psutil.virtual_memory().total), *limits])


def _limit_files(control_groups: Path, own: Path) -> Iterable[Path]:
    """Files that may hold a limit: of the process's own group and of all above it (version 2, then 1)."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    for line in [*lines, "0::/"]:
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        base, leaf = (control_groups, "memory.max")
        if controllers == "memory":
            base, leaf = control_groups / "memory", "memory.limit_in_bytes"
        group = Path(name.lstrip("/"))
        for folder in [group, *group.parents]:
            yield base / folder / leaf


def _limit(path: Path) -> int:
    try:
        text = path.read_text().strip()
    except OSError:
        return UNLIMITED
    return int(text) if text.isdigit() else UNLIMITED


def _up(count: int) -> str:
    """Bytes as GB, rounded up: what is printed must suffice when it is given."""
    return f"{-(-count // (GB // 100)) / 100:.2f}"
