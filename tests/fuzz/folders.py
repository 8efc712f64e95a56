"""Output folders whose files are damaged, replaced, or hold other things than a run left in them."""

import json
import shutil
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from friedel.errors import FriedelError
from friedel.io.store import read_attributes, read_truth, write_truth
from friedel.model.truth import Truth
from friedel.output_folder.reader import OutputFolder
from friedel.viewer.grain_facts import GrainFacts
from friedel.viewer.map_layers import colours_of, layer, voxel_facts
from tests.fuzz.damage import damaged
from tests.fuzz.kind import command, told
from tests.fuzz.scans import odd_array
from tests.fuzz.texts import odd_value
from tests.report_folder import make_folder
from tests.unit.test_reporter_grains import add_map

FILES = (
    "blobs.h5", "pairs.h5", "grains.h5", "volume.h5", "background.h5", "recipe.toml", "run.json", "evaluation.json",
    "truth.h5",
)  # fmt: skip


class Folders:
    """Files of a finished run, read by everything that reads them."""

    name, share, patience_s = "folder", 65, 120.0

    def prepare(self, folder: Path) -> None:
        """A small folder with everything in it."""
        self._out = add_map(make_folder(folder / "out"))
        results = OutputFolder(self._out)
        assert results.blobs is not None
        columns = {"snr": np.ones(len(results.blobs.reason)), "isolated": np.ones(len(results.blobs.reason), int)}
        blobs = type(results.blobs)(
            **{name: getattr(results.blobs, name) for name in ("columns", "reason", "voxels", "shape")},
            omega_start_deg=0.0,
            omega_step_deg=results.blobs.omega_step_deg,
            extra=columns,
        )
        write_truth(self._out / "truth.h5", Truth(blobs, results.grains, results.volume))
        self._valid = {name: (self._out / name).read_bytes() for name in FILES}

    def one(self, rng: Random) -> str:
        """One file spoiled, seldom two; then whatever looks at it."""
        spoiled = rng.sample(FILES, rng.choice((1, 1, 1, 2)))
        try:
            for name in spoiled:
                self._spoil(self._out / name, rng)
            return self._looked_at(rng, truth="truth.h5" in spoiled)
        finally:
            for name, data in self._valid.items():
                path = self._out / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                if name in (*spoiled, "evaluation.json"):
                    path.unlink(missing_ok=True)
                    path.write_bytes(data)
            for name in ("blobs.csv", "map.vtkhdf", "report.html", "map.dream3d", "grains.map"):
                (self._out / name).unlink(missing_ok=True)

    def _spoil(self, path: Path, rng: Random) -> None:
        what = rng.randrange(20)
        if what == 0:
            path.unlink()
        elif what == 1:
            path.write_bytes(rng.choice((b"", b"{}", b"[]", b"null", b"x" * 100)))
        elif what == 2:
            path.write_bytes(self._valid[rng.choice(FILES)])
        elif what < 7 or path.suffix == ".toml":
            path.write_bytes(damaged(self._valid[path.name], rng))
        elif path.suffix == ".json":
            path.write_text(json.dumps(_other(json.loads(self._valid[path.name]), rng)))
        else:
            with h5py.File(path, "r+") as file:
                for _ in range(rng.choice((1, 1, 2, 3))):
                    put(file, rng)

    def _looked_at(self, rng: Random, *, truth: bool) -> str:
        out, draw = self._out, rng.random()
        if truth:
            return (
                command("evaluate", out, out / "truth.h5")
                if draw < 0.2
                else told(lambda: read_truth(out / "truth.h5"))
            )
        if draw < 0.003:
            return command("report", out)
        if draw < 0.10:
            formats = ("vtkhdf", "xdmf", "dream3d", "imaged11", "parquet", "csv")
            return command("export", out, "--format", rng.choice(formats), "-o", out.parent / "export")
        if draw < 0.14:
            return command("verify", out)
        if draw < 0.17:
            return command("evaluate", out, out / "truth.h5")
        if draw < 0.19:
            return command("calibrate", out)
        return told(self._read)

    def _read(self) -> None:
        """All parts, and what the page makes of them."""
        results = OutputFolder(self._out)
        troubles = results.missing
        facts = GrainFacts(results)
        _ = facts.table, facts.spots
        for number in range(2 if results.grains is not None and len(results.grains) > 1 else 0):
            facts.grain(number)
        colours_of(facts)
        if results.volume is not None and results.volume.grain_id.size:
            layer(results.volume, "grain_id")
            layer(results.volume, "density")
            voxel_facts(facts, 0, 0, 0)
        if results.backgrounds is not None:
            results.backgrounds.image(0)
        for name in ("blobs.h5", "pairs.h5", "grains.h5"):
            try:
                read_attributes(self._out / name)
            except FriedelError:
                continue
        if troubles:
            raise FriedelError("; ".join(troubles)[:3000])


def put(file: h5py.File, rng: Random) -> None:
    """Change one member of one of our files: its values, type, shape, attributes, or take it out."""
    names: list[str] = []
    file.visit(names.append)
    if not names:
        return
    name = rng.choice(sorted(names))
    place, what = file[name], rng.randrange(9)
    if what == 0:
        del file[name]
    elif what == 1:
        del file[name]
        file[name] = odd_array(rng)
    elif what == 2:
        owner = rng.choice((place, file))
        if len(owner.attrs):
            key = rng.choice(sorted(owner.attrs))
            if rng.random() < 0.3:
                del owner.attrs[key]
            else:
                owner.attrs[key] = rng.choice((odd_array(rng), json.dumps(odd_value(rng), default=str), "{" * 3))
    elif what == 3:
        del file[name]
        file[name] = h5py.SoftLink(rng.choice(("/nothing", f"/{name}", "/")))
    elif isinstance(place, h5py.Dataset) and place.shape and place.size:
        values = place[()]
        if what == 4:
            values = values[: rng.randrange(len(values) + 1)]
        elif what == 5:
            values = (
                values.astype(rng.choice(("S8", "f8", "f4", "i4", "u1", "c16", "?")))
                if values.dtype.kind in "iufb"
                else values
            )
        elif what == 6 and values.dtype.kind in "iuf":
            odd = (
                (0, 1, -1, 2**31 - 1, -(2**31), 1e30, np.nan, np.inf)
                if values.dtype.kind == "f"
                else (0, 1, 255, -1, 2**31 - 1)
            )
            with np.errstate(all="ignore"):
                values.flat[rng.randrange(values.size)] = np.array(rng.choice(odd)).astype(values.dtype)
        elif what == 7:
            values = np.concatenate([values, values])
        else:
            values = values.reshape(rng.choice(((-1,), (1, *values.shape), (*values.shape, 1))))
        attributes = dict(place.attrs)
        del file[name]
        file[name] = values
        file[name].attrs.update(attributes)


def _other(values: Any, rng: Random) -> Any:
    """The same JSON with one value changed or left out."""
    if isinstance(values, dict) and values and rng.random() < 0.9:
        name = rng.choice(sorted(values))
        if rng.random() < 0.1:
            return {key: value for key, value in values.items() if key != name}
        return {**values, name: _other(values[name], rng)}
    if isinstance(values, list) and values and rng.random() < 0.7:
        at = rng.randrange(len(values))
        return [*values[:at], _other(values[at], rng), *values[at + 1 :]]
    return odd_value(rng) if rng.random() < 0.9 else {"a": values}
