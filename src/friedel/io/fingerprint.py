"""What tells one scan from another, without reading all of it."""

import hashlib

import numpy as np

from friedel.errors import ScanError
from friedel.io.sources import file_extents, frames_per_read
from friedel.io.stored_scan import StoredScan
from friedel.model.arrays import Image, Mask
from friedel.model.scan import FrameSource

PROBE_BYTES = 64_000_000
"""Frames that are hashed: all of a small scan, of a large one `FEWEST` at least."""
TOLD_BYTES = 8_000_000
"""The same for compressed frames, whose sizes in the file tell nearly all changes already."""
FEWEST = 16
HALF = 32
"""Length of either half of a fingerprint."""


def fingerprint(found: StoredScan, facts: tuple[object, ...], dark: Image, mask: Mask) -> str:
    """Two halves: of the frames as they are stored, and of all else that makes a scan (names, angles, dark, mask).

    No times count: a copied scan is the same. Of frames that are not compressed, and too many to be hashed all, a
    change of a few that leaves the file as large as it was is not noticed.
    """
    rest = hashlib.sha256()
    inner = found.name.partition("::")[2]
    rest.update(repr(([file.name for file in found.files], inner, facts)).encode())
    rest.update(dark.tobytes())
    rest.update(np.packbits(mask).tobytes())
    return _of_frames(found)[:HALF] + rest.hexdigest()[:HALF]


def same_frames(one: str, other: str) -> bool:
    """Whether two fingerprints are of the same stored frames, whatever the recipe says about them."""
    return one[:HALF] == other[:HALF]


def _of_frames(found: StoredScan) -> str:
    """Places and sizes of all frames, and what some hold; one that cannot be read is part of the picture."""
    frames = found.frames
    digest = hashlib.sha256(repr((frames.shape, frames.dtype.str)).encode())
    known = file_extents(frames) or tuple((file.stat().st_size,) for file in found.files)
    digest.update(repr(known).encode())
    step = frames_per_read(frames)
    told = len({mark[-1] for mark in known}) > len(known) // 2
    for start in _probe_frames(frames, step, TOLD_BYTES if told else PROBE_BYTES):
        try:
            digest.update(frames.read(start, min(start + step, frames.shape[0])).tobytes())
        except ScanError:
            digest.update(b"unreadable")
    return digest.hexdigest()


def _probe_frames(frames: FrameSource, step: int, most_bytes: int) -> list[int]:
    """Evenly spaced frames, the first of each piece of `step` that is read at once."""
    count, rows, cols = frames.shape
    pieces = -(-count // step)
    affordable = most_bytes // max(1, step * rows * cols * frames.dtype.itemsize)
    fewest = FEWEST if step == 1 else 3
    wanted = min(pieces, max(fewest, affordable))
    return [int(piece) * step for piece in np.linspace(0, pieces - 1, wanted).round()]
