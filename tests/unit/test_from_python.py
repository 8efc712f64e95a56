"""Results as a notebook takes them: rows, frames, pandas, short texts, and errors like the command line's."""

import builtins
import sys

import numpy as np
import pandas as pd
import pytest

import friedel
from friedel.errors import FriedelError, RecipeError
from friedel.io.store import write_blobs, write_grains, write_volume
from friedel.model.scan import ArrayFrames, Scan
from friedel.recipe import PhaseParams
from friedel.segment import SegmentParams
from tests.grain_maps import sample_map
from tests.scan_files import blob_table, stack

GRAINS, VOLUME, _ = sample_map()


def test_blobs_are_a_data_frame_either_way():
    table = blob_table(truth=True)
    frame = table.to_pandas()
    assert len(frame) == len(table) == 4
    assert frame["s_raw"].tolist() == table["s_raw"].tolist()
    pd.testing.assert_frame_equal(pd.DataFrame(table), frame)


def test_grains_are_a_data_frame_with_the_columns_of_an_export():
    frame = GRAINS.to_pandas()
    assert frame["grain_id"].tolist() == [1, 2, 3, 4, 5]
    assert frame["position_um_y"].tolist() == GRAINS.position_um[:, 1].tolist()
    assert frame["UBI_02"].tolist() == GRAINS.UBI[:, 0, 2].tolist()
    pd.testing.assert_frame_equal(pd.DataFrame(GRAINS), frame)


def test_without_pandas_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(FriedelError, match=r"needs pandas \(pip install pandas\)"):
        GRAINS.to_pandas()


def test_a_row_is_everything_about_one_grain_or_blob():
    last = GRAINS[-1]
    assert last["grain_id"] == 5
    np.testing.assert_array_equal(last["U"], GRAINS.U[4])
    np.testing.assert_array_equal(last["blobs"], GRAINS.blobs[GRAINS.blob_pointer[4] :])
    table = blob_table()
    assert table[1]["f_raw"] == table["f_raw"][1]
    for beyond in (5, -6):
        with pytest.raises(IndexError, match="of a table of 5"):
            GRAINS[beyond]
    with pytest.raises(IndexError):
        table[4]


def test_a_scan_gives_its_frames():
    frames = stack(5, 6, 7)
    scan = Scan(ArrayFrames(frames), 0.0, 1.0, np.zeros((6, 7), "f4"), np.zeros((6, 7), bool), name="s.h5")
    assert len(scan) == 5
    np.testing.assert_array_equal(scan[0], frames[0])
    np.testing.assert_array_equal(scan[-1], frames[-1])
    np.testing.assert_array_equal(scan[1:4], frames[1:4])
    assert len(list(scan)) == 5
    with pytest.raises(IndexError):
        scan[5]
    with pytest.raises(IndexError, match="step of a slice"):
        scan[::2]


def test_the_map_is_an_array_of_numbers():
    np.testing.assert_array_equal(np.asarray(VOLUME), VOLUME.grain_id)
    assert np.asarray(VOLUME, dtype=np.int64).dtype == np.int64


def test_what_is_shown_of_a_table_is_one_short_line():
    scan = Scan(ArrayFrames(stack(5, 6, 7)), 0.0, 0.5, np.zeros((6, 7), "f4"), np.zeros((6, 7), bool), name="s.h5")
    assert repr(scan) == "<Scan s.h5: 5 frames × 6 rows × 7 cols, uint16, 0° in steps of 0.5°>"
    for one in (GRAINS, VOLUME, blob_table()):
        assert len(repr(one)) < 150
        assert "\n" not in repr(one)


def test_results_are_read_by_folder_or_file(tmp_path):
    write_blobs(tmp_path / "blobs.h5", blob_table())
    write_grains(tmp_path / "grains.h5", GRAINS)
    write_volume(tmp_path / "volume.h5", VOLUME)
    for read, name in ((friedel.read_blobs, "blobs"), (friedel.read_grains, "grains")):
        assert len(read(tmp_path)) == len(read(tmp_path / f"{name}.h5"))
    np.testing.assert_array_equal(np.asarray(friedel.read_volume(str(tmp_path))), VOLUME.grain_id)
    with pytest.raises(FriedelError, match=r"pairs\.h5"):
        friedel.read_pairs(tmp_path)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: friedel.Recipe(segmnt={}), "segmnt: unknown key (did you mean 'segment'?)"),
        (lambda: friedel.Recipe(segment={"seed_treshold": 5}), "did you mean 'seed_threshold'?"),
        (lambda: SegmentParams(seed_threshold=-1), "seed_threshold: should be greater than"),
        (lambda: PhaseParams(name="Al", latice=[4.05] * 6), "latice: unknown key (did you mean 'lattice'?)"),
    ],
)
def test_a_wrong_parameter_is_answered_as_on_the_command_line(make, text):
    with pytest.raises(RecipeError) as caught:
        make()
    assert text in str(caught.value)


def test_everything_at_once_shadows_nothing_of_python():
    given = {}
    exec("from friedel import *", given)
    names = set(given) - {"__builtins__", "__version__"}
    assert not names & (set(dir(builtins)) | set(sys.stdlib_module_names))
    assert {"run", "read_grains", "Recipe"} <= names
