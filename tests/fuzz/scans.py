"""Scans: valid files of each format, damaged, and HDF5 files of the strangest structure."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import fabio
import h5py
import numpy as np
import tifffile

from friedel.io import OmegaParams, ScanParams, open_scan
from friedel.io.images import read_images
from friedel.io.import_parameters import import_parameters
from friedel.io.store import RawWriter
from friedel.model.arrays import AnyArray
from friedel.recipe import build_recipe
from tests.fuzz.damage import damaged
from tests.fuzz.kind import command, told

SHAPE = (6, 10, 12)
GIVEN = ScanParams(dark=100.0, omega=OmegaParams(start_deg=0.0, step_deg=1.0))
"""What a recipe says where the file does not."""


def frames() -> AnyArray:
    """Noise."""
    return np.random.default_rng(1).integers(90, 400, SHAPE).astype(np.uint16)


def read_all(path: str, base: Path, params: ScanParams | None) -> None:
    """Open a scan and read the ends of it."""
    scan = open_scan(path, params, base)
    scan.frames.read(0, 1)
    scan.frames.read(scan.shape[0] - 1, scan.shape[0])


def tried(path: str | Path, base: Path, rng: Random) -> str:
    """A scan read, seldom by a whole command."""
    if rng.random() < 0.01:
        return command("inspect", path)
    if rng.random() < 0.1:
        return told(lambda: read_images(str(path), base))
    return told(lambda: read_all(str(path), base, GIVEN if rng.random() < 0.7 else None))


def ours(path: Path, **options: Any) -> None:
    """As `friedel simulate` writes it."""
    with RawWriter(
        path, SHAPE, dark=np.full(SHAPE[1:], 100, np.uint16), omega_start_deg=0.0, omega_step_deg=1.0, **options
    ) as writer:
        writer.append(frames())


def plain(path: Path, **options: Any) -> None:
    """A dataset with dark and angles."""
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data/frames", data=frames(), **options)
        file["entry/dark"] = np.full(SHAPE[1:], 100, np.uint16)
        file["entry/omega"] = np.arange(SHAPE[0], dtype=float)


def nxtomo(path: Path) -> None:
    """Projections and darks in one stack."""
    with h5py.File(path, "w") as file:
        file["entry/instrument/detector/data"] = frames()
        file["entry/instrument/detector/image_key"] = [2, 0, 0, 0, 0, 1]
        file["entry/sample/rotation_angle"] = np.arange(SHAPE[0], dtype=float)


def bliss(path: Path) -> None:
    """A master file of two scans whose frames are virtual."""
    with h5py.File(path.with_name("detector.h5"), "w") as file:
        file["entry/measurement/data"] = frames()
    layout = h5py.VirtualLayout(SHAPE, "u2")
    layout[:] = h5py.VirtualSource("detector.h5", "entry/measurement/data", SHAPE)
    with h5py.File(path, "w") as file:
        for name, title in (("1.1", "dark"), ("2.1", "fscan rot")):
            group = file.create_group(f"{name}/measurement")
            file[f"{name}/title"] = title
            group.create_virtual_dataset("camera", layout)
            group["rot"] = np.arange(SHAPE[0], dtype=float)


def latest(path: Path) -> None:
    """The newest of HDF5's own formats, with dense attributes and links."""
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset(
            "entry/data/frames", data=frames(), chunks=(1, *SHAPE[1:]), maxshape=(None, 10, 12)
        )
        for k in range(20):
            data.attrs[f"a{k}"] = k
            file[f"entry/soft{k}"] = h5py.SoftLink("/entry/data/frames")
        data.attrs["omega_step_deg"] = 1.0


HDF5_FILES: dict[str, Callable[[Path], None]] = {
    "ours.h5": ours,
    "gzip.h5": lambda path: plain(path, chunks=(1, *SHAPE[1:]), compression="gzip", shuffle=True),
    "chunks.h5": lambda path: plain(path, chunks=(4, *SHAPE[1:]), compression="gzip"),
    "odd_chunks.h5": lambda path: plain(path, chunks=(2, 5, 5), fletcher32=True),
    "plain.h5": plain,
    "latest.h5": latest,
    "nxtomo.nxs": nxtomo,
    "bliss.h5": bliss,
}


class Hdf5Files:
    """Bytes of HDF5 files."""

    name, share, patience_s = "hdf5", 120, 20.0

    def prepare(self, folder: Path) -> None:
        """The valid files."""
        self._folder = folder
        for name, write in HDF5_FILES.items():
            write(folder / name)
        esrf(folder / "parameters.h5", Random(0), odd=0.0)
        names = [*HDF5_FILES, "detector.h5", "parameters.h5"]
        self._valid = {name: (folder / name).read_bytes() for name in names}

    def one(self, rng: Random) -> str:
        """One of them, damaged."""
        name = rng.choice(tuple(self._valid))
        path = self._folder / name
        path.write_bytes(damaged(self._valid[name], rng))
        try:
            if name == "parameters.h5":
                return told(lambda: _imported(path))
            wanted = "bliss.h5::/2.1/measurement/camera" if name == "detector.h5" else name
            inside = f"{wanted}::/entry/data/frames" if "::" not in wanted and rng.random() < 0.2 else wanted
            return tried(self._folder / inside, self._folder, rng)
        finally:
            path.write_bytes(self._valid[name])


def _imported(path: Path) -> None:
    found = import_parameters(path)
    sections = {"setup": found.setup, "preprocess": found.preprocess, "segment": found.segment}
    build_recipe({name: dict(part) for name, part in sections.items() if part})


def odd_array(rng: Random) -> Any:
    """What a dataset or attribute may hold."""
    shapes = (
        (),
        (0,),
        (1,),
        (6,),
        (0, 10, 12),
        (6, 10, 12),
        (1, 10, 12),
        (3, 10),
        (10, 12),
        (2, 2, 3, 4),
        (6, 1, 1),
    )
    shape = rng.choice(shapes)
    kind = rng.choice(
        ("u1", "u2", ">u2", "i4", "i8", "u8", "f2", "f4", "f8", "c8", "?", "S4", "V5", "text", "record")
    )
    if kind == "text":
        return rng.choice(("", "x", "rad", "deg", "/entry", "NXdata", b"\xff\xfe", "1.5"))
    if kind == "record":
        return np.zeros(shape, [("r", "f4"), ("i", "f4")])
    array = np.zeros(shape, kind)
    if array.dtype.kind in "iuf" and array.size:
        array[...] = rng.choice((0, 1, 2, 100, rng.random()))
        if array.dtype.kind == "f" and rng.random() < 0.3:
            array.flat[0] = rng.choice((np.nan, np.inf, -np.inf, 1e30))
    return array


PATHS = (
    "entry/data/frames", "entry/data", "entry/dark", "entry/omega", "entry", "data", "exchange/data",
    "exchange/theta", "exchange/data_dark", "exchange/data_white", "entry/instrument/detector/data",
    "entry/instrument/detector/image_key", "entry/instrument/detector/rotation_angle",
    "entry/sample/rotation_angle", "1.1/measurement/camera", "1.1/measurement/rot", "1.1/title",
    "2.1/measurement/camera", "entry/instrument", "mask", "noise",
)  # fmt: skip
ATTRIBUTES = (
    "default", "signal", "NX_class", "omega_step_deg", "omega_start_deg", "saturation", "units", "start",
    "image_key",
)  # fmt: skip


REFUSALS = (ValueError, TypeError, OSError, KeyError, RuntimeError, AttributeError)


class Hdf5Structures:
    """HDF5 files of datasets, groups, links and attributes where nobody puts them."""

    name, share, patience_s = "hdf5made", 60, 20.0

    def prepare(self, folder: Path) -> None:
        """One file for links to lead to."""
        self._folder = folder
        plain(folder / "other.h5")
        ours(folder / "base.h5")
        self._base = (folder / "base.h5").read_bytes()

    def one(self, rng: Random) -> str:
        """A new file, or ours with things put into it."""
        path = self._folder / "made.h5"
        path.write_bytes(self._base)
        with warnings.catch_warnings(), h5py.File(path, "w" if rng.random() < 0.6 else "a") as file:
            links: dict[str, h5py.ExternalLink] = {}  # last: nothing may be written through them, e.g. to a device
            for _ in range(rng.choice((1, 2, 4, 8, 16))):
                with suppress(*REFUSALS):  # HDF5 does not take it
                    self._put(file, rng, links)
            for name, link in links.items():
                with suppress(*REFUSALS):
                    file[name] = link
        if rng.random() < 0.1:
            esrf(path, rng, odd=0.3)
            return told(lambda: _imported(path))
        inside = f"made.h5::{rng.choice(PATHS)}" if rng.random() < 0.4 else "made.h5"
        return tried(self._folder / inside, self._folder, rng)

    def _put(self, file: h5py.File, rng: Random, links: dict[str, h5py.ExternalLink]) -> None:
        name, what = rng.choice(PATHS), rng.randrange(10)
        if what < 4:
            if name in file:
                del file[name]
            options = rng.choice(({}, {}, {"compression": "gzip"}, {"chunks": True}, {"compression": "lzf"}))
            file.create_dataset(name, data=odd_array(rng), **options)
        elif what == 4:
            targets = ("/", "/entry", "/entry/data", "..", ".", f"/{name}", "/nothing", "", "/entry/loop")
            file[rng.choice((name, "entry/loop", f"{name}/inside"))] = h5py.SoftLink(rng.choice(targets))
        elif what == 5:
            files = ("made.h5", "other.h5", "nothing.h5", "", "/", "/dev/null", str(self._folder))
            inside = rng.choice(("/", "/entry", "/entry/data/frames", "x"))
            links[name] = h5py.ExternalLink(rng.choice(files), inside)
        elif what == 6:
            place = file.get(name, file)
            place.attrs[rng.choice(ATTRIBUTES)] = odd_array(rng)
        elif what == 7:
            claimed = rng.choice(((10**12, 10, 12), (6, 10**6, 10**6), (10**15, 1, 1), (10**5, 3000, 3000)))
            file.create_dataset(name, claimed, "u2", chunks=(1, 1, 1) if rng.random() < 0.2 else True)
        elif what == 8:
            shape = rng.choice((SHAPE, (3, 10, 12), (10**9, 10, 12)))
            layout = h5py.VirtualLayout(shape, "u2")
            layout[: SHAPE[0]] = h5py.VirtualSource(
                rng.choice(("other.h5", ".", "no.h5")), rng.choice(PATHS), SHAPE
            )
            file.create_virtual_dataset(name, layout)
        else:
            external = [(rng.choice(("raw.bin", "other.h5", "/dev/zero")), 0, rng.choice((10, 1440, 2**40)))]
            file.create_dataset(name, SHAPE, "u2", external=external)


def esrf(path: Path, rng: Random, *, odd: float) -> None:
    """The ESRF DCT code's parameters; each of them odd with a probability."""
    usual: dict[str, Any] = {
        "acq/energy": [[38.0]], "labgeo/beamdir": [[1.0, 0, 0]], "labgeo/rotdir": [[0, 0, 1.0]],
        "labgeo/rotpos": [[0.0, 0, 0]], "labgeo/labunit": "mm", "detgeo/pixelsizeu": [[1.4e-3]],
        "detgeo/pixelsizev": [[1.5e-3]], "detgeo/detrefu": [[24.5]], "detgeo/detrefv": [[12.5]],
        "detgeo/detrefpos": [[4.0, 0.01, -0.02]], "detgeo/detdiru": [[0, 1.0, 0]], "detgeo/detdirv": [[0, 0, -1.0]],
        "cryst/name": "Al", "cryst/latticepar": [[4.05, 4.05, 4.05, 90, 90, 90.0]], "cryst/spacegroup": [[225.0]],
        "prep/fullrange": [[50.0]], "seg/thr_seed": [[50.0]],
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        for name, value in usual.items():
            try:
                file[name] = odd_array(rng) if rng.random() < odd else value
            except (TypeError, ValueError):
                continue


class Edfs:
    """EDF images."""

    name, share, patience_s = "edf", 60, 20.0

    def prepare(self, folder: Path) -> None:
        """A stack, single images with motors, a compressed one."""
        self._folder = folder
        stack = frames()
        image = fabio.edfimage.EdfImage(stack[0], {"Omega": "0"})
        for k in range(1, SHAPE[0]):
            image.append_frame(data=stack[k], header={"Omega": str(k)})
        image.write(str(folder / "stack.edf"))
        (folder / "many").mkdir()
        for k in range(3):
            header = {"motor_mne": "rot z", "motor_pos": f"{k} 0"}
            fabio.edfimage.EdfImage(stack[k], header).write(str(folder / "many" / f"a{k}.edf"))
        fabio.edfimage.EdfImage(stack[0]).write(str(folder / "packed.edf.gz"))
        self._names = ("stack.edf", "many/a1.edf", "packed.edf.gz")
        self._valid = {name: (folder / name).read_bytes() for name in self._names}

    def one(self, rng: Random) -> str:
        """A damaged one, or one whose header says something else."""
        name = rng.choice(self._names)
        data = self._valid[name]
        if rng.random() < 0.5:
            line = rng.choice(
                (b"Dim_1", b"Dim_2", b"DataType", b"ByteOrder", b"EDF_BinarySize", b"Size", b"motor_pos")
            )
            value = rng.choice(
                (b"", b"0", b"-1", b"1e3", b"99999999999", b"x", b"Float", b"UnsignedShort", b"HighByteFirst")
            )
            parts = data.split(line, 1)
            if len(parts) == 2:
                rest = parts[1].split(b";", 1)
                new = rng.choice((line + b" = " + value + b" ;", b"", line + b"x = 3 ;"))
                data = parts[0] + new + rest[-1]
        if rng.random() < 0.6:
            data = damaged(data, rng)
        path = self._folder / name
        path.write_bytes(data)
        try:
            return tried(self._folder / "many" if name.startswith("many") else path, self._folder, rng)
        finally:
            path.write_bytes(self._valid[name])


class Tiffs:
    """TIFF images."""

    name, share, patience_s = "tiff", 60, 20.0

    def prepare(self, folder: Path) -> None:
        """Stacks as several programs write them."""
        self._folder = folder
        stack = frames()
        tifffile.imwrite(folder / "plain.tif", stack, photometric="minisblack")
        tifffile.imwrite(folder / "packed.tif", stack, photometric="minisblack", compression="zlib", predictor=True)
        tifffile.imwrite(folder / "lzw.tif", stack, photometric="minisblack", compression="lzw")
        tifffile.imwrite(folder / "big.tif", stack, photometric="minisblack", bigtiff=True)
        tifffile.imwrite(folder / "imagej.tif", stack, imagej=True)
        tifffile.imwrite(folder / "ome.ome.tif", stack, metadata={"axes": "ZYX"})
        tifffile.imwrite(folder / "tiles.tif", np.zeros((64, 64), np.uint16), tile=(16, 16), compression="zlib")
        self._valid = {path.name: path.read_bytes() for path in folder.glob("*.tif")}

    def one(self, rng: Random) -> str:
        """A damaged one, or one without a tag."""
        name = rng.choice(tuple(sorted(self._valid)))
        data = bytearray(self._valid[name])
        if rng.random() < 0.3:
            tag = rng.choice((256, 257, 258, 259, 262, 270, 273, 277, 278, 279, 322, 324, 325, 339)).to_bytes(
                2, "little"
            )
            at = bytes(data).find(tag, 8)
            if at >= 0:
                data[at : at + 2] = rng.choice((b"\xff\xff", b"\x00\x00", (256).to_bytes(2, "little")))
        path = self._folder / name
        path.write_bytes(damaged(bytes(data), rng) if rng.random() < 0.8 else bytes(data))
        return tried(path, self._folder, rng)


class Npys:
    """numpy's files."""

    name, share, patience_s = "npy", 60, 20.0

    def prepare(self, folder: Path) -> None:
        """One of each."""
        self._folder = folder
        np.save(folder / "a.npy", frames())
        np.savez(folder / "a.npz", frames=frames(), dark=frames()[0])
        np.savez_compressed(folder / "b.npz", frames=frames())
        self._valid = {path.name: path.read_bytes() for path in folder.glob("*.np*")}

    def one(self, rng: Random) -> str:
        """A damaged one, or one whose header lies."""
        name = rng.choice(tuple(sorted(self._valid)))
        data = self._valid[name]
        if rng.random() < 0.5:
            shape = rng.choice(
                (b"(6, 10, 99)", b"(10**9,)  ", b"(-6, 10, 12)", b"(9999999999999,)", b"()", b"(1.5, 2)", b"[6]")
            )
            data = data.replace(b"(6, 10, 12)", shape)
        if rng.random() < 0.3:
            kind = rng.choice((b"'|O'", b"'<f9'", b"'<U9'", b"'<c8'", b"'V99'", b"[('a','u1')]", b"'<m8'"))
            data = data.replace(b"'<u2'", kind)
        path = self._folder / name
        path.write_bytes(damaged(data, rng) if rng.random() < 0.6 else data)
        return tried(path, self._folder, rng)
