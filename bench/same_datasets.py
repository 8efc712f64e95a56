"""Whether two folders hold the same HDF5 files: every dataset and attribute compared by its bytes.

    python -m bench.same_datasets BEFORE AFTER

For changes that must change no result: the same commands are run before and after, each into a folder of its own.
Exits with 1 where anything differs, and says what.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - frames of raw scans are compressed
import numpy as np


def contents(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Type, shape and bytes of every dataset and attribute of a file, by its name in it."""
    found = {}
    with h5py.File(path) as file:
        nodes: list[tuple[str, h5py.Group | h5py.Dataset]] = [("/", file)]
        file.visititems(lambda name, node: nodes.append((name, node)))
        for name, node in nodes:
            for key in node.attrs:
                found[f"{name}@{key}"] = plain(node.attrs[key])
            if isinstance(node, h5py.Dataset):
                found[name] = plain(node[()])
    return found


def plain(value: object) -> tuple[str, tuple[int, ...], bytes]:
    """Type, shape and bytes; objects (strings of any length) by what they say."""
    array = np.asarray(value)
    data = repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()
    return str(array.dtype), array.shape, data


def differences(before: Path, after: Path) -> Iterator[str]:
    """One line for each file, dataset or attribute that is not the same."""
    names = {p.relative_to(folder) for folder in (before, after) for p in folder.rglob("*.h5")}
    for name in sorted(names):
        one, other = before / name, after / name
        if not (one.exists() and other.exists()):
            yield f"{name}: only in {before if one.exists() else after}"
            continue
        a, b = contents(one), contents(other)
        different = [key for key in sorted({*a, *b}) if a.get(key) != b.get(key)]
        print(f"{name}: {len(a)} datasets and attributes, {len(different)} differ")
        yield from (f"{name}: {key}" for key in different)


if __name__ == "__main__":
    found = list(differences(*map(Path, sys.argv[1:3])))
    for line in found:
        print("DIFFERS", line)
    sys.exit(bool(found))
