"""Grains, pairs and volumes read back as they were written."""

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest

from friedel.describe import describe
from friedel.errors import InputError
from friedel.io.store import (
    read_attributes,
    read_description,
    read_grains,
    read_pairs,
    read_volume,
    write_grains,
    write_pairs,
    write_volume,
)
from friedel.model.description import BOUNDARY_COLUMNS, GRAIN_COLUMNS
from friedel.model.pairs import PAIR_COLUMNS, RESIDUAL_COLUMNS, PairTable, PairTolerances
from tests.grain_maps import sample_map

GRAINS, VOLUME, PHASES = sample_map()


def pairs_of(n, seed=0, *, residuals=False):
    rng = np.random.default_rng(seed)
    schema = (*PAIR_COLUMNS, *RESIDUAL_COLUMNS) if residuals else PAIR_COLUMNS
    columns = {c.name: rng.integers(0, 9, n) if c.dtype == "i8" else rng.normal(size=n) for c in schema}
    return PairTable(columns, null_pairs=12.5, tolerances=PairTolerances(0.1, 0.02, 4.0, tuned=True), blobs=n)


def assert_equal_records(a, b):
    for field in fields(a):
        one, other = getattr(a, field.name), getattr(b, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, field.name
        np.testing.assert_array_equal(one, other, err_msg=field.name)


def test_grains_read_back_equal(tmp_path):
    write_grains(tmp_path / "grains.h5", GRAINS, {"parameters": {"a": 1}, "friedel": "0"})
    assert_equal_records(read_grains(tmp_path / "grains.h5"), GRAINS)
    assert read_attributes(tmp_path / "grains.h5")["parameters"] == {"a": 1}
    assert read_description(tmp_path / "grains.h5") is None


def test_what_only_indexing_knows_reads_back_too(tmp_path):
    rng = np.random.default_rng(2)
    n, entries = len(GRAINS), len(GRAINS.blobs)
    full = replace(
        GRAINS,
        hkl=rng.integers(-3, 4, (entries, 3)),
        residuals=rng.normal(size=(entries, 3)),
        expected=rng.integers(20, 60, n),
        strain=rng.normal(size=(n, 6)),
        alternative_log_odds=rng.normal(size=n),
        ambiguous=rng.random(n) < 0.5,
        twin_fraction=rng.random(n),
        twin_fraction_error=rng.random(n),
        notes=("one", "two"),
    )
    write_grains(tmp_path / "grains.h5", full)
    assert_equal_records(read_grains(tmp_path / "grains.h5"), full)


def test_grains_of_an_older_file_without_the_optional_fields_can_be_read(tmp_path):
    write_grains(tmp_path / "grains.h5", GRAINS)
    with h5py.File(tmp_path / "grains.h5", "a") as file:
        for name in ("hkl", "residuals", "strain"):
            del file["grains"][name]
    assert_equal_records(read_grains(tmp_path / "grains.h5"), GRAINS)


def test_no_grains_read_back_as_none(tmp_path):
    grains, _, _ = sample_map(0)
    write_grains(tmp_path / "grains.h5", grains)
    assert len(read_grains(tmp_path / "grains.h5")) == 0


def test_the_layout_of_grains_is_that_of_the_documentation(tmp_path):
    write_grains(tmp_path / "grains.h5", GRAINS)
    with h5py.File(tmp_path / "grains.h5") as file:
        group = file["grains"]
        n = len(GRAINS)
        assert group["U"].shape == group["UBI"].shape == (n, 3, 3)
        assert group["position_um"].attrs["units"] == "um"
        assert group["blob_pointer"].shape == (n + 1,)
        assert group["shared"].shape == group["blobs"].shape
        assert group.attrs["phases"].tolist() == ["Al", "Ti"]


def test_a_description_is_columns_of_grains_and_a_table_of_boundaries(tmp_path):
    description = describe(GRAINS, VOLUME, PHASES)
    write_grains(tmp_path / "grains.h5", GRAINS, description=description)
    assert_equal_records(read_grains(tmp_path / "grains.h5"), GRAINS)
    back = read_description(tmp_path / "grains.h5")
    assert back.load_axis == description.load_axis
    for name in (column.name for column in GRAIN_COLUMNS):
        np.testing.assert_array_equal(back.grains[name], description.grains[name])
    for name in (column.name for column in BOUNDARY_COLUMNS):
        np.testing.assert_array_equal(back.boundaries[name], description.boundaries[name])
    with h5py.File(tmp_path / "grains.h5") as file:
        assert file["grains/diameter_um"].attrs["units"] == "um"
        assert file["boundaries/area_um2"].attrs["meaning"]


@pytest.mark.parametrize("residuals", [True, False])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_pairs_read_back_equal_with_their_null(tmp_path, n, residuals):
    pairs = pairs_of(n, residuals=residuals)
    write_pairs(tmp_path / "pairs.h5", pairs, {"parameters": {"a": 1}})
    back = read_pairs(tmp_path / "pairs.h5")
    assert len(back) == n
    assert set(back.columns) == set(pairs.columns)
    for name in pairs.columns:
        np.testing.assert_array_equal(back[name], pairs[name])
    for field in fields(PairTable):
        if field.name not in ("columns", "across"):  # tables
            assert getattr(back, field.name) == getattr(pairs, field.name), field.name
    assert len(back.across) == len(pairs.across) == 0
    with h5py.File(tmp_path / "pairs.h5") as file:
        assert file["pairs"].attrs["null_pairs"] == 12.5
        assert file["pairs/two_theta"].attrs["units"] == "deg"


def test_a_volume_reads_back_equal(tmp_path):
    write_volume(tmp_path / "volume.h5", VOLUME, {"friedel": "0"})
    assert_equal_records(read_volume(tmp_path / "volume.h5"), VOLUME)


@pytest.mark.parametrize("read", [read_grains, read_pairs, read_volume])
def test_a_foreign_file_is_named(tmp_path, read):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_group("grains")
        file.create_group("pairs")
        file.create_group("VTKHDF")
    with pytest.raises(InputError, match=r"other\.h5: is not a"):
        read(tmp_path / "other.h5")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "nothing.h5")


def test_half_a_description_is_named(tmp_path):
    write_grains(tmp_path / "grains.h5", GRAINS, description=describe(GRAINS, VOLUME, PHASES))
    with h5py.File(tmp_path / "grains.h5", "a") as file:
        del file["grains/diameter_um"]
    with pytest.raises(InputError, match="half a description"):
        read_description(tmp_path / "grains.h5")
