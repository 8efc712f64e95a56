"""Crystals that are not quite those of the recipe: nearly equal lattices, a wrong space group; too short scans."""

import numpy as np
import pytest

from friedel.index import IndexParams, index
from friedel.match import MatchParams, match
from friedel.model.crystal import Phase
from tests.oracles_match import spot_table
from tests.unit.test_match import AL, SETUP

ONE_ATOM = [["Al", 0.0, 0.0, 0.0]]


def crystal(name, *lengths, group="F m -3 m"):
    return Phase.from_lattice(name, [*lengths, 90, 90, 90], group, atoms=ONE_ATOM)


def grains_of(blobs, phases):
    return index(blobs, match(blobs, SETUP, phases, MatchParams()), SETUP, phases, IndexParams())


def owners(blobs, grains):
    """The true grain of each that was found."""
    parts = zip(grains.blob_pointer, grains.blob_pointer[1:], strict=False)
    rows = [np.bincount(blobs["grain"][grains.blobs[a:b]]) for a, b in parts]
    assert all(row.max() > 0.95 * row.sum() for row in rows)
    return np.array([row.argmax() for row in rows])


@pytest.mark.parametrize(
    "other", [crystal("B", 4.061, 4.061, 4.061), crystal("B", 4.05, 4.05, 4.066, group="I 4/m m m")]
)
def test_grains_are_of_the_phase_whose_lattice_fits_their_spots_best(other):
    phases = [crystal("A", 4.05, 4.05, 4.05), other]
    blobs = spot_table(SETUP, phases, 12, seed=4)
    grains = grains_of(blobs, phases)
    true = owners(blobs, grains)
    assert sorted(true) == list(range(12))
    np.testing.assert_array_equal(grains.phase, true % 2)
    assert grains.notes == ()


def test_where_the_spots_do_not_tell_two_phases_apart_it_is_said():
    phases = [crystal("A", 4.05, 4.05, 4.05), crystal("B", 4.0502, 4.0502, 4.0502)]
    blobs = spot_table(SETUP, phases, 8, seed=5)
    grains = grains_of(blobs, phases)
    assert sorted(owners(blobs, grains)) == list(range(8))
    assert any("its lattice is nearly that of" in note and "do not tell" in note for note in grains.notes)


def test_a_wrong_space_group_in_the_right_lattice_is_said_and_the_grains_are_found():
    blobs = spot_table(SETUP, [AL], 15, seed=6)
    grains = grains_of(blobs, [crystal("X", 4.0495, 4.0495, 4.0495, group="P m -3 m")])
    assert sorted(owners(blobs, grains)) == list(range(15))
    assert "X: intensities disagree with its atoms: {1 0 0}, {1 1 0}" in grains.notes[0]
    assert "check space group and atoms" in grains.notes[0]


def test_of_the_right_crystal_no_family_is_silent():
    blobs = spot_table(SETUP, [AL], 6, seed=6)
    assert grains_of(blobs, [AL]).notes == ()


def test_a_wedge_too_short_for_any_grain_says_how_many_spots_it_would_take():
    blobs = spot_table(SETUP, [AL], 12, turn_deg=15.0)
    grains = grains_of(blobs, [AL])
    assert not len(grains)
    assert "in 15° of rotation a grain has about" in grains.notes[0]
    assert "record more rotation" in grains.notes[0]
