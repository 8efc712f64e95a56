"""Heaps of texts in an HDF5 file, looked at before HDF5 is: it goes round and round in a damaged one for ever.

Format: HDF5 File Format Specification, III.E "Disk Format: Level 1E - Global Heap".
"""

import struct
from pathlib import Path

_SIGNATURE = b"GCOL\x01\x00\x00\x00"
_LOOKED_AT = 4_000_000
"""Bytes at either end of a file, where the texts of its attributes and small datasets are."""
_SMALLEST = 4096
_OBJECT = struct.Struct("<HHIQ")


def check_heaps(path: Path) -> None:
    """Raise `ValueError` for a heap with an entry of no length, `OSError` where the file cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in {0, max(0, size - _LOOKED_AT)}:
            file.seek(start)
            data = file.read(_LOOKED_AT)
            at = data.find(_SIGNATURE)
            while at >= 0:
                if _goes_round(data[at : at + _LOOKED_AT], size):
                    raise ValueError("a heap of texts whose entries have no length")
                at = data.find(_SIGNATURE, at + 1)


def _goes_round(heap: bytes, file_size: int) -> bool:
    """Whether one of the entries of a heap leads to itself."""
    (length,) = struct.unpack_from("<Q", heap.ljust(16, b"\0"), 8)
    if not _SMALLEST <= length <= file_size:
        return False  # HDF5 says so itself
    at = 16
    while at + _OBJECT.size <= min(length, len(heap)):
        index, _, _, size = _OBJECT.unpack_from(heap, at)
        step = size if index == 0 else _OBJECT.size + -(-size // 8) * 8
        if step == 0:
            return True
        at += step
    return False
