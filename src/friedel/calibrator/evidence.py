"""What a fit of the geometry found, and how sure that is."""

from dataclasses import dataclass, field

import numpy as np

from friedel.model.arrays import Floats
from friedel.model.setup import Setup


@dataclass(frozen=True, slots=True)
class Change:
    """One quantity: before, after, standard deviation of the latter, unit."""

    name: str
    before: float
    after: float
    uncertainty: float
    unit: str

    @property
    def line(self) -> str:
        """As printed."""
        digits = 4 if self.unit in ("px", "deg", "keV") else 2
        before, after, sure = (f"{x:.{digits}f}" for x in (self.before, self.after, self.uncertainty))
        return f"{self.name} {before} -> {after} +- {sure} {self.unit}"


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A fitted set-up and what speaks for it: whether it is taken is decided in `decision`.

    `setup` is the fitted one, or the given one where nothing could be fitted: then `changes` are empty. `step`
    and `error` (n) are what was free to move, in the units of `geometry.STEPS`, and its standard deviations.
    Pairs before and after are counted with the same tolerances, those that fit afterwards; the nulls are the
    means with scrambled omega; all are zero where spots of grains were fitted. `better` is how many times smaller
    the median residual of spots is afterwards, in omega, row or column, wherever that helps most. `summary` and
    `remarks` say it in words.
    """

    setup: Setup
    summary: str
    remarks: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    step: Floats = field(default_factory=lambda: np.zeros(0))
    error: Floats = field(default_factory=lambda: np.zeros(0))
    pairs_before: int = 0
    pairs_after: int = 0
    null_before: float = 0.0
    null_after: float = 0.0
    better: float = 1.0

    @property
    def gain(self) -> float:
        """Pairs over the null that the fit has more than the set-up before it."""
        return (self.pairs_after - self.null_after) - (self.pairs_before - self.null_before)

    def lines(self, verdict: str) -> tuple[str, ...]:
        """All in words, a verdict first."""
        return (f"{verdict}: {self.summary}", *self.remarks)
