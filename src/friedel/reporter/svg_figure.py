"""How the pictures look: one palette, and figures that become SVG whose colours follow the page.

Colours are placeholders while drawing; in the SVG they become CSS variables, so that one picture serves light
and dark pages. Images inside a figure are re-encoded as WebP, which is several times smaller.
"""

import base64
import io
import re
import threading
from types import TracebackType
from typing import Any, Self

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.colors import LinearSegmentedColormap, to_rgb, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from PIL import Image as PillowImage

from friedel.model.arrays import Floats, Indices
from friedel.reporter.picture import Picture

INK, SOFT, LINE, CARD = "#010101", "#020202", "#030303", "#040404"
BLUE, WARM, TEAL = "#050505", "#060606", "#070707"
_VARIABLES = {
    INK: "--ink", SOFT: "--soft", LINE: "--line", CARD: "--card", BLUE: "--blue", WARM: "--warm", TEAL: "--teal",
}  # fmt: skip
_ON_PAPER = {
    INK: "#16202b", SOFT: "#55606c", LINE: "#d8d8d4", CARD: "#ffffff", BLUE: "#1a63b5", WARM: "#b85505",
    TEAL: "#0c7c78",
}  # fmt: skip
"""What stands for the placeholders in a figure that is saved."""
_COLOURED: dict[Any, tuple[str, ...]] = {
    Line2D: ("color", "markerfacecolor", "markeredgecolor"),
    Text: ("color",),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
}
_PNG_DPI = 120
_LEVELS_OFF = 3
"""Of 255, what nobody sees."""
ON_IMAGE_BOX, ON_IMAGE_MARGIN, ON_IMAGE_BLOB = "#ff6fb1", "#ffb454", "#5ce1e6"
"""Overlays on images, which are dark on either page."""

FRAME_MAP = LinearSegmentedColormap.from_list(
    "frame", ["#05070d", "#16233f", "#2f4f7f", "#7d8fae", "#d9cfc0", "#fff8ea"]
)
TURN_MAP = LinearSegmentedColormap.from_list("turn", ["#4da3ff", "#f5f0e6", "#ff9a3c", "#a873d9", "#4da3ff"])
DRIFT_MAP = LinearSegmentedColormap.from_list("drift", ["#4da3ff", "#12151b", "#ff9a3c"])
"""Colours that people with colour-blindness tell apart (blue and orange, never red and green)."""

_SETTINGS = {
    "svg.fonttype": "none", "svg.hashsalt": "friedel", "font.family": "sans-serif", "font.size": 12,
    "axes.edgecolor": SOFT, "axes.labelcolor": INK, "axes.linewidth": 0.7, "axes.labelsize": 12,
    "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT,
    "xtick.labelsize": 11, "ytick.labelsize": 11, "text.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.color": LINE, "grid.linewidth": 0.7,
    "axes.axisbelow": True, "legend.frameon": True, "legend.facecolor": CARD, "legend.edgecolor": "none",
    "legend.framealpha": 0.85, "legend.fontsize": 11, "path.simplify_threshold": 0.3,
    "axes.titlesize": 12,
}  # fmt: skip
_drawing = threading.RLock()
"""matplotlib keeps its settings for the whole process; two reports at a time take turns."""


class SvgFigure:
    """A figure under way: `with SvgFigure(width, height) as sheet: axes = sheet.axes()[0] ...`; `sheet.picture`.

    `width` and `height` are in units of the page's pixels at its full size; `crop` cuts off what stays empty,
    for images, whose shape is given.
    """

    def __init__(self, width: float, height: float, *, crop: bool = False) -> None:
        self._size = width / 72, height / 72
        self._crop = crop
        self.picture: Picture

    def __enter__(self) -> Self:
        _drawing.acquire()
        self._context = mpl.rc_context(_SETTINGS)
        self._context.__enter__()
        layout = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05, wspace=0.04, hspace=0.05)
        self.figure = Figure(figsize=self._size, layout=layout)
        FigureCanvasAgg(self.figure)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.picture = _picture(self.figure, crop=self._crop)
        finally:
            self._context.__exit__(None, None, None)
            _drawing.release()

    def axes(self, rows: int = 1, cols: int = 1, **options: Any) -> list[Axes]:
        """A grid of axes in reading order."""
        return list(np.ravel(self.figure.subplots(rows, cols, **options)))


def short(value: float) -> str:
    """A number as people read it: 950, 1.2k, 36M."""
    for limit, divisor, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= limit:
            return f"{value / divisor:.3g}{unit}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def plain_numbers() -> FuncFormatter:
    """Tick labels without powers of ten."""
    return FuncFormatter(lambda value, _: short(value))


def _picture(figure: Figure, *, crop: bool) -> Picture:
    """Lines and text are saved as SVG, images as PNG: not every program reads those in an SVG."""
    svg = _svg(figure, crop=crop)
    figure.set_layout_engine("none")  # it stays as it is laid out
    inside = svg
    for placeholder, variable in _VARIABLES.items():
        inside = inside.replace(placeholder, f"var({variable})")
    if "<image" in svg:
        return Picture(inside, _png(figure, crop=crop), "png")
    return Picture(inside, _on_paper(svg), "svg")


def _on_paper(svg: str) -> bytes:
    """A file of its own: with a size, a type, a ground and colours."""
    for placeholder, colour in _ON_PAPER.items():
        svg = svg.replace(placeholder, colour)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    size = f' width="{box[1]}pt" height="{box[2]}pt"' if box else ""
    head = f'<svg{size} font-family="Helvetica, Arial, sans-serif"'
    svg = svg.replace("<svg", head, 1).replace(">", '><rect width="100%" height="100%" fill="#ffffff"/>', 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}\n'.encode()


def _png(figure: Figure, *, crop: bool) -> bytes:
    _recolour(figure)
    drawn, target = io.BytesIO(), io.BytesIO()
    figure.savefig(
        drawn,
        format="png",
        dpi=_PNG_DPI,
        facecolor="white",
        bbox_inches="tight" if crop else None,
        pad_inches=0.03,
        pil_kwargs={"compress_level": 0},
    )
    image = PillowImage.open(drawn).convert("RGB")
    indexed = image.quantize(256)  # half as large, and the same where one colour map has drawn it
    some = np.s_[::3, ::3]
    off = np.abs(np.asarray(indexed.convert("RGB"))[some].astype(int) - np.asarray(image)[some]).max(axis=-1)
    (indexed if np.percentile(off, 99) <= _LEVELS_OFF else image).save(target, "PNG", compress_level=5)
    return target.getvalue()


def _recolour(figure: Figure) -> None:
    """Put the colours of paper in place of the placeholders, in everything that is drawn."""
    known = {
        _levels(np.array(to_rgb(placeholder))).item(): to_rgb(colour) for placeholder, colour in _ON_PAPER.items()
    }
    for artist in figure.findobj():
        for name in next((names for kind, names in _COLOURED.items() if isinstance(artist, kind)), ()):
            rgba = to_rgba_array(getattr(artist, f"get_{name}")())
            levels = _levels(rgba[:, :3])
            for placeholder in known.keys() & set(levels.tolist()):
                rgba[levels == placeholder, :3] = known[placeholder]
                getattr(artist, f"set_{name}")(rgba if isinstance(artist, Collection) else tuple(rgba[0]))


def _levels(rgb: Floats) -> Indices:
    """A colour (...,3) of 0..1 as one number, 0xRRGGBB."""
    return np.asarray(np.rint(255 * rgb).astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]))


def _svg(figure: Figure, *, crop: bool) -> str:
    target = io.StringIO()
    plain = {"Date": None, "Creator": None}  # the same picture is the same text
    figure.savefig(
        target,
        format="svg",
        transparent=True,
        metadata=plain,
        bbox_inches="tight" if crop else None,
        pad_inches=0.03,
    )
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) (?:width="[^"]*pt"|height="[^"]*pt")', r"\1", text)
    text = re.sub(r'(<svg[^>]*?) (?:width="[^"]*pt"|height="[^"]*pt")', r"\1", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text)
    text = re.sub(r'data:image/png;base64,\s*([^"]+)"', _as_webp, text)
    return re.sub(r">\s+<", "><", text)


def _as_webp(match: re.Match[str]) -> str:
    picture = PillowImage.open(io.BytesIO(base64.b64decode(match[1])))
    target = io.BytesIO()
    if max(picture.size) <= 160:  # few pixels, each of which one wants to see
        picture.save(target, "WEBP", lossless=True)
    else:
        picture.save(target, "WEBP", quality=86, method=4)
    return f'data:image/webp;base64,{base64.b64encode(target.getvalue()).decode()}"'
