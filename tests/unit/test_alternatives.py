"""How else a crystal may stand with its spots in the same places: the symmetry of lattices against known orders."""

from itertools import product

import gemmi
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.model.alternatives import turn_text
from friedel.model.crystal import Phase
from friedel.model.orientation import ipf_colours
from friedel.model.slip import slip_systems
from friedel.model.space_group import SpaceGroup

CELLS = {
    "triclinic": (5.1, 6.3, 7.4, 82.0, 97.0, 108.0),
    "monoclinic": (5.1, 6.3, 7.4, 90.0, 103.0, 90.0),
    "orthorhombic": (5.1, 6.3, 7.4, 90.0, 90.0, 90.0),
    "tetragonal": (5.1, 5.1, 7.4, 90.0, 90.0, 90.0),
    "trigonal": (5.1, 5.1, 7.4, 90.0, 90.0, 120.0),
    "hexagonal": (5.1, 5.1, 7.4, 90.0, 90.0, 120.0),
    "cubic": (5.1, 5.1, 5.1, 90.0, 90.0, 90.0),
}
LATTICE_ORDER = {"triclinic": 1, "monoclinic": 2, "orthorhombic": 4, "tetragonal": 8, "hexagonal": 12, "cubic": 24}
"""Proper rotations of each lattice (International Tables A, 3.2.1); a trigonal one is hexagonal or rhombohedral."""
RHOMBOHEDRAL = 6
POINT_GROUPS = {group.point_group_hm(): group for group in gemmi.spacegroup_table_itb()}
QUARTZ = Phase.from_lattice("quartz", (4.913, 4.913, 5.405, 90, 90, 120), "P 32 2 1")


def phase_of(group):
    """A crystal of one of gemmi's table, in the least symmetric lattice that the group allows."""
    cell, system = CELLS[group.crystal_system_str()], group.crystal_system_str()
    if group.ext == "R":
        cell = (5.1, 5.1, 5.1, 77.0, 77.0, 77.0)
    if system == "monoclinic":
        angles = [90.0, 90.0, 90.0]
        angles["abc".index(group.monoclinic_unique_axis())] = 103.0
        cell = (5.1, 6.3, 7.4, *angles)
    operations = SpaceGroup.of(group)
    return Phase("X", cell, operations.symbol, (), operations=operations.operations)


def metric_symmetry(UBI, limit):
    """Brute force: whole matrices of -1, 0, 1 that leave a primitive cell's edges and angles nearly as they are."""
    metric = UBI @ UBI.T
    steps = np.array(list(product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    steps = steps[np.rint(np.linalg.det(steps)) == 1]
    length = np.sqrt(np.diag(metric))
    off = np.abs((steps @ metric @ np.swapaxes(steps, 1, 2) - metric) / np.outer(length, length))
    return int(np.count_nonzero(off.max(axis=(1, 2)) < limit))


def test_there_are_thirty_two_point_groups():
    assert len(POINT_GROUPS) == 32


@pytest.mark.parametrize("name", POINT_GROUPS)
def test_every_point_group_has_as_many_alternatives_as_its_lattice_has_more_rotations(name):
    phase = phase_of(POINT_GROUPS[name])
    system = phase.crystal_system
    order = RHOMBOHEDRAL if "R" in POINT_GROUPS[name].hm else LATTICE_ORDER[system.replace("trigonal", "hexagonal")]
    assert len(phase.alternatives) * len(phase.symmetry) == len(phase.lattice_symmetry) == order
    assert phase.alternatives.exact


def test_all_settings_of_all_space_groups_have_alternatives_that_keep_their_lattice():
    for group in gemmi.spacegroup_table():
        phase = phase_of(group)
        turned = phase.alternatives.rotation @ phase.B
        back = phase.B @ np.linalg.inv(phase.alternatives.index)
        assert np.allclose(turned, back, atol=1e-9)  # a place keeps its g, with other indices
        hkl = phase.reflections(1.6).hkl
        indices = np.einsum("kij,nj->kni", phase.alternatives.index, hkl)
        assert np.allclose(indices, np.rint(indices))
        centred = SpaceGroup.from_operations(["x,y,z", *_centrings(group)])
        assert not centred.extinguished(np.rint(indices).astype(np.int64).reshape(-1, 3)).any()


def _centrings(group):
    return [gemmi.Op("x,y,z").translated(shift).triplet() for shift in group.operations().cen_ops if any(shift)]


@pytest.mark.parametrize(
    ("lattice", "symbol", "order"),
    [
        ((5.0, 5.0, 5.0, 90, 90, 90), "P 1", 24),
        ((5.0, 5.003, 5.006, 90.05, 89.96, 90.02), "P -1", 24),
        ((5.0, 6.0, 7.0, 90, 90.1, 90), "P 1 21/c 1", 4),
        ((5.15, 5.21, 5.32, 90, 99.2, 90), "P 1 21/c 1", 2),
        ((4.756, 10.207, 5.98, 90, 90, 90), "P b n m", 4),
        ((5.0, 5.0, 5.02, 90, 90, 90), "P 4/n", 24),
    ],
)
def test_lattices_that_are_more_symmetric_than_they_must_be_are_known(lattice, symbol, order):
    phase = Phase.from_lattice("X", lattice, symbol)
    UBI = np.linalg.inv(phase.B)
    assert len(phase.lattice_symmetry) == order == metric_symmetry(UBI, 0.015)


def test_a_crystal_and_its_alternative_are_one_orientation_of_the_lattice():
    turn = QUARTZ.alternatives.rotation[1]
    U = np.eye(3)
    assert len(QUARTZ.alternatives) == 2
    assert QUARTZ.misorientation_deg(U, U @ turn) == pytest.approx(60.0)
    assert QUARTZ.lattice_misorientation_deg(U, U @ turn) == pytest.approx(0.0, abs=1e-6)


def test_planes_of_an_alternative_have_other_indices_in_the_same_places():
    two = QUARTZ.alternatives
    hkl = np.array([1.0, 0.0, 1.0])
    assert np.allclose(QUARTZ.B @ hkl, two.rotation[1] @ QUARTZ.B @ two.index[1] @ hkl)
    assert QUARTZ.family_of(two.index[1] @ hkl) != QUARTZ.family_of(hkl)


def test_a_turn_is_said_by_its_angle_and_axis():
    assert turn_text(QUARTZ.alternatives.rotation[1], QUARTZ.B) == "180° about [0 0 1]"
    pyrite = Phase.from_lattice("pyrite", (5.4166,) * 3 + (90,) * 3, "P a -3")
    assert turn_text(pyrite.alternatives.rotation[1], pyrite.B).startswith("180° about [")


@pytest.mark.parametrize("name", POINT_GROUPS)
def test_colours_and_slip_systems_have_the_symmetry_of_the_crystal(name):
    phase = phase_of(POINT_GROUPS[name])
    U = Rotation.random(20, rng=np.random.default_rng(3)).as_matrix()
    same = (U[:, None] @ phase.symmetry).reshape(-1, 3, 3)
    colours = np.repeat(ipf_colours(U, phase).astype(int), len(phase.symmetry), axis=0)
    assert np.abs(ipf_colours(same, phase).astype(int) - colours).max() <= 1
    factors = slip_systems(phase).schmid_factors(same, (0.3, 0.5, 1.0)).reshape(20, len(phase.symmetry), -1)
    factors.sort(axis=2)
    assert np.allclose(factors, factors[:, :1])


@pytest.mark.parametrize(
    ("symbol", "cell", "number"),
    [("F m -3", CELLS["cubic"], 12), ("I m -3", CELLS["cubic"], 24), ("P 63/m", CELLS["hexagonal"], 24)],
)
def test_lower_laue_classes_have_every_slip_system_of_their_lattice(symbol, cell, number):
    high = {"F m -3": "F m -3 m", "I m -3": "I m -3 m", "P 63/m": "P 63/m m c"}[symbol]
    low, full = (slip_systems(Phase.from_lattice("X", cell, one)) for one in (symbol, high))
    assert len(low) == len(full) == number
