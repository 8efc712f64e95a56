"""A grain's spots as projections on an ideal detector: v along the axis, pixels as large as voxels.

The ideal plane is perpendicular to the beam through the grain's centre. What a pixel of the real detector sees
came along the diffracted beam, so it lies on the ideal plane at a place that is linear in row and col, whatever
the tilt. Where the real detector is not tilted and voxels are pixels, pixels fall on pixels and nothing is blurred.
"""

from typing import NamedTuple

import numpy as np

from friedel.kernels.reconstruct import spot_projections
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable
from friedel.model.shapes import Grid
from friedel.reconstruct.rays import Rays


class BlobsByFrame:
    """All blobs of a scan, rejected ones too, in an order in which those of some frames are quickly found."""

    def __init__(self, blobs: BlobTable) -> None:
        names = ("frame_start", "frame_stop", "row_start", "row_stop", "col_start", "col_stop")
        self.box = np.column_stack([blobs.columns[name] for name in names]).astype(np.int64)
        self.order = np.argsort(self.box[:, 0], kind="stable")
        self.longest = int(np.max(self.box[:, 1] - self.box[:, 0], initial=0))
        self.turn = blobs.shape[0] if blobs.wrapped else 0
        voxels = blobs.voxels
        self.pointer = np.asarray(voxels.pointer, dtype=np.int64)
        self.voxels = (voxels.frame, voxels.row, voxels.col)
        self.intensity = voxels.intensity
        self.detector = blobs.shape[1:]


class VoxelBox(NamedTuple):
    """The voxels of a grain: index of the first edge on the grid (x, y, z), number of voxels (x, y, z), and the
    radius about the vertical through the grain's centre beyond which there is nothing (in voxels)."""

    start: Indices
    size: Indices
    radius: float


class Projections(NamedTuple):
    """`image` float32 (n,u,v) and `known` float32 (n,u,v) 0 or 1; `slope` (n,2,2), `offset` (n,2) as the projector
    takes them (kernels.reconstruct.projectors), for voxels of the box."""

    image: AnyArray
    known: AnyArray
    slope: Floats
    offset: Floats


def ideal_slopes(rays: Rays) -> Floats:
    """How y' and z' on the ideal plane change with x and y of the sample frame: (n,2,2)."""
    c, s = np.cos(rays.omega), np.sin(rays.omega)
    iy, iz = rays.k[:, 1] / rays.k[:, 0], rays.k[:, 2] / rays.k[:, 0]
    return np.moveaxis(np.array([[s - c * iy, c + s * iy], [-c * iz, s * iz]]), -1, 0)


def to_detector(rays: Rays, plane: Floats) -> Floats:
    """How row and col change with y' and z' on the ideal plane, along each beam: (n,2,2) in px/um."""
    _, normal, dual_u, dual_v = plane
    out = np.empty((len(rays.k), 2, 2))
    for axis in (0, 1):
        step = np.zeros((len(rays.k), 3))
        step[:, 1 + axis] = 1.0
        step -= ((step @ normal) / (rays.k @ normal))[:, None] * rays.k
        out[:, 0, axis], out[:, 1, axis] = step @ dual_v, step @ dual_u
    return out


def extents(rays: Rays, blobs: BlobTable, plane: Floats) -> Floats:
    """How far each blob reaches from where the grain's centre should fall: |y'|, |z'| (n,2) in um."""
    back = np.linalg.inv(to_detector(rays, plane))
    reach = np.zeros((len(rays.blob), 2))
    for row_name in ("row_start", "row_stop"):
        for col_name in ("col_start", "col_stop"):
            away = np.column_stack(
                [
                    blobs[row_name][rays.blob] - 0.5 - rays.row,
                    blobs[col_name][rays.blob] - 0.5 - rays.col,
                ]
            )
            reach = np.maximum(reach, np.abs(np.einsum("nij,nj->ni", back, away)))
    return reach


def make_voxel_box(centre_um: Floats, reach_um: Floats, grid: Grid) -> VoxelBox:
    """The voxels that a grain can fill: within reach (across, up) of its centre."""
    reach = np.array([reach_um[0], reach_um[0], reach_um[1]])
    start = np.floor(centre_um / grid.voxel_um - np.array(grid.phase) - reach / grid.voxel_um).astype(np.int64)
    stop = np.ceil(centre_um / grid.voxel_um - np.array(grid.phase) + reach / grid.voxel_um).astype(np.int64)
    return VoxelBox(start, stop - start, float(reach_um[0] / grid.voxel_um))


class Windows(NamedTuple):
    """Where a grain's blobs are read: windows of the detector with first pixel `corner` (n,2) and `shape` (n, rows,
    cols), and the ideal pixels (u, v) in them by `affine` (n,2,3), `size` of them, each the mean of `samples`
    squared readings. `known` bool (n,row,col) are pixels that no other blob owns."""

    corner: Indices
    shape: tuple[int, ...]
    affine: Floats
    size: tuple[int, int]
    samples: int
    known: AnyArray

    def read(self, images: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Images float32 (n,row,col) at the ideal pixels, and which of these are known: float32 (n,u,v) both."""
        image, weight = (np.empty((len(images), *self.size), dtype=np.float32) for _ in range(2))
        spot_projections.resample(images, self.known, self.affine, self.samples, image, weight)
        return image, weight


def project_blobs(
    rays: Rays, blobs_by_frame: BlobsByFrame, plane: Floats, centre_um: Floats, box: VoxelBox, grid: Grid
) -> tuple[Projections, Windows]:
    """The grain's blobs on the ideal detector, and where they were read."""
    jacobian = to_detector(rays, plane) * grid.voxel_um
    slope = ideal_slopes(rays)
    half_u = int(np.ceil(box.radius + 2))
    half_v = int(
        np.ceil(0.5 * box.size[2] + box.radius * float(np.abs(np.linalg.norm(slope[:, 1], axis=1)).max()) + 2)
    )
    near = np.column_stack([np.rint(rays.row), np.rint(rays.col)])
    centre = np.column_stack([rays.row, rays.col])
    # the pixel next to the centre falls on a pixel of the ideal detector
    anchor = np.array([half_u, half_v]) - np.einsum("nij,nj->ni", np.linalg.inv(jacobian), near - centre)
    anchor = np.where(np.abs(anchor - np.rint(anchor)) > 0.5 - 1e-9, np.round(anchor, 6), anchor)
    first_um = grid.corner_um(box.start) + 0.5 * grid.voxel_um - centre_um
    offset = np.einsum("nij,j->ni", slope, first_um[:2] / grid.voxel_um) + anchor
    offset[:, 1] += first_um[2] / grid.voxel_um
    reach = np.abs(jacobian).max(axis=0) @ np.array([half_u + 1.5, half_v + 1.5])
    half_window = np.ceil(reach).astype(np.int64) + 1
    corner = near.astype(np.int64) - half_window
    affine = np.concatenate([jacobian, (centre - corner)[:, :, None]], axis=2)
    affine[:, :, 2] -= np.einsum("nij,nj->ni", jacobian, anchor)
    samples = max(1, int(np.ceil(np.linalg.norm(jacobian, axis=1).max() - 0.01)))
    shape = (len(rays.blob), *(2 * half_window + 1).tolist())
    known = _known(rays, blobs_by_frame, corner, shape)
    windows = Windows(corner, shape, affine, (2 * half_u + 1, 2 * half_v + 1), samples, known)
    images = np.zeros(shape, dtype=np.float32)
    _, row, col = blobs_by_frame.voxels
    spot_projections.sum_over_frames(
        rays.blob, corner, blobs_by_frame.pointer, row, col, blobs_by_frame.intensity, images
    )
    image, weight = windows.read(images)
    return Projections(image, weight, slope, offset), windows


def _known(rays: Rays, blobs_by_frame: BlobsByFrame, corner: Indices, shape: tuple[int, ...]) -> AnyArray:
    """Pixels of windows that are on the detector and that no other blob claimed in the blob's frames."""
    known = np.ones(shape, dtype=np.bool_)
    spot_projections.mark_outside(corner, *blobs_by_frame.detector, known)
    spot_projections.claimed_by_others(
        rays.blob, corner, blobs_by_frame.box, blobs_by_frame.order, blobs_by_frame.longest, blobs_by_frame.turn,
        blobs_by_frame.pointer, blobs_by_frame.voxels, known,
    )  # fmt: skip
    return known
