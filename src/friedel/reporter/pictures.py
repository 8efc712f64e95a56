"""Images of the detector: drawn in its pixels, no larger than a page can show, with what lies on top of them."""

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import AsinhNorm, Colormap, Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from friedel.model.arrays import AnyArray
from friedel.model.scan import Box
from friedel.reporter.svg_figure import SvgFigure, plain_numbers

MOST_PIXELS = 760
Pool = Literal["mean", "max"]


def show_image(
    axes: Axes, image: AnyArray, *, pool: Pool = "mean", origin: tuple[int, int] = (0, 0), **how: Any
) -> AxesImage:
    """Draw an image [row, col] or [row, col, colour] in pixels of the detector, pooled to what a page can show.

    `origin` is the (row, col) of its first pixel.
    """
    small = pooled(image, pool)
    rows, cols = (small.shape[axis] * pool_factor(image.shape[axis]) for axis in (0, 1))
    row, col = origin
    axes.grid(visible=False)
    axes.tick_params(length=2.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    box = (col - 0.5, col + cols - 0.5, row + rows - 0.5, row - 0.5)
    return axes.imshow(small, extent=box, interpolation="none", **how)


def label_pixels(axes: Axes) -> None:
    """Say that the axes are the detector's columns and rows."""
    axes.set_xlabel("column")
    axes.set_ylabel("row")


def pool_factor(size: int) -> int:
    """How many pixels along one side become one."""
    return -(-size // MOST_PIXELS)


def pooled(image: AnyArray, pool: Pool = "mean") -> AnyArray:
    """Blocks of pixels as one, so that no side is above `MOST_PIXELS`; incomplete blocks at the end are cut."""
    down, across = (pool_factor(size) for size in image.shape[:2])
    if down == across == 1:
        return image
    rows, cols = image.shape[0] // down, image.shape[1] // across
    blocks = image[: rows * down, : cols * across].reshape(rows, down, cols, across, *image.shape[2:])
    return np.asarray(blocks.max(axis=(1, 3)) if pool == "max" else blocks.mean(axis=(1, 3)))


def stretched(low: float, high: float, knee: float) -> AsinhNorm:
    """A scale that is linear up to `knee` and logarithmic above, so that weak and strong spots both show."""
    return AsinhNorm(linear_width=max(knee, 1e-3), vmin=low, vmax=max(high, low + 1e-3))


def colour_ramp(
    sheet: SvgFigure, axes: Axes | list[Axes], shown: ScalarMappable, label: str, *, length: float = 0.5
) -> None:
    """A slim colour bar below one or several axes."""
    bar = sheet.figure.colorbar(shown, ax=axes, location="bottom", shrink=length, aspect=70 * length, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2.5)
    bar.set_label(label)
    low, high = shown.get_clim()
    if isinstance(shown.norm, AsinhNorm):
        bar.set_ticks(round_numbers(low, high), minor=False)
        bar.minorticks_off()
    bar.ax.xaxis.set_major_formatter(plain_numbers())


def round_numbers(low: float, high: float) -> list[float]:
    """Powers of ten between the limits, with zero, and those times 2 and 5 where they are few."""
    magnitudes = [10.0**n for n in range(-3, 10) if low <= 10.0**n <= high]
    if len(magnitudes) < 3:
        magnitudes = [step * 10.0**n for n in range(-3, 10) for step in (1, 2, 5) if low <= step * 10.0**n <= high]
    zero = [0.0] if low <= 0 <= high else []
    return zero + [value for value in magnitudes if value >= 0.04 * high or low > 0][-4:]


def ramp_of(colours: Colormap, low: float, high: float) -> ScalarMappable:
    """What a colour bar shows when the picture's colours were made by hand."""
    return ScalarMappable(Normalize(low, high), colours)


def draw_box(axes: Axes, box: Box, colour: str, *, dashed: bool = False) -> None:
    """A half-open box of the detector, around its pixels."""
    corner = (box.col0 - 0.5, box.row0 - 0.5)
    size = box.col1 - box.col0, box.row1 - box.row0
    style = (0, (4, 3)) if dashed else "solid"
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=1.3, linestyle=style))
