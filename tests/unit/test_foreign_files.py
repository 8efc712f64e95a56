"""Files that are damaged or lie: each gets one line with its name, and no memory for what it does not hold."""

import json
import resource

import fabio
import h5py
import numpy as np
import pytest
import tifffile

from friedel.errors import CapacityError, FriedelError, InputError, RecipeError, ScanError
from friedel.io import OmegaParams, ScanParams, open_scan
from friedel.io.foreign import parsing
from friedel.io.heap_check import check_heaps
from friedel.io.images import read_images
from friedel.io.store import read_blobs, read_description, read_grains, read_pairs, read_volume, write_blobs
from friedel.recipe import load_recipe
from friedel.recipe.settings import parse_value
from tests.scan_files import blob_table

GIVEN = ScanParams(dark=1.0, omega=OmegaParams(start_deg=0.0, step_deg=1.0))
FRAMES = np.arange(3 * 8 * 9, dtype=np.uint16).reshape(3, 8, 9)


def first_frame(path):
    """Of a scan."""
    return open_scan(path, GIVEN).frames.read(0, 1)


def refused(path, *words):
    """Open a scan that cannot be: one line with its name."""
    with pytest.raises(ScanError) as caught:
        first_frame(path)
    text = str(caught.value)
    assert str(path).partition("::")[0].rpartition("/")[2] in text
    for word in words:
        assert word in text, text


@pytest.mark.parametrize(
    ("raised", "becomes", "words"),
    [
        (OSError("Can't synchronously read data (x)"), ScanError, "data that cannot be read"),
        (KeyError("Unable to open object (component 'a' not found)"), ScanError, "no 'a' in it"),
        (RecursionError("deep"), ScanError, "more levels"),
        (MemoryError("Unable to allocate 7 TiB"), CapacityError, "more memory than there is"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), ScanError, "bad"),
        (ZeroDivisionError("division by zero"), ScanError, "division"),
        (FriedelError("table", rule="must be whole"), ScanError, "table: must be whole"),
        (RecipeError("x", rule="y"), RecipeError, "x: y"),
    ],
)
def test_whatever_a_library_raises_becomes_one_line_with_the_files_name(raised, becomes, words):
    with pytest.raises(becomes, match=words) as caught, parsing("a/file.h5"):
        raise raised
    assert len(str(caught.value).splitlines()) == 1
    assert becomes is RecipeError or "a/file.h5" in str(caught.value)


def test_an_interrupt_passes():
    with pytest.raises(KeyboardInterrupt), parsing("a"):
        raise KeyboardInterrupt


def test_links_that_lead_in_circles_are_followed_once(tmp_path):
    path = tmp_path / "circle.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("a/b")
        for number in range(
            12
        ):  # twelve ways back at every level: 12 to the power of the depth, were they all gone
            group[f"back{number}"] = h5py.SoftLink("/a")
            group[f"out{number}"] = h5py.ExternalLink("circle.h5", "/")
        file["round"] = h5py.SoftLink("/trip")
        file["trip"] = h5py.SoftLink("/round")
        file["gone"] = h5py.ExternalLink("nothing.h5", "/x")
    refused(path, "links that lead nowhere")
    refused(f"{path}::/round", "leads nowhere")
    with h5py.File(path, "a") as file:
        file["a/b/frames"] = FRAMES
    np.testing.assert_array_equal(open_scan(path, GIVEN).frames.read(0, 3), FRAMES)


def test_a_virtual_dataset_that_is_made_of_itself_is_refused(tmp_path):
    for name, sources in (("self", {"one": "one"}), ("pair", {"one": "two", "two": "one"})):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as file:
            for target, source in sources.items():
                layout = h5py.VirtualLayout(FRAMES.shape, "u2")
                layout[:] = h5py.VirtualSource(".", source, FRAMES.shape)
                file.create_virtual_dataset(target, layout)
        refused(f"{path}::/one", "must not be made of itself")
        with pytest.raises(ScanError, match="must not be made of itself"):
            read_images(f"{path}::/one", tmp_path)


@pytest.mark.parametrize("shape", [(10**12, 8, 9), (3, 10**6, 10**6), (2 * 10**7, 4, 4)])
def test_a_header_that_says_more_than_any_detector_writes_allocates_nothing(tmp_path, shape):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("frames", shape, "u2", chunks=(1, 4, 4))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path / "huge.h5", "frames of")
    with pytest.raises((ScanError, CapacityError), match="not in the file"):
        read_images(f"{tmp_path / 'huge.h5'}::/frames", tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_frames_in_millions_of_chunks_are_refused(tmp_path):
    with h5py.File(tmp_path / "dust.h5", "w") as file:
        file.create_dataset("frames", (3, 3000, 3000), "u2", chunks=(1, 1, 1))
    refused(tmp_path / "dust.h5", "chunks a frame", "got 9000000")


def test_a_heap_of_texts_that_hdf5_never_leaves_is_refused(tmp_path):
    path = tmp_path / "heap.h5"
    with h5py.File(path, "w") as file:
        file["title"] = "dark"
        file["frames"] = FRAMES
    check_heaps(path)
    data = bytearray(path.read_bytes())
    data[data.find(b"GCOL") + 16 : data.find(b"GCOL") + 40] = bytes(24)  # its first entry: free, and of no length
    path.write_bytes(data)
    refused(path, "entries have no length")


def test_tiff_without_strips_and_edf_without_a_dimension_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FRAMES, photometric="minisblack")
    data = path.read_bytes()
    for tag in (273, 257):
        path.write_bytes(data.replace(tag.to_bytes(2, "little"), b"\xff\xfe", 1))
        refused(path)
    path = tmp_path / "a.edf"
    fabio.edfimage.EdfImage(FRAMES[0]).write(str(path))
    whole = path.read_bytes()
    for old, new in ((b"Dim_2", b"Dim_9"), (b"Dim_1 = 9", b"Dim_1 = x"), (b"UnsignedShort", b"SignedRational")):
        path.write_bytes(whole.replace(old, new))
        refused(path)


def test_numpy_headers_that_lie_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", FRAMES)
    np.savez_compressed(tmp_path / "a.npz", FRAMES)
    for name in ("a.npy", "a.npz"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data.replace(b"(3, 8, 9)", b"(9, 9, 9)") if name == "a.npy" else data[:-30])
        refused(tmp_path / name, "is not a whole numpy file")
    shape = (10**6, 10**4, 10)
    with open(tmp_path / "b.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<u2", "fortran_order": False, "shape": shape})
    refused(tmp_path / "b.npy", "is not a whole numpy file")


def test_deeply_nested_toml_is_refused(tmp_path):
    path = tmp_path / "deep.toml"
    path.write_text("x = " + "[" * 100_000)
    with pytest.raises(RecipeError, match=r"deep\.toml: is not TOML"):
        load_recipe(path)
    assert parse_value("[" * 100_000) == "[" * 100_000


def _text_for(name):
    def spoil(file):
        count = len(file[name])
        del file[name]
        file[name] = np.full(count, b"text")

    return spoil


def _values_for(name, values):
    def spoil(file):
        del file[name]
        file[name] = values

    return spoil


def _attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_text_for("peaks/s_raw"), "peaks/s_raw: must be numbers"),
        (_text_for("voxels/intensity"), "voxels/intensity"),
        (_values_for("peaks/omega", np.zeros((4, 2))), "peaks/omega: must be a list"),
        (_values_for("peaks/omega", np.zeros(3)), "columns must be of one length"),
        (_values_for("peaks/row_start", np.full(4, 0.5)), "peaks/row_start: must be of type int64"),
        (_values_for("peaks/col_stop", np.full(4, 10**9)), "col_stop"),
        (_values_for("peaks", 3), "must be a group"),
        (_attribute("shape", "large"), "shape"),
        (_attribute("shape", [0, 2, 3]), "shape"),
        (_attribute("omega_step_deg", "x"), "could not convert"),
        (_attribute("omega_step_deg", np.nan), "omega_step_deg"),
        (lambda file: file["voxels/row"].__setitem__(0, 10**6), "voxels/row: must lie in 0..29"),
        (lambda file: file["voxels/blob_ptr"].__setitem__(1, 10**6), "voxels/blob_ptr: must lead"),
        (lambda file: file["rejected/reason"].__setitem__(0, b"mood"), "rejected/reason"),
    ],
)
def test_columns_of_other_types_and_numbers_that_cannot_be_are_named(tmp_path, spoil, words):
    path = tmp_path / "blobs.h5"
    write_blobs(path, blob_table(4, 3))
    with h5py.File(path, "a") as file:
        spoil(file)
    with pytest.raises(InputError, match=r"blobs\.h5: is not a table of blobs") as caught:
        read_blobs(path)
    assert words in str(caught.value)


@pytest.mark.parametrize("read", [read_blobs, read_grains, read_pairs, read_volume, read_description])
def test_every_reader_of_our_files_refuses_damage_by_name(tmp_path, read):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in ("peaks", "rejected", "voxels", "grains", "pairs", "boundaries", "VTKHDF"):
            file[name] = "text"
        file.attrs["setup"] = json.dumps([1])
    with pytest.raises(InputError, match=r"x\.h5: "):
        read(tmp_path / "x.h5")
