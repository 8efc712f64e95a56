"""Heaps in an HDF5 file, looked at before HDF5 does: it goes round in a damaged one for ever, or crashes.

Format: HDF5 File Format Specification, III.E "Disk Format: Level 1E - Global Heap".
"""

import struct
from pathlib import Path

_SIGNATURE = b"GCOL\x01\x00\x00\x00"
_LOOKED_AT = 4_000_000
"""Bytes at either end of a file, where the texts of its attributes and small datasets are."""
_SMALLEST = 4096
_WITH_PLACES = (1, 2)
"""Selections of points and of blocks."""
_MOST_DIMENSIONS = 32
_OBJECT = struct.Struct("<HHIQ")


def check_heaps(path: Path) -> None:
    """Raise `ValueError` for a heap that HDF5 would not survive, `OSError` where the file cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in {0, max(0, size - _LOOKED_AT)}:
            file.seek(start)
            data = file.read(_LOOKED_AT)
            at = data.find(_SIGNATURE)
            while at >= 0:
                if _goes_round(data[at : at + _LOOKED_AT], size):
                    raise ValueError("a heap whose entries have no length or impossible places")
                at = data.find(_SIGNATURE, at + 1)


def _is_impossible(entry: bytes) -> bool:
    """Whether an entry maps a virtual dataset to places of more dimensions than HDF5 has: it would end the process.

    Such an entry: a version, the number of mappings, and for each two names and two selections (III.E, VII.G).
    """
    at = 9
    try:
        (mappings,) = struct.unpack_from("<Q", entry, 1)
        if entry[0] > 1 or not 0 < mappings < len(entry):
            return False
        for _ in range(mappings):
            for _ in range(2):
                end = entry.index(b"\0", at)
                if not entry[at:end].isascii() or end == at:
                    return False
                at = end + 1
            for _ in range(2):
                kind, version = struct.unpack_from("<II", entry, at)
                length, rank, head = _selection(entry, at, version)
                if kind in _WITH_PLACES and not 1 <= rank <= _MOST_DIMENSIONS:
                    return True
                at += head + length
    except (struct.error, ValueError, KeyError):
        return False
    return False


def _selection(entry: bytes, at: int, version: int) -> tuple[int, int, int]:
    """Length of what follows the head of a selection, its dimensions, and the length of its head.

    Raises `KeyError` for versions that do not say so.
    """
    head = {1: 16, 2: 13}[version]
    length, rank = struct.unpack_from("<II", entry.ljust(at + head + 4, b"\0"), at + head - 4)
    return length, rank, head


def _goes_round(heap: bytes, file_size: int) -> bool:
    """Whether one of the entries of a heap leads to itself."""
    (length,) = struct.unpack_from("<Q", heap.ljust(16, b"\0"), 8)
    if not _SMALLEST <= length <= file_size:
        return False  # HDF5 says so itself
    at = 16
    while at + _OBJECT.size <= min(length, len(heap)):
        index, _, _, size = _OBJECT.unpack_from(heap, at)
        step = size if index == 0 else _OBJECT.size + -(-size // 8) * 8
        if step == 0 or _is_impossible(heap[at + _OBJECT.size : at + _OBJECT.size + size] if index else b""):
            return True
        at += step
    return False
