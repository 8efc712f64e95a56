"""Our HDF5 files: their writers and readers, in one place to import from."""

from friedel.io.atomic import atomic
from friedel.io.blob_store import count_blobs, read_attributes, read_blobs, write_blobs
from friedel.io.grain_store import (
    forget_description,
    read_description,
    read_grains,
    read_indexed_volumes,
    write_grains,
    write_grains_group,
)
from friedel.io.pair_store import read_pairs, write_pairs
from friedel.io.truth_store import read_truth, write_truth
from friedel.io.volume_store import read_volume, write_volume, write_volume_group
from friedel.io.writers import BackgroundWriter, CleanWriter, RawWriter, write_background

__all__ = [
    "BackgroundWriter",
    "CleanWriter",
    "RawWriter",
    "atomic",
    "count_blobs",
    "forget_description",
    "read_attributes",
    "read_blobs",
    "read_description",
    "read_grains",
    "read_indexed_volumes",
    "read_pairs",
    "read_truth",
    "read_volume",
    "write_background",
    "write_blobs",
    "write_grains",
    "write_grains_group",
    "write_pairs",
    "write_truth",
    "write_volume",
    "write_volume_group",
]
