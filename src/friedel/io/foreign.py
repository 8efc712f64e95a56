"""Bytes that others wrote: whatever a library raises while it parses them becomes one of our errors, here alone.

Every reader of a file parses inside `parsing` (HDF5 inside `opened`, which is the same): the error names the file,
and no reader needs to know what h5py, tifffile, fabio, numpy or a codec raise on bytes that are damaged or lie.
"""

import logging
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from friedel.errors import CapacityError, FriedelError, ScanError

MOST_FRAMES, MOST_FRAME_BYTES = 10_000_000, 1 << 32
SMALL_BYTES = 1 << 26
"""Numbers that are read whatever their file stores of them: memory for them is there."""
MOST_COMPRESSED = 2000
"""No codec makes large data smaller than by this: deflate, the tightest, ends at 1032."""
for _library in ("tifffile", "fabio"):  # what they log about a damaged file is said in one line of ours
    logging.getLogger(_library).addHandler(logging.NullHandler())
_OF_THE_LIBRARY = ("Can't ", "Unable to ", "Unspecified error")
_LONGEST = 200


@contextmanager
def parsing(
    what: str | Path,
    error: type[FriedelError] = ScanError,
    *,
    rule: str = "cannot be read",
    way_out: str = "",
) -> Iterator[None]:
    """Raise `error` that names `what` for anything that goes wrong inside the block.

    Errors of ours pass; those of a noun that was built from the bytes, which know no file, get its name. What asks
    for more memory than there is becomes a `CapacityError`.
    """
    try:
        yield
    except MemoryError as cause:
        raise CapacityError(
            str(what), rule="needs more memory than there is", got=message_of(cause), way_out="is it damaged?"
        ) from cause
    except FriedelError as cause:
        if type(cause) is not FriedelError:
            raise
        raise error(str(what), rule=rule, got=cause, way_out=way_out) from cause
    except Warning:  # an error only where somebody made it one
        raise
    except Exception as cause:
        raise error(str(what), rule=rule, got=message_of(cause), way_out=way_out) from cause


def message_of(error: Exception) -> str:
    """What a library's text means to a reader of one line; h5py's name the library's functions."""
    text = str(error.args[0]) if error.args and isinstance(error, KeyError) else str(error)
    if isinstance(error, RecursionError):
        return "more levels than anybody writes"
    if isinstance(error, KeyError) and text.startswith(_OF_THE_LIBRARY):
        missing = re.search(r"'([^']+)'", text.replace("Can't", "").replace("can't", ""))
        return f"no {missing[1]!r} in it" if missing else "an entry is missing"
    system = re.search(r"error message = '([^']+)'", text)
    if system:
        return system[1][0].lower() + system[1][1:]
    if "filter" in text:
        return "data that cannot be decompressed"
    own = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    if own.startswith(_OF_THE_LIBRARY):
        return "data that cannot be read"
    return own if len(own) <= _LONGEST else own[: _LONGEST - 3] + "..."


def check_size(shape: Sequence[int], dtype: Any, path: str | Path) -> None:
    """Raise `ValueError` for an image that its file cannot hold: a header may say anything, and memory is taken.

    `shape` and `dtype` are the header's.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > SMALL_BYTES and size > MOST_COMPRESSED * Path(path).stat().st_size:
        raise ValueError(f"an image of {' × '.join(map(str, shape))}, which is not in the file")


def check_frames(shape: Sequence[int], dtype: Any, name: str) -> None:
    """Raise `ScanError` for more or larger frames than any detector writes: a shape costs nothing to claim."""
    frames, *image = shape
    if frames > MOST_FRAMES or math.prod(image) * np.dtype(dtype).itemsize > MOST_FRAME_BYTES:
        rule = f"must hold at most {MOST_FRAMES} frames of {MOST_FRAME_BYTES} bytes each"
        raise ScanError(name, rule=rule, got=f"{dtype} of shape {tuple(shape)}", way_out="is it damaged?")
