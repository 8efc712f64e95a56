"""The whole scan in one picture: the brightest voxel of every pixel, coloured by when it fired."""

from collections.abc import Iterator

import numpy as np

from friedel.model.arrays import AnyArray
from friedel.model.blobs import BlobTable
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel
from friedel.reporter.pictures import colour_ramp, draw_box, label_pixels, ramp_of, show_image
from friedel.reporter.svg_figure import ON_IMAGE_BOX, TURN_MAP, SvgFigure

VOXELS_AT_A_TIME = 1 << 20


def projection_panel(inputs: ReportInputs) -> Panel | None:
    """Maximum projection of all kept blobs along the rotation; colour is omega."""
    blobs = inputs.blobs
    if blobs is None or not len(blobs):
        return None
    brightest, when = maximum_projection(blobs)
    frames = blobs.shape[0]
    top = float(np.percentile(brightest[brightest > 0], 97))
    level = np.arcsinh(np.clip(brightest / top, 0, 1) * 6) / np.arcsinh(6)
    colour = TURN_MAP((when + 0.5) / frames)[..., :3] * (0.12 + 0.88 * level[..., None])
    colour = np.where(brightest[..., None] > 0, colour, np.array([0.02, 0.027, 0.05]))
    with SvgFigure(600, 600 * blobs.shape[1] / blobs.shape[2] + 60, crop=True) as sheet:
        axes = sheet.axes()[0]
        show_image(axes, colour, pool="max")
        label_pixels(axes)
        if inputs.beam is not None:
            draw_box(axes, inputs.beam, ON_IMAGE_BOX, dashed=True)
        first, last = (blobs.omega_start_deg + f * blobs.omega_step_deg for f in (0, frames))
        colour_ramp(sheet, axes, ramp_of(TURN_MAP, first, last), "omega / deg")
    return Panel(
        "Every spot of the scan",
        f"Maximum over all {frames} frames of what belongs to the {len(blobs):,} kept blobs; the colour says at "
        "which omega. Spots of one reflection family lie on a ring around the beam. Good: crisp single-coloured "
        "spots, evenly around. Bad: arcs or patches of one colour (glow that was not removed), empty sides.",
        sheet.picture,
        span=4,
    )


def parts(blobs: BlobTable) -> Iterator[slice]:
    """The voxels of the kept blobs, some at a time: what is made of them all at once would double the memory."""
    count = int(blobs.voxels.pointer[len(blobs)])
    for start in range(0, count, VOXELS_AT_A_TIME):
        yield slice(start, min(start + VOXELS_AT_A_TIME, count))


def maximum_projection(blobs: BlobTable) -> tuple[AnyArray, AnyArray]:
    """Brightest kept voxel of each pixel [row, col] in counts, 0 for none, and its frame."""
    voxels = blobs.voxels
    brightest, when = np.zeros((2, blobs.shape[1] * blobs.shape[2]), np.float32)

    def pixels(here: slice) -> AnyArray:
        return voxels.row[here].astype(np.int64) * blobs.shape[2] + voxels.col[here]

    for here in parts(blobs):
        np.maximum.at(brightest, pixels(here), voxels.intensity[here])
    for here in parts(blobs):
        pixel = pixels(here)
        first = voxels.intensity[here] == brightest[pixel]
        when[pixel[first]] = voxels.frame[here][first]
    return brightest.reshape(blobs.shape[1:]), when.reshape(blobs.shape[1:])
