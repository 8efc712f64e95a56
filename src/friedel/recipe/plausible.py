"""Numbers that no experiment has: most often they are right in another unit, which is then named."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from friedel.model.setup import KEV_ANGSTROM

Conversion = Callable[[float], float]


def _times(factor: float) -> Conversion:
    return lambda value: value * factor


@dataclass(frozen=True, slots=True)
class Plausible:
    """What a quantity can be in its unit; `units` are those that people also write it in, the likeliest first.

    One of these is named where it makes the value a `usual` one.
    """

    low: float
    high: float
    unit: str
    units: Mapping[str, Conversion] = field(default_factory=dict)
    usual: tuple[float, float] | None = None

    def check(self, *values: float) -> None:
        """Raise `ValueError` for values outside; it names the unit in which all would be right."""
        if all(self.low <= abs(value) <= self.high for value in values):
            return
        low, high = self.usual or (self.low, self.high)
        rule = f"must be {self.low:g} to {self.high:g} {self.unit}"
        for unit, convert in self.units.items():
            meant = [_rounded(convert(value)) for value in values if value]
            if len(meant) == len(values) and all(low <= abs(value) <= high for value in meant):
                raise ValueError(
                    f"{rule}: if {unit} was meant, write {', '.join(f'{value:.12g}' for value in meant)}"
                )
        raise ValueError(rule)


ENERGY = Plausible(
    5.0,
    500.0,
    "keV",
    {
        "eV": _times(1e-3),
        "a wavelength in Angstrom": lambda value: KEV_ANGSTROM / value,
        "MeV": _times(1e3),
        "a wavelength in nm": lambda value: 0.1 * KEV_ANGSTROM / value,
    },
    usual=(10.0, 200.0),
)
LENGTHS = {"mm": _times(1e3), "m": _times(1e6), "nm": _times(1e-3)}
DISTANCE = Plausible(100.0, 2e7, "um", LENGTHS)
PIXEL = Plausible(0.1, 1000.0, "um", LENGTHS)
SAMPLE = Plausible(1.0, 1e6, "um", LENGTHS)
EDGE = Plausible(1.5, 200.0, "Angstrom", {"nm": _times(10.0), "pm": _times(0.01), "m": _times(1e10)})
ANGLE = Plausible(10.0, 170.0, "deg", {"radians": math.degrees})


def check_lattice(lattice: Sequence[float]) -> None:
    """Raise `ValueError` for a cell that no crystal has."""
    try:
        EDGE.check(*lattice[:3])
    except ValueError as error:
        raise ValueError(f"a, b, c {error}") from None
    try:
        ANGLE.check(*lattice[3:])
    except ValueError as error:
        raise ValueError(f"alpha, beta, gamma {error}") from None


def _rounded(value: float) -> float:
    """To seven digits: what a person would have written."""
    return float(f"{value:.7g}")
