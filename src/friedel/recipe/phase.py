"""The recipe's sections [[phase]]: one crystal each."""

from typing import TYPE_CHECKING, Self

from pydantic import field_validator, model_validator

from friedel.errors import SetupError
from friedel.params import Params, parameter
from friedel.recipe.plausible import check_lattice

if TYPE_CHECKING:
    from friedel.model.crystal import Phase

Lattice = tuple[float, float, float, float, float, float]


class PhaseParams(Params):
    """A crystal by lattice and space group, or by a CIF file."""

    name: str = parameter(sentence="What it is called in tables and pictures.", min_length=1)
    lattice: Lattice | None = parameter(
        None, "a, b, c (1.5 to 200), alpha, beta, gamma (10 to 170).", unit="Angstrom and deg"
    )
    spacegroup: str | None = parameter(
        None, "Hermann-Mauguin symbol or number; :1, :2, :H, :R after it name a setting."
    )
    cif: str | None = parameter(
        None, "A CIF file, in place of lattice and spacegroup; file.cif::block is one crystal of several."
    )
    atoms: tuple[tuple[str, float, float, float], ...] = parameter(
        (),
        "Rows [element, x, y, z]; not needed for an element named so in fcc, bcc, simple cubic or hcp. Of unknown "
        "atoms the strengths of the families are taken from the scan.",
    )
    families: tuple[tuple[int, int, int], ...] | None = parameter(
        None,
        "Reflections to use; default: the eight strongest inside the detector's inscribed circle, of unknown atoms "
        "the innermost.",
    )

    @field_validator("spacegroup", mode="before")
    @classmethod
    def _number_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.cif is None) == (self.lattice is None and self.spacegroup is None):
            raise ValueError("needs lattice and spacegroup, or cif, not both")
        if self.cif is None and (self.lattice is None or self.spacegroup is None):
            raise ValueError("lattice and spacegroup go together")
        if self.lattice is not None and (min(self.lattice) <= 0 or max(self.lattice[3:]) >= 180):
            raise ValueError("lattice lengths must be positive and its angles between 0 and 180 degrees")
        return self

    @field_validator("lattice")
    @classmethod
    def _plausible(cls, value: Lattice | None) -> Lattice | None:
        if value is not None and min(value) > 0 and max(value[3:]) < 180:  # else the rule below says it
            check_lattice(value)
        return value

    def phase(self) -> "Phase":
        """As the model has it. Raises `SetupError` for a crystal that cannot be or a CIF that cannot be read."""
        from friedel.model.crystal import Phase

        families = self.families or ()
        if self.cif is not None:
            from friedel.io.cif import read_cif

            phase = read_cif(self.cif, self.name, families=families)
            try:
                check_lattice(phase.lattice)
            except ValueError as error:
                raise SetupError(f"phase.cif {self.cif}", rule=str(error), got=list(phase.lattice)) from None
            return phase
        if self.lattice is None or self.spacegroup is None:  # the validator excludes it
            raise SetupError(f"phase {self.name}", rule="needs lattice and spacegroup, or cif")
        return Phase.from_lattice(self.name, self.lattice, self.spacegroup, atoms=self.atoms, families=families)
