"""Other programs read our tables and find our images."""

import csv
import sys

import h5py
import numpy as np
import pytest

from friedel.errors import InputError
from friedel.io.export import export_table
from friedel.io.store import CleanWriter, RawWriter, write_background, write_blobs
from friedel.model.blobs import COLUMNS, TRUTH_COLUMNS, Reason
from tests.scan_files import blob_table, stack


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("truth", [False, True])
def test_imaged11_reads_our_peaks(tmp_path, truth):
    from ImageD11.columnfile import colfile_from_hdf, columnfile

    table = blob_table(truth=truth)
    write_blobs(tmp_path / "blobs.h5", table)
    for read in (colfile_from_hdf, columnfile):
        peaks = read(str(tmp_path / "blobs.h5"))
        assert peaks.nrows == len(table) == 4
        names = [column.name for column in (*COLUMNS, *(TRUTH_COLUMNS if truth else ()))]
        assert set(peaks.titles) == set(names)
        for name in names:
            np.testing.assert_allclose(peaks.getcolumn(name), table[name], rtol=1e-6, err_msg=name)


def write_raw(path):
    frames = stack(4, 16, 18)
    with RawWriter(path, frames.shape, dark=frames[0], omega_start_deg=0, omega_step_deg=1) as writer:
        writer.append(frames)
    return frames


def write_clean(path):
    frames = stack(4, 16, 18).astype("f4")
    with CleanWriter(path, frames.shape) as writer:
        writer.append(frames)
    return frames


def write_backgrounds(path):
    images = stack(4, 16, 18).astype("f4")
    write_background(path, images, np.arange(4), np.ones((9, 1)))
    return images


@pytest.mark.parametrize("write", [write_raw, write_clean, write_backgrounds])
def test_silx_finds_the_default_image(tmp_path, write):
    from silx.io.nxdata import get_default

    images = write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        data = get_default(file)
        assert data is not None
        assert data.is_valid
        assert data.interpretation == "image"
        np.testing.assert_array_equal(data.signal[0], images[0])


def test_parquet_holds_every_row_with_units_and_reasons(tmp_path):
    from pyarrow import parquet

    table = blob_table(truth=True)
    export_table(table, tmp_path / "blobs.parquet", "parquet")
    read = parquet.read_table(tmp_path / "blobs.parquet")
    for name, values in {**table.columns, **table.extra}.items():
        np.testing.assert_array_equal(read[name].to_numpy(), values, err_msg=name)
    assert read["reason"].to_pylist() == [Reason(code).text for code in table.reason]
    assert read.schema.field("omega").metadata[b"unit"] == b"deg"


@pytest.mark.parametrize("rows", [(4, 3), (0, 0)])
def test_csv_reads_back_to_the_last_digit(tmp_path, rows):
    table = blob_table(*rows, truth=True)
    export_table(table, tmp_path / "blobs.csv", "csv")
    with (tmp_path / "blobs.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert len(read) == sum(rows)
    for row, values in enumerate(read):
        for name, column in {**table.columns, **table.extra}.items():
            assert float(values[name]) == column[row]
        assert values["reason"] == Reason(table.reason[row]).text


def test_a_format_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="must be parquet or csv, got 'xlsx'"):
        export_table(blob_table(), tmp_path / "a.xlsx", "xlsx")


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install friedel\[export\]"):
        export_table(blob_table(), tmp_path / "a.parquet", "parquet")
    assert list(tmp_path.iterdir()) == []
