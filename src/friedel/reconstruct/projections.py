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


class SpotLight(NamedTuple):
    """The voxels of a grain's spots (n): those of spot n have numbers from `pointer[rows[n]]` to
    `pointer[rows[n] + 1]` in `voxels` (frame, row, col) and `intensity`, and lie in `frames` (n) frames from
    `first` (n), unwrapped, on."""

    rows: Indices
    pointer: Indices
    voxels: tuple[AnyArray, ...]
    intensity: AnyArray
    first: Indices
    frames: Indices

    def images(self, windows: "Windows") -> AnyArray:
        """Sums over frames in windows: float32 (n,row,col)."""
        images = np.zeros(windows.shape, dtype=np.float32)
        _, row, col = self.voxels
        spot_projections.sum_over_frames(self.rows, windows.corner, self.pointer, row, col, self.intensity, images)
        return images


def light_of_blobs(rays: Rays, blobs_by_frame: BlobsByFrame) -> SpotLight:
    """Each spot's light is that of its blob."""
    first, stop = blobs_by_frame.box[rays.blob, :2].T
    return SpotLight(
        rays.blob, blobs_by_frame.pointer, blobs_by_frame.voxels, blobs_by_frame.intensity, first, stop - first
    )


class Windows(NamedTuple):
    """Where a grain's spots are read: windows of the detector with first pixel `corner` (n,2) and `shape` (n, rows,
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


class IdealDetectors(NamedTuple):
    """Ideal detectors of a grain's spots: `size` (2,) pixels u, v; the grain's centre falls on `anchor` (n,2) there
    and on `centre` (n,2) row, col of the real one; `jacobian` (n,2,2) how row and col change with u and v; `slope`
    (n,2,2), `offset` (n,2) of the projector (kernels.reconstruct.projectors), for voxels of the box."""

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

    def windows(self, detector: tuple[int, ...]) -> Windows:
        """The windows that they need of a detector (rows, cols); all pixels on it are known."""
        reach = np.abs(self.jacobian).max(axis=0, initial=0.0) @ (0.5 * np.array(self.size) + 1.0)
        half_window = np.ceil(reach).astype(np.int64) + 1
        corner = np.rint(self.centre).astype(np.int64) - half_window
        affine = np.concatenate([self.jacobian, (self.centre - corner)[:, :, None]], axis=2)
        affine[:, :, 2] -= np.einsum("nij,nj->ni", self.jacobian, self.anchor)
        samples = max(1, int(np.ceil(np.linalg.norm(self.jacobian, axis=1).max(initial=0.0) - 0.01)))
        known = np.ones((len(self.centre), *(2 * half_window + 1).tolist()), dtype=np.bool_)
        spot_projections.mark_outside(corner, *detector, known)
        return Windows(corner, known.shape, affine, self.size, samples, known)


class Projections(NamedTuple):
    """`image` float32 (n,u,v) and `known` float32 (n,u,v) 0 to 1; `slope` (n,2,2), `offset` (n,2) as the projector
    takes them; the `light` that they are of, and the `windows` that it was read in."""

    image: AnyArray
    known: AnyArray
    slope: Floats
    offset: Floats
    light: SpotLight
    windows: Windows


def lay_out(rays: Rays, plane: Floats, centre_um: Floats, box: VoxelBox, grid: Grid) -> IdealDetectors:
    """Ideal detectors that hold all of a box, for spots whose rays start at a grain's centre."""
    jacobian = to_detector(rays, plane) * grid.voxel_um
    slope = ideal_slopes(rays)
    half_u = int(np.ceil(box.radius + 2))
    lean = float(np.abs(np.linalg.norm(slope[:, 1], axis=1)).max(initial=0.0))
    half_v = int(np.ceil(0.5 * box.size[2] + box.radius * lean + 2))
    near = np.column_stack([np.rint(rays.row), np.rint(rays.col)])
    centre = np.column_stack([rays.row, rays.col])
    # the pixel next to the centre falls on a pixel of the ideal detector
    anchor = np.array([half_u, half_v]) - np.einsum("nij,nj->ni", np.linalg.inv(jacobian), near - centre)
    anchor = np.where(np.abs(anchor - np.rint(anchor)) > 0.5 - 1e-9, np.round(anchor, 6), anchor)
    first_um = grid.corner_um(box.start) + 0.5 * grid.voxel_um - centre_um
    offset = np.einsum("nij,j->ni", slope, first_um[:2] / grid.voxel_um) + anchor
    offset[:, 1] += first_um[2] / grid.voxel_um
    return IdealDetectors((2 * half_u + 1, 2 * half_v + 1), anchor, centre, jacobian, slope, offset)


def project_blobs(
    rays: Rays, blobs_by_frame: BlobsByFrame, plane: Floats, centre_um: Floats, box: VoxelBox, grid: Grid
) -> Projections:
    """The grain's blobs on the ideal detector; pixels that no other blob claimed in the blob's frames are known."""
    layout = lay_out(rays, plane, centre_um, box, grid)
    windows = layout.windows(blobs_by_frame.detector)
    spot_projections.claimed_by_others(
        rays.blob, windows.corner, blobs_by_frame.box, blobs_by_frame.order, blobs_by_frame.longest,
        blobs_by_frame.turn, blobs_by_frame.pointer, blobs_by_frame.voxels, windows.known,
    )  # fmt: skip
    light = light_of_blobs(rays, blobs_by_frame)
    image, weight = windows.read(light.images(windows))
    return Projections(image, weight, layout.slope, layout.offset, light, windows)
