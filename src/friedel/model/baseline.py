"""What a few frames tell of a scan before the pass: levels, boxes and noise."""

from dataclasses import dataclass

from friedel.model.arrays import Image, Mask
from friedel.model.scan import Box


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Measured once on a few evenly spaced frames, recorded, and used for the whole scan.

    `beam` is the direct beam's box (None where there is none); `margins` are the parts of it that the sample
    never shadows; `reference_level` is their mean above the dark, in counts. Fixed point is
    `floor((raw - dark) * gain * scale + offset + 0.5)`, `scale` a power of two. `sigma` is the noise of a clean
    frame in counts, `sigma_image` [row, col] the same per pixel, smooth. `probe_frames` are their numbers. `dead`
    [row, col] are pixels that are hardly ever numbers (None: there are none), `fill_image` [row, col] is what takes
    the place of a value that is not a number in the moving median, in counts (None: there cannot be any).
    """

    probe_frames: tuple[int, ...]
    beam: Box | None
    margins: tuple[Box, ...]
    reference_level: float
    scale: float
    offset: float
    sigma: float
    sigma_image: Image
    warnings: tuple[str, ...] = ()
    dead: Mask | None = None
    fill_image: Image | None = None
