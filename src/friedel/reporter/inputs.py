"""What a report is made of: an output folder, the scan where it is still there, and thresholds in counts."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from friedel.errors import FriedelError
from friedel.io import open_scan
from friedel.io.images import read_images
from friedel.model.arrays import AnyArray, Floats, Image
from friedel.model.scan import Box, Scan
from friedel.output_folder.reader import OutputFolder
from friedel.preprocess import PreprocessParams
from friedel.segment import SegmentParams

Place = int | slice | AnyArray


class ReportInputs(OutputFolder):
    """An output folder as a report needs it; what is not there is None or empty, and `missing` says why."""

    def __init__(self, path: Path, *, checked: bool = False) -> None:
        super().__init__(path, checked=checked)
        self._gone: list[str] = []

    @property
    def missing(self) -> list[str]:
        """As of an output folder, and what has gone besides."""
        _ = self.scan, self.noise
        return [*super().missing, *self._gone]

    @cached_property
    def scan(self) -> Scan | None:
        """The scan that the recipe names, where it can still be opened."""
        recipe = self.recipe
        if recipe is None or not recipe.scan.frames:
            return None
        try:
            return open_scan(recipe.scan.frames, recipe.scan, self.path)
        except (FriedelError, OSError) as error:
            text = f"the scan cannot be opened any more ({error}), so there are no pictures of frames"
            self._gone.append(text)
            return None

    @property
    def preprocess(self) -> PreprocessParams:
        """Parameters of the recipe's section; the defaults where there is no recipe."""
        return PreprocessParams() if self.recipe is None else self.recipe.preprocess

    @property
    def segment(self) -> SegmentParams | None:
        """Parameters of the recipe's section."""
        return None if self.recipe is None else self.recipe.segment

    @property
    def input(self) -> dict[str, Any]:
        """What the run has recorded about its scan: name, shape, fingerprint, angles."""
        return {} if self.record is None else self.record.input

    @property
    def versions(self) -> dict[str, str]:
        """With which versions it ran."""
        return {} if self.record is None else self.record.versions

    @property
    def measured(self) -> dict[str, Any]:
        """What preprocessing found out about the scan: levels, boxes, noise."""
        return self.measured_by("preprocess")

    def measured_by(self, stage: str) -> dict[str, Any]:
        """What a stage found out; nothing where it was not done."""
        return self.stages[stage].measured if stage in self.stages else {}

    @property
    def beam(self) -> Box | None:
        """The direct beam's box."""
        box = self.measured.get("beam")
        return Box(*box) if box else None

    @property
    def margins(self) -> tuple[Box, ...]:
        """The parts of the beam that the sample never shadows."""
        return tuple(Box(*box) for box in self.measured.get("margins", ()))

    @property
    def sigma(self) -> float:
        """Noise of a clean frame in counts, 0 where it was not recorded."""
        return float(self.measured.get("sigma", 0.0))

    @cached_property
    def noise(self) -> Image | None:
        """Noise [row, col] in counts, by which values were divided before they met the thresholds.

        None where one number served for all pixels. Where the image has gone, the scan's noise stands in for it.
        """
        segment, blobs = self.segment, self.blobs
        if segment is None or segment.unit != "sigma" or segment.noise == "scan" or blobs is None:
            return None
        image, shape = self._noise_image(segment.noise), blobs.shape[1:]
        if image is not None and image.shape == shape:
            return image
        self._gone.append(
            "the noise per pixel is not in the folder: thresholds are drawn for that of the whole scan"
        )
        return np.full(shape, self.sigma, np.float32)

    def _noise_image(self, name: str) -> Image | None:
        if name == "local":
            return None if self.backgrounds is None else self.backgrounds.noise
        try:
            return np.asarray(read_images(name, Path.cwd()), np.float32)
        except (FriedelError, OSError) as error:
            self._gone.append(f"the image of the noise cannot be read any more: {error}")
            return None

    @property
    def seed_threshold(self) -> float | None:
        """T in counts, where the noise is that of a typical pixel."""
        return None if self.segment is None else self.in_counts(self.segment.seed_threshold)

    def seed_threshold_at(self, row: Place, col: Place) -> Floats | None:
        """T at given pixels in counts; `row` and `col` are as for an image [row, col]."""
        return None if self.segment is None else self.in_counts_at(self.segment.seed_threshold, row, col)

    def in_counts(self, threshold: float | None) -> float | None:
        """A threshold of the recipe in counts, where the noise is that of a typical pixel."""
        if threshold is None or self.segment is None or self.segment.unit != "sigma":
            return threshold
        return threshold * (self.sigma if self.noise is None else float(np.median(self.noise))) or None

    def in_counts_at(self, threshold: float | None, row: Place, col: Place) -> Floats | None:
        """The same at given pixels; `row` and `col` are as for an image [row, col]."""
        if threshold is None or self.noise is None:
            level = self.in_counts(threshold)
            return None if level is None else np.asarray(level, np.float64)
        return np.asarray(threshold * np.asarray(self.noise[row, col], np.float64))

    def grown_to(self, blob: int, row: Place, col: Place) -> Floats:
        """What a blob grew down to at given pixels, in counts."""
        level = float(self.blobs["threshold"][blob]) if self.blobs is not None else 0.0
        return np.asarray(level if self.noise is None else level * self.noise[row, col], np.float64)
