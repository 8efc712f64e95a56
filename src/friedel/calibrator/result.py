"""What a calibration changed, and how sure it is."""

from dataclasses import dataclass

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
        digits = 4 if self.unit in ("px", "deg") else 2
        before, after, sure = (f"{x:.{digits}f}" for x in (self.before, self.after, self.uncertainty))
        return f"{self.name} {before} -> {after} +- {sure} {self.unit}"


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The setup to go on with, and the evidence.

    Pairs before and after are counted with the same tolerances, those that fit afterwards; the nulls are the means
    with scrambled omega. `accepted` says whether `setup` is the changed one; `fitted` is what the fit found, taken
    or not, and `changes` what of it was taken. `lines` say it all in words.
    """

    setup: Setup
    changes: tuple[Change, ...] = ()
    pairs_before: int = 0
    pairs_after: int = 0
    null_before: float = 0.0
    null_after: float = 0.0
    accepted: bool = False
    lines: tuple[str, ...] = ()
    fitted: tuple[Change, ...] = ()

    @property
    def gain(self) -> float:
        """Pairs over the null that the fit has more than the set-up before it."""
        return self.pairs_after - self.null_after - self.pairs_before + self.null_before
