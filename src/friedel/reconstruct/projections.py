"""A grain's spots as projections on an ideal detector: v along the axis, pixels as large as voxels.

The ideal plane is perpendicular to the beam through the grain's centre. What a pixel of the real detector sees
came along the diffracted beam, so it lies on the ideal plane at a place that is linear in row and col, whatever
the tilt. Where the real detector is not tilted and voxels are pixels, pixels fall on pixels and nothing is blurred.
"""

from typing import NamedTuple

import numpy as np

from friedel.kernels.reconstruct import spot_projections
from friedel.model.arrays import AnyArray, Floats, Indices, Mask
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


class IdealDetectors(NamedTuple):
    """Ideal detectors of a grain's spots: `size` (2,) pixels u, v; the grain's centre falls on `anchor` (n,2) there
    and on `centre` (n,2) row, col of the real one; `jacobian` (n,2,2) how row and col change with u and v; `slope`
    (n,2,2), `offset` (n,2) of the projector."""

    size: tuple[int, int]
    anchor: Floats
    centre: Floats
    jacobian: Floats
    slope: Floats
    offset: Floats

    @property
    def to_ideal(self) -> Floats:
        """u, v from (row, col, 1): (n,2,3)."""
        back = np.linalg.inv(self.jacobian)
        return np.concatenate(
            [back, (self.anchor - np.einsum("nij,nj->ni", back, self.centre))[:, :, None]], axis=2
        )

    def windows(self) -> tuple[Indices, tuple[int, int]]:
        """First row and col (n,2) of the window that each ideal detector needs of the real one, and their size."""
        reach = np.abs(self.jacobian).max(axis=0, initial=0.0) @ (0.5 * np.array(self.size) + 1.0)
        half = np.ceil(reach).astype(np.int64) + 1
        return np.rint(self.centre).astype(np.int64) - half, (int(2 * half[0] + 1), int(2 * half[1] + 1))


def lay_out(rays: Rays, plane: Floats, centre_um: Floats, box: VoxelBox, grid: Grid) -> IdealDetectors:
    """Ideal detectors that hold all of a box, for spots whose rays start at a grain's centre."""
    voxel = grid.voxel_um
    slope = ideal_slopes(rays)
    jacobian = to_detector(rays, plane) * voxel
    half = 0.5 * box.size
    half_u = int(np.ceil(box.radius + 2))
    half_v = int(np.ceil(half[2] + box.radius * float(np.abs(np.linalg.norm(slope[:, 1], axis=1)).max()) + 2))
    near = np.column_stack([np.rint(rays.row), np.rint(rays.col)])
    centre = np.column_stack([rays.row, rays.col])
    # the pixel next to the centre falls on a pixel of the ideal detector
    anchor = np.array([half_u, half_v]) - np.einsum("nij,nj->ni", np.linalg.inv(jacobian), near - centre)
    anchor = np.where(np.abs(anchor - np.rint(anchor)) > 0.5 - 1e-9, np.round(anchor, 6), anchor)
    first_um = grid.corner_um(box.start) + 0.5 * voxel - centre_um
    offset = np.einsum("nij,j->ni", slope, first_um[:2] / voxel) + anchor
    offset[:, 1] += first_um[2] / voxel
    return IdealDetectors((2 * half_u + 1, 2 * half_v + 1), anchor, centre, jacobian, slope, offset)


def project_blobs(
    rays: Rays, blobs_by_frame: BlobsByFrame, plane: Floats, centre_um: Floats, box: VoxelBox, grid: Grid
) -> Projections:
    """The grain's blobs on the ideal detector."""
    layout = lay_out(rays, plane, centre_um, box, grid)
    corner, window = layout.windows()
    images = np.zeros((len(rays.blob), *window), dtype=np.float32)
    known = np.ones(images.shape, dtype=np.bool_)
    spot_projections.sum_over_frames(
        rays.blob,
        corner,
        blobs_by_frame.pointer,
        blobs_by_frame.voxels[1],
        blobs_by_frame.voxels[2],
        blobs_by_frame.intensity,
        images,
    )
    spot_projections.mark_outside(corner, *blobs_by_frame.detector, known)
    spot_projections.claimed_by_others(
        rays.blob,
        corner,
        blobs_by_frame.box,
        blobs_by_frame.order,
        blobs_by_frame.longest,
        blobs_by_frame.turn,
        blobs_by_frame.pointer,
        blobs_by_frame.voxels,
        known,
    )
    image, weight = on_ideal_detector(layout, corner, images, known)
    return Projections(image, weight, layout.slope, layout.offset)


def on_ideal_detector(
    layout: IdealDetectors, corner: Indices, images: AnyArray, known: Mask
) -> tuple[AnyArray, AnyArray]:
    """Windows [n,row,col] read at the pixels of ideal detectors: image and weight float32 (n,u,v)."""
    jacobian = layout.jacobian
    affine = np.concatenate([jacobian, (layout.centre - corner)[:, :, None]], axis=2)
    affine[:, :, 2] -= np.einsum("nij,nj->ni", jacobian, layout.anchor)
    samples = max(1, int(np.ceil(np.linalg.norm(jacobian, axis=1).max() - 0.01)))
    image, weight = (np.empty((len(images), *layout.size), dtype=np.float32) for _ in range(2))
    spot_projections.resample(images, known, affine, samples, image, weight)
    return image, weight
