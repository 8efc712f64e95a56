"""Our files give back what was put into them, and nothing depends on when they were written."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from friedel.errors import FriedelError, InputError
from friedel.io.hdf5_file import message_of
from friedel.io.store import read_attributes, read_blobs, read_truth, write_blobs, write_truth
from friedel.model.blobs import COLUMNS, BlobTable, Reason
from friedel.model.grains import GrainTable, GrainVolume
from friedel.model.truth import Truth
from tests.scan_files import blob_table


def assert_equal_tables(a: BlobTable, b: BlobTable) -> None:
    assert (a.shape, a.omega_start_deg, a.omega_step_deg, a.wrapped) == (
        b.shape,
        b.omega_start_deg,
        b.omega_step_deg,
        b.wrapped,
    )
    assert len(a) == len(b)
    np.testing.assert_array_equal(a.reason, b.reason)
    for one, other in ((a.columns, b.columns), (a.extra, b.extra)):
        assert set(one) == set(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    for name in ("pointer", "frame", "row", "col", "intensity"):
        one, other = getattr(a.voxels, name), getattr(b.voxels, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_what_is_missing_or_damaged_is_said_in_our_words(tmp_path):
    path = tmp_path / "blobs.h5"
    for damage, words in (
        (lambda file: file.__delitem__("voxels"), "is not a table of blobs, got no 'voxels' in it"),
        (lambda file: file["peaks"].__delitem__("omega"), "is not a table of blobs, got "),
        (lambda file: file.attrs.__delitem__("shape"), "is not a table of blobs, got no 'shape' in it"),
        (
            lambda file: file["peaks/spot3d_id"].__setitem__(0, 9),
            "is not a table of blobs, got blob table: spot3d_id must be the row",
        ),
    ):
        write_blobs(path, blob_table(4, 3))
        with h5py.File(path, "r+") as file:
            damage(file)
        with pytest.raises(InputError, match=words) as caught:
            read_blobs(path)
        assert not any(word in str(caught.value) for word in ("synchronously", "Unable", "object"))
    with h5py.File(path, "w") as file:
        for name in ("b", "a/b"):
            file.require_dataset("a", (), "i4")
            with pytest.raises(KeyError) as missing:
                file[name]
            assert message_of(missing.value) in ("no 'b' in it", "an entry is missing")
    assert message_of(OSError("Unable to open file (errno = 13, error message = 'Permission denied', flags)")) == (
        "permission denied"
    )
    assert message_of(OSError("Can't synchronously read data (filter returned failure during read)")) == (
        "data that cannot be decompressed"
    )


@pytest.mark.parametrize("unit", ["counts", "sigma"])
def test_the_file_says_what_its_numbers_are(tmp_path, unit):
    write_blobs(tmp_path / "blobs.h5", replace(blob_table(4, 3), threshold_unit=unit))
    with h5py.File(tmp_path / "blobs.h5") as file:
        assert file["peaks/threshold"].attrs["units"] == file["rejected/threshold"].attrs["units"] == unit
        assert file["peaks/IMax_int"].attrs["units"] == "counts"
    assert read_blobs(tmp_path).threshold_unit == unit


def test_a_table_is_read_from_its_folder_too(tmp_path):
    write_blobs(tmp_path / "blobs.h5", blob_table(4, 3))
    assert_equal_tables(read_blobs(tmp_path), read_blobs(tmp_path / "blobs.h5"))
    with pytest.raises(InputError, match=r"blobs\.h5: no such file"):
        read_blobs(tmp_path.parent)


def test_a_table_shows_itself_in_a_line_and_knows_its_columns():
    table = blob_table(4, 3)
    assert repr(table).startswith("<BlobTable: 4 blobs and 3 rejected seeds, ")
    assert len(repr(table)) < 120
    with pytest.raises(KeyError, match="did you mean 'omega'"):
        table["omga"]


def test_a_blob_is_named_by_its_row_and_kept_ones_come_first():
    table = blob_table(4, 3)
    for names in ([1, 0, 2, 3, 4, 5, 6], np.arange(1, 8), np.zeros(7, int)):
        with pytest.raises(FriedelError, match="spot3d_id must be the row"):
            replace(table, columns={**table.columns, "spot3d_id": np.array(names)})
    with pytest.raises(FriedelError, match="kept blobs must come before"):
        replace(table, reason=table.reason[::-1])


@pytest.mark.parametrize(("kept", "rejected"), [(4, 3), (0, 3), (4, 0), (0, 0), (1, 0)])
@pytest.mark.parametrize("truth", [False, True])
def test_a_table_of_blobs_reads_back_equal(tmp_path, kept, rejected, truth):
    table = blob_table(kept, rejected, truth=truth)
    write_blobs(tmp_path / "blobs.h5", table)
    assert_equal_tables(read_blobs(tmp_path / "blobs.h5"), table)


def test_every_column_carries_its_type_and_unit(tmp_path):
    write_blobs(tmp_path / "blobs.h5", blob_table())
    with h5py.File(tmp_path / "blobs.h5") as file:
        for column in COLUMNS:
            for group in ("peaks", "rejected"):
                assert file[group][column.name].dtype == np.dtype(column.dtype)
                assert file[group][column.name].attrs["units"] == column.unit
        assert "1 touches another blob" in file["peaks/flags"].attrs["bits"]
        assert file["voxels/intensity"].attrs["units"] == "counts"


def test_only_peaks_are_marked_for_imaged11_and_only_rejected_have_reasons(tmp_path):
    table = blob_table(2, 4)
    write_blobs(tmp_path / "blobs.h5", table)
    with h5py.File(tmp_path / "blobs.h5") as file:
        assert file["peaks"].attrs["ImageD11_type"] == "peaks"
        assert "ImageD11_type" not in file["rejected"].attrs
        assert "reason" not in file["peaks"]
        texts = file["rejected/reason"].asstr()[()]
    assert list(texts) == [Reason(code).text for code in table.reason[2:]]


def test_mappings_among_the_attributes_come_back_as_mappings(tmp_path):
    parameters = {"seed_threshold": 50.0, "min_size": [5, 5, 1]}
    write_blobs(tmp_path / "b.h5", blob_table(), {"parameters": parameters, "version": "0.1"})
    attributes = read_attributes(tmp_path / "b.h5")
    assert attributes["parameters"] == parameters
    assert attributes["version"] == "0.1"
    assert attributes["shape"] == [20, 30, 40]
    with h5py.File(tmp_path / "b.h5") as file:
        assert json.loads(file.attrs["parameters"]) == parameters


def test_the_same_table_makes_the_same_file_to_the_byte(tmp_path):
    for name in ("a.h5", "b.h5"):
        write_blobs(tmp_path / name, blob_table())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", None])
def test_a_file_that_is_not_a_table_of_blobs_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.h5"
    if content is None:
        with h5py.File(path, "w") as file:
            file["peaks/nothing"] = [1]
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"other\.h5"):
        read_blobs(path)


def test_a_table_that_was_cut_off_is_refused_by_name(tmp_path):
    path = tmp_path / "cut.h5"
    write_blobs(path, blob_table(300, 10))
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(InputError, match=r"cut\.h5"):
        read_blobs(path)


def truth() -> Truth:
    rng = np.random.default_rng(0)
    n = 3
    grains = GrainTable(
        U=np.stack([np.eye(3)] * n),
        UBI=rng.random((n, 3, 3)),
        position_um=rng.random((n, 3)),
        completeness=np.ones(n),
        phase=np.zeros(n, np.int64),
        blob_pointer=np.array([0, 2, 3, 4]),
        blobs=np.array([0, 1, 2, 3]),
        shared=np.zeros(4, bool),
        orientation_error_deg=np.zeros(n),
        position_error_um=np.zeros(n),
        volume_um3=rng.random(n),
        phases=("Al",),
    )
    ids = rng.integers(0, n + 1, (2, 3, 4)).astype(np.int32)
    volume = GrainVolume(
        ids, (ids > 0).astype(np.uint8), rng.random(ids.shape).astype(np.float32), np.array([-1.0, -2.0, -3.0]), 2.5
    )
    return Truth(blob_table(truth=True), grains, volume)


def test_the_truth_reads_back_equal(tmp_path):
    one = truth()
    write_truth(tmp_path / "t.h5", one)
    other = read_truth(tmp_path / "t.h5")
    assert_equal_tables(one.blobs, other.blobs)
    for name in GrainTable.__slots__:
        np.testing.assert_array_equal(getattr(one.grains, name), getattr(other.grains, name), err_msg=name)
    for name in GrainVolume.__slots__:
        np.testing.assert_array_equal(getattr(one.volume, name), getattr(other.volume, name), err_msg=name)


def test_the_truth_of_blobs_alone_has_neither_grains_nor_volume(tmp_path):
    write_truth(tmp_path / "t.h5", Truth(blob_table(truth=True)))
    other = read_truth(tmp_path / "t.h5")
    assert other.grains is None
    assert other.volume is None


def test_the_volume_says_what_vtk_wants_to_know(tmp_path):
    write_truth(tmp_path / "t.h5", truth())
    with h5py.File(tmp_path / "t.h5") as file:
        group = file["VTKHDF"]
        kind = group.attrs.get_id("Type")
        assert not kind.get_type().is_variable_str()
        assert group.attrs["Type"] == b"ImageData"
        assert group.attrs["WholeExtent"].tolist() == [0, 4, 0, 3, 0, 2]
        assert group.attrs["Spacing"].tolist() == [2.5, 2.5, 2.5]
        assert group["CellData/grain_id"].shape == (2, 3, 4)


def test_missing_frames_are_kept_with_the_blobs(tmp_path):
    table = replace(blob_table(), gaps=((3, 5), (9, 10)))
    write_blobs(tmp_path / "blobs.h5", table)
    assert read_blobs(tmp_path / "blobs.h5").gaps == ((3, 5), (9, 10))
    write_blobs(tmp_path / "blobs.h5", blob_table())
    assert read_blobs(tmp_path / "blobs.h5").gaps == ()
