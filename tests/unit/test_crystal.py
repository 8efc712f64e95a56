"""Crystals: lattice, reflections in families, structure factors, symmetry."""

import gemmi
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.errors import SetupError
from friedel.io.cif import phase_from_cif
from friedel.model.atoms import Site
from friedel.model.crystal import Phase

CUBIC = [4.0495] * 3 + [90] * 3
HEXAGONAL = [2.9505, 2.9505, 4.6826, 90, 90, 120]
AL = Phase.from_lattice("Al", CUBIC, "F m -3 m")
FE = Phase.from_lattice("Fe", [2.8665] * 3 + [90] * 3, "I m -3 m")
TI = Phase.from_lattice("Ti", HEXAGONAL, "P63/mmc")
SI_CIF = """data_silicon
_cell_length_a 5.431
_cell_length_b 5.431
_cell_length_c 5.431
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F d -3 m:2'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_U_iso_or_equiv
Si 0.125 0.125 0.125 0.006
"""


@pytest.mark.parametrize("lattice", [CUBIC, HEXAGONAL, [4.1, 5.2, 6.3, 81, 95, 107]])
def test_b_gives_the_reciprocal_metric_without_two_pi(lattice):
    phase = Phase.from_lattice("x", lattice, "P 1", atoms=[["Al", 0, 0, 0]])
    a, b, c, alpha, beta, gamma = lattice
    ca, cb, cg = np.cos(np.radians([alpha, beta, gamma]))
    metric = np.array(
        [[a * a, a * b * cg, a * c * cb], [a * b * cg, b * b, b * c * ca], [a * c * cb, b * c * ca, c * c]]
    )
    np.testing.assert_allclose(phase.B.T @ phase.B, np.linalg.inv(metric), rtol=1e-12, atol=1e-14)
    assert np.allclose(np.tril(phase.B, -1), 0)
    assert phase.cell_volume == pytest.approx(1 / np.linalg.det(phase.B))


@pytest.mark.parametrize(
    ("phase", "allowed"),
    [
        (AL, lambda h, k, m: h % 2 == k % 2 == m % 2),
        (FE, lambda h, k, m: (h + k + m) % 2 == 0),
        (TI, lambda h, k, m: not ((h - k) % 3 == 0 and m % 2)),
    ],
    ids=["fcc", "bcc", "hcp"],
)
def test_the_reflections_are_those_that_the_extinction_rules_leave(phase, allowed):
    d_min = 0.9
    n = np.arange(-9, 10)
    grid = np.array(np.meshgrid(n, n, n, indexing="ij")).reshape(3, -1).T
    length = np.linalg.norm(grid @ phase.B.T, axis=1)
    inside = grid[(length > 0) & (length <= 1 / d_min)]
    expected = {tuple(hkl) for hkl in inside.tolist() if allowed(*hkl)}
    assert {tuple(hkl) for hkl in phase.reflections(d_min).hkl.tolist()} == expected


def test_families_are_sorted_complete_and_of_one_strength():
    found = AL.reflections(0.75)
    assert found.representative[:5].tolist() == [[1, 1, 1], [2, 0, 0], [2, 2, 0], [3, 1, 1], [2, 2, 2]]
    assert found.multiplicity[:5].tolist() == [8, 6, 12, 24, 8]
    assert found.multiplicity.sum() == len(found) == len(found.hkl)
    assert (np.diff(found.g_length) > -1e-9).all()
    assert (np.diff(found.family) >= 0).all()
    for family, representative in enumerate(found.representative):
        members = found.hkl[found.family == family]
        assert tuple(representative) in {tuple(hkl) for hkl in members.tolist()}
        np.testing.assert_allclose(
            [AL.f_squared(hkl) for hkl in members], found.family_f_squared[family], rtol=1e-6
        )


def test_planes_of_one_spacing_that_symmetry_does_not_join_are_two_families():
    found = AL.reflections(4.0495 / np.sqrt(27.5))
    last = found.representative[-2:].tolist()
    assert sorted(last) == [[3, 3, 3], [5, 1, 1]]
    assert found.multiplicity[-2:].sum() == 8 + 24


def test_structure_factors_are_form_factors_of_the_atoms_with_their_thermal_motion():
    found = AL.reflections(1.0)
    form = gemmi.Element("Al").it92
    for length, f2 in zip(found.g_length, found.f_squared, strict=True):
        s2 = length**2 / 4
        expected = 16 * (form.calculate_sf(s2) * np.exp(-0.5 * s2)) ** 2
        assert f2 == pytest.approx(expected, rel=1e-5)
    assert (TI.reflections(0.8).f_squared > 0).all()


def test_hcp_structure_factors_follow_from_two_atoms():
    form = gemmi.Element("Ti").it92
    found = TI.reflections(1.0)
    for (h, k, m), length, f2 in zip(found.hkl, found.g_length, found.f_squared, strict=True):
        s2 = length**2 / 4
        phase = 2 * np.pi * (h / 3 + 2 * k / 3 + m / 4)
        atom = form.calculate_sf(s2) * np.exp(-0.5 * s2)
        assert f2 == pytest.approx((2 * atom * np.cos(phase)) ** 2, rel=1e-4)


def test_a_cif_says_everything():
    phase = phase_from_cif(SI_CIF)
    assert (phase.name, phase.spacegroup, len(phase.sites)) == ("silicon", "F d -3 m:2", 1)
    assert phase.sites[0].b_iso == pytest.approx(8 * np.pi**2 * 0.006)
    families = phase.reflections(1.0).representative.tolist()
    assert families[:4] == [[1, 1, 1], [2, 2, 0], [3, 1, 1], [4, 0, 0]]
    assert [2, 2, 2] not in families


@pytest.mark.parametrize(("phase", "order"), [(AL, 24), (FE, 24), (TI, 12)])
def test_symmetry_is_the_group_of_proper_rotations_of_the_laue_class(phase, order):
    rotations = phase.symmetry
    assert rotations.shape == (order, 3, 3)
    np.testing.assert_allclose(rotations[0], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(
        rotations @ np.swapaxes(rotations, 1, 2), np.broadcast_to(np.eye(3), rotations.shape), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0)
    products = np.einsum("aij,bjk->abik", rotations, rotations).reshape(-1, 1, 3, 3)
    assert np.abs(products - rotations).max(axis=(2, 3)).min(axis=1).max() < 1e-9


@pytest.mark.parametrize("phase", [AL, TI])
def test_equivalent_orientations_differ_by_nothing(phase):
    U = Rotation.random(3, random_state=1).as_matrix()
    for rotation in phase.symmetry:
        np.testing.assert_allclose(phase.misorientation_deg(U, U @ rotation), 0.0, atol=1e-6)


def test_misorientation_is_the_smallest_equivalent_angle():
    U = Rotation.random(random_state=3).as_matrix()
    turned = U @ Rotation.from_rotvec(np.radians(7.0) * np.array([0.6, 0.0, 0.8])).as_matrix()
    assert AL.misorientation_deg(U, turned) == pytest.approx(7.0, abs=1e-9)
    twin = Rotation.from_rotvec(np.radians(60.0) * np.ones(3) / np.sqrt(3)).as_matrix()
    assert AL.misorientation_deg(U, U @ twin) == pytest.approx(60.0)
    assert TI.misorientation_deg(
        np.eye(3), Rotation.from_euler("z", 50, degrees=True).as_matrix()
    ) == pytest.approx(10.0)
    tiny = Rotation.from_rotvec([0, 0, 1e-9]).as_matrix()
    assert AL.misorientation_deg(np.eye(3), tiny) == pytest.approx(np.degrees(1e-9), rel=1e-3)


def test_families_can_be_chosen():
    found = AL.reflections(1.0).only([[2, 2, 0], [1, 1, 1]])
    assert found.representative.tolist() == [[1, 1, 1], [2, 2, 0]]
    assert found.multiplicity.tolist() == [8, 12]
    assert np.bincount(found.family).tolist() == [8, 12]
    with pytest.raises(SetupError, match="must be reflections of the phase that can diffract"):
        AL.reflections(1.0).only([[1, 0, 0]])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Phase.from_lattice("Al", CUBIC, "Q m 3"), "Hermann-Mauguin"),
        (lambda: Phase.from_lattice("Al", [4, 5, 6, 90, 90, 90], "F m -3 m"), "must have the symmetry"),
        (lambda: Phase.from_lattice("Al", [4, -4, 4, 90, 90, 90], "P 1", atoms=[["Al", 0, 0, 0]]), "lengths > 0"),
        (lambda: Phase.from_lattice("Al", [4, 4, 4, 20, 20, 90], "P 1", atoms=[["Al", 0, 0, 0]]), "close a cell"),
        (lambda: Phase.from_lattice("Al", CUBIC, "FCC"), 'for FCC write "F m -3 m"'),
        (lambda: Site("Qq", (0, 0, 0)), "chemical element"),
        (lambda: phase_from_cif("data_x\n_cell_length_a 4\n"), "a cell, a space group and atoms"),
        (lambda: phase_from_cif("nonsense"), "a readable CIF"),
        (lambda: AL.reflections(0.0), "must be positive"),
        (lambda: Phase("Al", (4, 4, 4, 90, 90, 90), "F m 3 q", AL.sites), "spacegroup of Al: must be a Hermann"),
    ],
)
def test_a_crystal_that_cannot_be_is_refused(build, message):
    with pytest.raises(SetupError, match=message):
        build()
