"""The truth of a simulation: blobs, grains and volume in one file, each as in the files of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from friedel.errors import InputError
from friedel.io.blob_store import read_blobs_group, write_blobs_group
from friedel.io.grain_store import read_grains_group, write_grains_group
from friedel.io.h5_output import h5_output
from friedel.io.hdf5_file import opened
from friedel.io.volume_store import read_volume_group, write_volume_group
from friedel.model.truth import Truth


def write_truth(path: str | Path, truth: Truth, attributes: Mapping[str, Any] | None = None) -> None:
    """Write `SCAN.truth.h5`: blobs as in `blobs.h5`, /grains and /VTKHDF; `attributes` go to the root.

    Raises `OutputError`.
    """
    with h5_output(path) as output:
        file = output.file
        write_blobs_group(file, truth.blobs, attributes)
        if truth.grains is not None:
            write_grains_group(file, truth.grains)
        if truth.volume is not None:
            write_volume_group(file, truth.volume)


def read_truth(path: str | Path) -> Truth:
    """Read what `write_truth` wrote. Raises `InputError` that names the file when it is not one of ours."""
    with opened(path, InputError, rule="is not a truth file") as file:
        blobs = read_blobs_group(file)
        grains = read_grains_group(file["grains"]) if "grains" in file else None
        volume = read_volume_group(file["VTKHDF"]) if "VTKHDF" in file else None
        return Truth(blobs, grains, volume)
