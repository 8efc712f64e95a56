"""CIF files: the file's own symmetry decides, and what is odd about a crystal is said."""

import gemmi
import numpy as np
import pytest

from friedel.errors import SetupError
from friedel.io.cif import phase_from_cif, read_cif
from friedel.model.crystal import Phase
from friedel.model.space_group import SpaceGroup, find_space_group
from friedel.recipe import PhaseParams

CUBE = [8.3969] * 3 + [90] * 3
BLOCK = """data_{name}
_cell_length_a {0}
_cell_length_b {1}
_cell_length_c {2}
_cell_angle_alpha {3}
_cell_angle_beta {4}
_cell_angle_gamma {5}
"""
MAGNETITE = [("Fe1", 0.125, 0.125, 0.125), ("Fe2", 0.5, 0.5, 0.5), ("O1", 0.2549, 0.2549, 0.2549)]
CORUNDUM = [("Al", 0, 0, 0.35216), ("O", 0.30624, 0, 0.25)]


def operations_of(symbol):
    return [op.triplet() for op in gemmi.find_spacegroup_by_name(symbol).operations()]


def cif(lattice, atoms, *, name="x", symbol="", number="", operations=(), columns=()):
    """The text of a CIF; `atoms` are rows of a label, coordinates, and values of further `columns`."""
    lines = [BLOCK.format(*lattice, name=name).rstrip()]
    lines += [f"_symmetry_space_group_name_H-M '{symbol}'"] if symbol else []
    lines += [f"_symmetry_Int_Tables_number {number}"] if number else []
    if operations:
        lines += ["loop_", "_symmetry_equiv_pos_site_id", "_symmetry_equiv_pos_as_xyz"]
        lines += [f"{n} '{text}'" for n, text in enumerate(operations, 1)]
    if atoms:
        lines += ["loop_", "_atom_site_label", *(f"_atom_site_fract_{axis}" for axis in "xyz")]
        lines += [f"_atom_site_{column}" for column in columns]
        lines += [" ".join(map(str, row)) for row in atoms]
    return "\n".join(lines) + "\n"


def by_hand(atoms, hkl, lattice):
    """|F|^2 of all atoms of a cell, [element, x, y, z], without thermal motion but for B = 0.5."""
    cell = gemmi.UnitCell(*lattice)
    s2 = 1 / (4 * cell.calculate_d(list(hkl)) ** 2)
    total = sum(
        gemmi.Element(element).it92.calculate_sf(s2) * np.exp(-0.5 * s2) * np.exp(2j * np.pi * np.dot(hkl, xyz))
        for element, *xyz in atoms
    )
    return abs(total) ** 2


def families_of(phase, d_min):
    return phase.reflections(d_min).representative.tolist()


def strongest(phase, d_min, count):
    found = phase.reflections(d_min)
    order = np.argsort(-found.family_f_squared * found.multiplicity)[:count]
    return ["".join(map(str, hkl)) for hkl in found.representative[order].tolist()]


def test_operations_of_the_second_origin_count_where_the_symbol_names_none():
    text = cif(
        [5.431] * 3 + [90] * 3, [("Si", 0.125, 0.125, 0.125)], symbol="F d -3 m", number=227,
        operations=operations_of("F d -3 m:2"),
    )  # fmt: skip
    silicon = phase_from_cif(text, "Si")
    assert len(silicon.cell_atoms) == 8
    assert silicon.cell_atoms.density(silicon.cell_volume) == pytest.approx(2.329, abs=0.001)
    assert [2, 2, 0] in families_of(silicon, 1.0)
    assert [2, 2, 2] not in families_of(silicon, 1.0)
    eighths = [(0, 0, 0), (0, 2, 2), (2, 0, 2), (2, 2, 0), (1, 1, 1), (1, 3, 3), (3, 1, 3), (3, 3, 1)]
    diamond = [("Si", *np.divide(place, 4)) for place in eighths]
    for hkl in ([1, 1, 1], [2, 2, 0], [3, 1, 1], [4, 0, 0]):
        assert silicon.f_squared(hkl) == pytest.approx(by_hand(diamond, hkl, silicon.lattice), rel=1e-5)
    assert silicon.oddities() == ()


@pytest.mark.parametrize(
    "how",
    [
        {"operations": operations_of("F d -3 m:2")},
        {"symbol": "F d -3 m", "operations": operations_of("F d -3 m:2")},
        {"symbol": "F d -3 m :2"},
        {"symbol": "F d -3 m Z"},
        {"symbol": "Fd-3mZ"},
        {"symbol": "F d -3 m (origin choice 2)"},
        {"number": "227:2"},
    ],
    ids=" and ".join,
)
def test_the_strongest_families_of_magnetite_are_right_however_its_symmetry_is_given(how):
    phase = phase_from_cif(cif(CUBE, MAGNETITE, **how))
    assert len(phase.cell_atoms) == 56
    assert strongest(phase, 1.2, 8) == ["440", "311", "511", "533", "400", "422", "220", "622"]
    assert phase.spacegroup == "F d -3 m:2"
    assert phase.oddities() == ()


def test_multiplicities_of_the_sites_tell_the_origin():
    counted = [(*row, count) for row, count in zip(MAGNETITE, (8, 16, 32), strict=True)]
    text = cif(CUBE, counted, symbol="F d -3 m", columns=("symmetry_multiplicity",))
    phase = phase_from_cif(text)
    assert (phase.spacegroup, len(phase.cell_atoms), phase.oddities()) == ("F d -3 m:2", 56, ())


def test_an_origin_that_nothing_tells_is_said():
    phase = phase_from_cif(cif(CUBE, MAGNETITE, symbol="F d -3 m"))
    assert phase.spacegroup == "F d -3 m:1"
    assert any('write "F d -3 m:2"' in text for text in phase.oddities())
    assert Phase.from_lattice("Fe", [2.87] * 3 + [90] * 3, "I m -3 m").oddities() == ()
    silicon = Phase.from_lattice("Si", [5.431] * 3 + [90] * 3, "F d -3 m S", atoms=[["Si", 0, 0, 0]])
    assert (silicon.spacegroup, silicon.oddities(), len(silicon.cell_atoms)) == ("F d -3 m:1", (), 8)


HEXAGONAL = [4.7588, 4.7588, 12.9910, 90, 90, 120]
RHOMBIC = [5.128200, 5.128200, 5.128200, 55.286, 55.286, 55.286]


def corundum():
    """All 30 atoms: ITA's 12c and 18e of R -3 c, hexagonal axes."""
    z, x = 0.35216, 0.30624
    base = [("Al", 0, 0, t) for t in (z, 0.5 - z, -z, 0.5 + z)]
    base += [("O", *xyz, 0.25) for xyz in ((x, 0), (0, x), (-x, -x))]
    base += [("O", *xyz, 0.75) for xyz in ((-x, 0), (0, -x), (x, x))]
    shifts = ((0, 0, 0), (2 / 3, 1 / 3, 1 / 3), (1 / 3, 2 / 3, 2 / 3))
    return [(element, *np.add(xyz, shift)) for element, *xyz in base for shift in shifts]


def rhombohedral(xyz):
    """Coordinates on rhombohedral axes: those of ITA's table 5.1.3.1, R1."""
    x, y, z = xyz
    return (x + z, -x + y + z, -y + z)


@pytest.mark.parametrize("symbol", ["R -3 c", "R -3 c:H", "R -3 c H", "167", "R-3c"])
def test_hexagonal_axes_of_a_rhombohedral_crystal(symbol):
    phase = phase_from_cif(cif(HEXAGONAL, CORUNDUM, symbol=symbol))
    assert len(phase.cell_atoms) == 30
    assert phase.centring == "R"
    for hkl in ([1, 0, 4], [1, 1, 3], [1, 1, 6], [0, 1, 2], [0, 3, 0]):
        assert phase.f_squared(hkl) == pytest.approx(by_hand(corundum(), hkl, HEXAGONAL), rel=1e-5)
    assert phase.cell_atoms.density(phase.cell_volume) == pytest.approx(3.987, abs=0.005)


@pytest.mark.parametrize("symbol", ["R -3 c", "R -3 c:R", "R -3 c R", 167])
def test_rhombohedral_axes_give_the_same_spacings_and_intensities(symbol):
    sites = [(element, *rhombohedral(xyz)) for element, *xyz in CORUNDUM]
    given = phase_from_cif(cif(RHOMBIC, sites, symbol=symbol))
    hexagonal = phase_from_cif(cif(HEXAGONAL, CORUNDUM, operations=operations_of("R -3 c:H")))
    assert (len(given.cell_atoms), given.crystal_system, given.laue_class) == (10, "trigonal", "-3m")
    assert (given.keyed_system, hexagonal.keyed_system) == ("", "trigonal")
    here, there = given.reflections(1.0), hexagonal.reflections(1.0)
    np.testing.assert_allclose(here.multiplicity, there.multiplicity)
    first = np.searchsorted(here.family, np.arange(len(here.representative)))
    np.testing.assert_allclose(here.g_length[first], there.g_length[first], rtol=3e-4)
    np.testing.assert_allclose(here.family_f_squared * 9, there.family_f_squared, rtol=0.02, atol=2.0)


def test_the_unique_axis_may_be_any():
    usual = phase_from_cif(cif([5, 6, 7, 90, 100, 90], [("Fe", 0.1, 0.2, 0.3)], symbol="P 1 21/c 1"))
    turned = phase_from_cif(cif([7, 5, 6, 90, 90, 100], [("Fe", 0.3, 0.1, 0.2)], symbol="P 1 1 21/a"))
    for h, k, m in [(1, 0, 0), (0, 2, 0), (1, 1, -2), (0, 1, 2), (3, 1, 1)]:
        assert turned.f_squared([m, h, k]) == pytest.approx(usual.f_squared([h, k, m]), rel=1e-5)
    assert find_space_group("P 2/m", [5, 6, 7, 90, 90, 100], "x").symbol == "P 1 1 2/m"
    with pytest.raises(SetupError, match=r"which setting: P 1 1 21/a, P 1 1 21/n, P 1 1 21/b fit"):
        find_space_group(14, [5, 6, 7, 90, 90, 100], "x")


def test_a_setting_that_no_table_has_counts_by_its_operations():
    centred = [
        *operations_of("P 4/m m m"),
        *(f"{op}+1/2".replace(",", "+1/2,") for op in operations_of("P 4/m m m")),
    ]
    phase = phase_from_cif(cif([4, 4, 6, 90, 90, 90], [("Fe", 0, 0, 0)], operations=centred))
    assert (phase.spacegroup, phase.centring, phase.crystal_system) == ("I 4/m m m", "I", "tetragonal")
    faces = [
        ",".join(f"{part}+{shift}" for part, shift in zip(op.split(","), add, strict=True))
        for op in operations_of("P 4/m m m")
        for add in (("0", "0", "0"), ("0", "1/2", "1/2"), ("1/2", "0", "1/2"), ("1/2", "1/2", "0"))
    ]
    odd = phase_from_cif(cif([5.7, 5.7, 6, 90, 90, 90], [("Fe", 0, 0, 0)], operations=faces))
    assert (odd.centring, odd.laue_class, len(odd.cell_atoms)) == ("F", "4/mmm", 4)
    assert all(h % 2 == k % 2 == m % 2 for h, k, m in odd.reflections(1.0).hkl.tolist())


def test_every_setting_of_the_tables_is_understood_from_its_operations_alone():
    for group in gemmi.spacegroup_table():
        ours = SpaceGroup.of(group)
        assert (ours.laue_class, ours.crystal_system) == (group.laue_str(), group.crystal_system_str())
        if group.hm.startswith(group.centring_type()) and group.centring_type() in "PABCIFR":
            assert ours.centring == group.centring_type()


def test_extinctions_are_those_of_the_tables():
    n = np.arange(-4, 5)
    hkl = np.array(np.meshgrid(n, n, n)).reshape(3, -1).T
    for symbol in ("P 1 21/c 1", "P n m a", "F d -3 m:2", "R -3 c:H", "R -3 c:R", "I 41/a:1", "P 63/m m c"):
        group = gemmi.find_spacegroup_by_name(symbol)
        expected = group.operations().systematic_absences(hkl.astype(np.int32))
        np.testing.assert_array_equal(SpaceGroup.of(group).extinguished(hkl), expected)


def test_operations_that_are_no_group_are_refused():
    text = cif(CUBE, MAGNETITE, operations=operations_of("F d -3 m:2")[:50])
    with pytest.raises(SetupError, match="must be a group"):
        phase_from_cif(text)
    with pytest.raises(SetupError, match="must read like"):
        phase_from_cif(cif(CUBE, MAGNETITE, operations=["x,y,z", "x,y"]))
    with pytest.raises(SetupError, match="keep volumes"):
        phase_from_cif(cif(CUBE, MAGNETITE, operations=["x,y,z", "x,y,0"]))


def test_a_name_that_contradicts_the_operations_is_said():
    phase = phase_from_cif(cif([4.05] * 3 + [90] * 3, [("Al", 0, 0, 0)], symbol="F m -3 m", operations=["x,y,z"]))
    assert phase.laue_class == "-1"
    assert any("are not those of F m -3 m" in text for text in phase.oddities())


TWO = cif(CUBE, MAGNETITE, name="magnetite", symbol="F d -3 m:2") + cif(
    HEXAGONAL, CORUNDUM, name="corundum", symbol="R -3 c"
)


def test_one_of_several_blocks_is_asked_for_by_its_name(tmp_path):
    path = tmp_path / "both.cif"
    path.write_text("data_global\n_audit_creation_date 2020-01-01\n" + TWO)
    with pytest.raises(SetupError, match=r"2 crystals.*both\.cif::magnetite.*there is magnetite, corundum"):
        read_cif(str(path))
    assert read_cif(f"{path}::corundum").laue_class == "-3m"
    assert read_cif(f"{path}::MAGNETITE", "Fe3O4").name == "Fe3O4"
    with pytest.raises(SetupError, match="no crystal of that name, got hematite"):
        read_cif(f"{path}::hematite")
    alone = "data_global\n_audit_creation_date 2020-01-01\n" + cif(CUBE, MAGNETITE, symbol="F d -3 m:2")
    assert len(phase_from_cif(alone).cell_atoms) == 56


def test_atoms_in_each_other_and_impossible_densities_are_said():
    close = phase_from_cif(cif(CUBE, [*MAGNETITE, ("O2", 0.2549, 0.2549, 0.275)], symbol="F d -3 m:2"))
    assert any("within 0.3 Å" in text for text in close.oddities())
    heavy = Phase.from_lattice("Pb", [2.9] * 3 + [90] * 3, "F m -3 m")
    assert any("g/cm³" in text for text in heavy.oddities())
    beside = phase_from_cif(cif([4.05] * 3 + [90] * 3, [("Al", 0.02, 0, 0)], symbol="F m -3 m"))
    assert any("within 0.3 Å" in text for text in beside.oddities())


def test_sites_that_take_turns_are_fine():
    mixed = [("Fe1", 0, 0, 0, 0.7), ("Ni1", 0, 0, 0, 0.3)]
    phase = phase_from_cif(cif([3.58] * 3 + [90] * 3, mixed, symbol="F m -3 m", columns=("occupancy",)))
    assert phase.oddities() == ()
    iron, nickel = (
        Phase.from_lattice(name, [3.58] * 3 + [90] * 3, "F m -3 m").f_squared([1, 1, 1]) for name in ("Fe", "Ni")
    )
    expected = (0.7 * np.sqrt(iron) + 0.3 * np.sqrt(nickel)) ** 2
    assert phase.f_squared([1, 1, 1]) == pytest.approx(expected, rel=1e-6)
    split = [("O1", 0.02, 0, 0, "0.1667")]
    columns = ("occupancy",)
    assert phase_from_cif(cif(CUBE, split, symbol="P m -3 m", columns=columns)).oddities() == ()
    twice = [("Fe1", 0, 0, 0, 1), ("Ni1", 0, 0, 0, 1)]
    assert phase_from_cif(cif(CUBE, twice, symbol="F m -3 m", columns=columns)).oddities()


def test_rounded_coordinates_stay_on_their_special_positions():
    phase = phase_from_cif(
        cif([2.9505, 2.9505, 4.6826, 90, 90, 120], [("Ti1", 0.333, 0.667, 0.25)], symbol="P 63/m m c")
    )
    exact = Phase.from_lattice("Ti", [2.9505, 2.9505, 4.6826, 90, 90, 120], "P 63/m m c")
    assert len(phase.cell_atoms) == 2
    assert families_of(phase, 0.8) == families_of(exact, 0.8)


def test_thermal_motion_comes_from_b_or_u():
    def b_of(column, value):
        text = cif(CUBE, [("Fe", 0, 0, 0, value)], symbol="F m -3 m", columns=(column,))
        return phase_from_cif(text).sites[0].b_iso

    assert b_of("U_iso_or_equiv", "0.006(1)") == pytest.approx(8 * np.pi**2 * 0.006)
    assert b_of("B_iso_or_equiv", "0.71") == pytest.approx(0.71)
    assert b_of("B_iso_or_equiv", "?") == pytest.approx(0.5)


def test_labels_and_types_are_read_as_elements():
    rows = [("FE1", 0, 0, 0), ("OW", 0.5, 0, 0), ("Cu1A", 0, 0.5, 0), ("D2", 0, 0, 0.5), ("Fet", 0.5, 0.5, 0)]
    phase = phase_from_cif(cif(CUBE, rows, symbol="P 1"))
    assert [site.element for site in phase.sites] == ["Fe", "O", "Cu", "D", "Fe"]
    typed = [("M1", 0, 0, 0, "Fe3+"), ("X", 0.5, 0, 0, "O2-")]
    phase = phase_from_cif(cif(CUBE, typed, symbol="P 1", columns=("type_symbol",)))
    assert [site.element for site in phase.sites] == ["Fe", "O"]


def test_thermal_motion_in_another_unit_is_said():
    text = cif(CUBE, [("Fe", 0, 0, 0, 6.0)], symbol="F m -3 m", columns=("U_iso_or_equiv",))
    assert any("in another unit?" in told for told in phase_from_cif(text).oddities())


def test_a_cell_in_nanometres_is_refused(tmp_path):
    (tmp_path / "al.cif").write_text(cif([0.405] * 3 + [90] * 3, [("Al", 0, 0, 0)], symbol="F m -3 m"))
    with pytest.raises(SetupError, match=r"if nm was meant, write 4\.05"):
        PhaseParams.build({"name": "Al", "cif": str(tmp_path / "al.cif")}).phase()


def test_a_cif_without_atoms_leaves_the_intensities_to_the_scan():
    phase = phase_from_cif(cif(CUBE, [], symbol="F d -3 m"), "spinel")
    assert not phase.knows_atoms
    assert families_of(phase, 2.4)[:3] == [[1, 1, 1], [2, 2, 0], [3, 1, 1]]
    assert [2, 0, 0] not in families_of(phase, 2.0)
    assert "spinel: its atoms are not known" in phase.oddities()[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no block with a cell"),
        ("data_x\nloop_\n_a _b\n1 2 3\n", "must be a readable CIF"),
        (cif(CUBE, MAGNETITE), "no symmetry operations, no symbol and no number"),
        (cif([8, 8, -8, 90, 90, 90], MAGNETITE, symbol="P 1"), "six positive numbers"),
        (cif(CUBE, [("M1", 0, 0, 0)], symbol="P 1"), "must be a chemical element, got M1"),
        (cif([8, 8, 9, 90, 90, 90], MAGNETITE, symbol="F d -3 m"), "must have the symmetry"),
        (cif(CUBE, MAGNETITE, symbol="Q m"), "Hermann-Mauguin"),
        (cif(CUBE, [("Wat", 0, 0, 0)], symbol="P 1"), "must be a chemical element, got Wat"),
        (cif(CUBE, [("Fe", 0, 0, 0, 4)], symbol="P 1", columns=("occupancy",)), "must be 0 to 1, got 4"),
        (cif([1e300, 1e300, 1e300, 90, 90, 90], MAGNETITE, symbol="P 1"), "at most 1000 Angstrom"),
    ],
)
def test_a_cif_that_cannot_be_is_refused(text, message):
    with pytest.raises(SetupError, match=message):
        phase_from_cif(text)


@pytest.mark.parametrize("number", ["0", "00", "231", "0225", "1" * 5000, "²"])
def test_numbers_that_no_space_group_has_are_refused(number):
    with pytest.raises(SetupError, match="must be a Hermann-Mauguin symbol or number"):
        find_space_group(number, (4.0, 4.0, 4.0, 90.0, 90.0, 90.0), "Al")


@pytest.mark.parametrize(("number", "told"), [(225, False), (229, True)])
def test_a_number_that_is_not_of_the_symbol_is_told(number, told):
    cell = "".join(f"_cell_length_{axis} 4.05\n" for axis in "abc")
    text = f"data_a\n{cell}_space_group_name_H-M_alt 'F m -3 m'\n_space_group_IT_number {number}\n"
    sites = "loop_\n_atom_site_label\n" + "".join(f"_atom_site_fract_{axis}\n" for axis in "xyz") + "Al 0 0 0\n"
    phase = phase_from_cif(text + sites)
    assert phase.spacegroup == "F m -3 m"
    assert any("is space group 225, not 229" in note for note in phase.notes) == told
