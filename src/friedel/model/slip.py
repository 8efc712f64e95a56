"""Planes and slip systems of a crystal, and how a load acts on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from friedel.errors import SetupError
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.crystal import Phase

Miller = tuple[int, int, int]
SLIP_FAMILIES: dict[str, dict[str, tuple[Miller, Miller]]] = {
    "cubic F": {"{111}<110>": ((1, 1, 1), (0, 1, -1))},
    "cubic I": {"{110}<111>": ((1, 1, 0), (1, -1, 1)), "{112}<111>": ((1, 1, 2), (1, 1, -1))},
    "hexagonal P": {
        "basal <a>": ((0, 0, 1), (1, 0, 0)),
        "prismatic <a>": ((1, 0, 0), (0, 1, 0)),
        "pyramidal <a>": ((1, 0, 1), (0, 1, 0)),
        "pyramidal <c+a>": ((1, 0, 1), (-1, -1, 1)),
    },
}
"""Plane (hkl) and direction [uvw] (three indices, also in hexagonal lattices) that stand for each family."""


@dataclass(frozen=True, slots=True, eq=False)
class SlipSystems:
    """Every system once, a plane or direction and its opposite being the same.

    `plane` (n,3) hkl, `direction` (n,3) uvw; `normal`, `vector` (n,3) the same as unit vectors in the crystal
    frame of `Phase.B`; `family` names each.
    """

    plane: Indices
    direction: Indices
    normal: Floats
    vector: Floats
    family: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.plane)

    def schmid_factors(self, U: Floats, load_axis: Sequence[float]) -> Floats:
        """|cos(normal, load) cos(direction, load)| (grains, systems) for a uniaxial load in the sample frame.

        Schmid & Boas, Kristallplastizität (1935). Raises `SetupError` for an axis of no length.
        """
        load = np.asarray(load_axis, dtype=np.float64)
        if load.shape != (3,) or not np.linalg.norm(load) > 0:
            raise SetupError("load axis", rule="must be three numbers that are not all 0", got=load.tolist())
        inside = np.swapaxes(U, -1, -2) @ (load / np.linalg.norm(load))
        return np.asarray(np.abs(inside @ self.normal.T) * np.abs(inside @ self.vector.T))


def slip_systems(phase: Phase, families: Sequence[str] = ()) -> SlipSystems:
    """The slip systems of fcc, bcc and hexagonal metals by their symmetry; none for other lattices.

    `families` picks some of `SLIP_FAMILIES` by name (default: all of the lattice's). Raises `SetupError` for a
    name that the lattice does not have.
    """
    known = SLIP_FAMILIES.get(f"{phase.crystal_system} {phase.centring}", {})
    unknown = [name for name in families if name not in known]
    if unknown:
        raise SetupError(f"slip families of {phase.name}", rule=f"must be among {list(known)}", got=unknown)
    rows: list[tuple[str, Indices, Indices]] = []
    for name in families or known:
        plane, direction = known[name]
        planes, directions = equivalent_planes(phase, plane), _equivalent_directions(phase, direction)
        rows += [(name, p, d) for p in planes for d in directions if p @ d == 0]
    plane_rows = np.array([row[1] for row in rows], dtype=np.int64).reshape(-1, 3)
    direction_rows = np.array([row[2] for row in rows], dtype=np.int64).reshape(-1, 3)
    return SlipSystems(
        plane_rows,
        direction_rows,
        _unit(plane_rows @ phase.B.T),
        _unit(direction_rows @ np.linalg.inv(phase.B)),
        tuple(row[0] for row in rows),
    )


def equivalent_planes(phase: Phase, hkl: Sequence[int]) -> Indices:
    """All planes of the family {hkl}, (n,3), one of each two opposites; the given one, or its opposite, first."""
    turned = np.linalg.solve(phase.B, phase.symmetry @ (phase.B @ np.asarray(hkl, dtype=np.float64))[:, None])
    return _one_of_each(turned[..., 0])


def plane_normals(U: Floats, phase: Phase, hkl: Sequence[int]) -> Floats:
    """Unit normals (grains, planes, 3) in the sample frame of all planes {hkl} of grains with orientations U.

    The planes come in the order of `equivalent_planes`. Raises `SetupError` for (0,0,0).
    """
    if not any(hkl):
        raise SetupError("hkl", rule="must not be 0 0 0", got=list(hkl))
    normals = _unit(equivalent_planes(phase, hkl) @ phase.B.T)
    return np.asarray(np.einsum("gij,pj->gpi", U, normals))


def _equivalent_directions(phase: Phase, uvw: Sequence[int]) -> Indices:
    direct = np.linalg.inv(phase.B).T
    turned = phase.B.T @ (phase.symmetry @ (direct @ np.asarray(uvw, dtype=np.float64)))[..., None]
    return _one_of_each(turned[..., 0])


def _one_of_each(indices: AnyArray) -> Indices:
    """Whole numbers, each row or its opposite once: with few minus signs, as people write them."""
    seen: dict[tuple[int, ...], None] = {}
    for row in np.rint(indices).astype(np.int64).tolist():
        seen.setdefault(max(tuple(row), tuple(-i for i in row), key=lambda v: (-sum(i < 0 for i in v), v)))
    return np.array(list(seen), dtype=np.int64).reshape(-1, 3)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300))
