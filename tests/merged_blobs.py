"""True spots that share voxels as one blob, as a segmentation finds them."""

from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from friedel.model.blobs import BlobTable, Voxels


def merged(spots: BlobTable) -> tuple[BlobTable, np.ndarray]:
    """The table with one blob for spots that have voxels in common, and the blob (n) of each spot."""
    voxels, n = spots.voxels, len(spots)
    key = np.ravel_multi_index((voxels.frame, voxels.row, voxels.col), spots.shape)
    owner = np.repeat(np.arange(n), np.diff(voxels.pointer))
    unique, first, place = np.unique(key, return_index=True, return_inverse=True)
    links = coo_array((np.ones(len(key)), (owner[first][place], owner)), shape=(n, n))
    blob = connected_components(links, directed=False)[1]
    counts = np.bincount(place, voxels.intensity)
    mine = blob[owner[first]]
    order = np.lexsort((unique, mine))
    pointer = np.searchsorted(mine[order], np.arange(blob.max() + 2))
    frame, row, col = np.unravel_index(unique[order], spots.shape)
    lead = np.unique(blob, return_index=True)[1]
    columns = {name: values[lead].copy() for name, values in spots.columns.items()}
    for name in ("frame", "row", "col"):
        np.minimum.at(columns[f"{name}_start"], blob, spots[f"{name}_start"])
        np.maximum.at(columns[f"{name}_stop"], blob, spots[f"{name}_stop"])
    total = np.bincount(blob, spots["sum_intensity"])
    for name in ("s_raw", "f_raw", "sc", "fc", "frame", "omega"):
        columns[name] = np.bincount(blob, spots[name] * spots["sum_intensity"]) / total
    columns |= {"sum_intensity": total, "Number_of_pixels": np.diff(pointer), "spot3d_id": np.arange(len(lead))}
    table = Voxels(pointer, frame, row, col, counts[order].astype(np.float32))
    return replace(spots, columns=columns, reason=spots.reason[lead], voxels=table, extra={}), blob
