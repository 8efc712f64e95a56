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
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter
from PIL import Image as PillowImage

INK, SOFT, LINE, CARD = "#010101", "#020202", "#030303", "#040404"
BLUE, WARM, TEAL = "#050505", "#060606", "#070707"
_VARIABLES = {
    INK: "--ink", SOFT: "--soft", LINE: "--line", CARD: "--card", BLUE: "--blue", WARM: "--warm", TEAL: "--teal",
}  # fmt: skip
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
    """A figure under way: `with SvgFigure(width, height) as sheet: axes = sheet.axes()[0] ...`, then `sheet.svg`.

    `width` and `height` are in units of the page's pixels at its full size; `crop` cuts off what stays empty,
    for images, whose shape is given.
    """

    def __init__(self, width: float, height: float, *, crop: bool = False) -> None:
        self._size = width / 72, height / 72
        self._crop = crop
        self.svg = ""

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
                self.svg = _svg(self.figure, crop=self._crop)
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
    for placeholder, variable in _VARIABLES.items():
        text = text.replace(placeholder, f"var({variable})")
    return re.sub(r">\s+<", "><", text)


def _as_webp(match: re.Match[str]) -> str:
    picture = PillowImage.open(io.BytesIO(base64.b64decode(match[1])))
    target = io.BytesIO()
    if max(picture.size) <= 160:  # few pixels, each of which one wants to see
        picture.save(target, "WEBP", lossless=True)
    else:
        picture.save(target, "WEBP", quality=86, method=4)
    return f'data:image/webp;base64,{base64.b64encode(target.getvalue()).decode()}"'
