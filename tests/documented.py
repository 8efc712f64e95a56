"""Compares the files of a run with what docs/output.md says of them."""

import runpy
from pathlib import Path

import h5py
import numpy as np

PAGE = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "output_page.py"))
NEXUS = {"NX_class", "default", "signal", "interpretation", "units", "meaning", "bits", "ImageD11_type"}
"""Attributes that say what something is, not what was measured."""


def differences(path: Path) -> list[str]:
    """What the page says otherwise of a file: names, types, axes, units, attributes. Nothing where all is right."""
    told = PAGE["FILES"][path.name]
    wanted, sizes, wrong = {one.name: one for one in told.datasets}, {}, []
    with h5py.File(path) as file:
        items = {"": file}
        file.visititems(lambda name, item: items.update({name: item}))
        found = {name: item for name, item in items.items() if isinstance(item, h5py.Dataset)}
        wrong += [f"{name} is not on the page" for name in found if name not in wanted]
        wrong += [
            f"{name} is not in the file" for name, one in wanted.items() if name not in found and not one.when
        ]
        for name in sorted(found.keys() & wanted.keys(), key=lambda name: "+1" in wanted[name].shape):
            one, item = wanted[name], found[name]
            wrong += [f"{name}: {text}" for text in _of_dataset(one, item, sizes)]
        held = {f"{group}@{name}" for group, item in items.items() for name in item.attrs}
        held = {name for name in held if name.partition("@")[2] not in NEXUS}
        optional = {name for name, text in told.attributes.items() if "only where" in text}
        wrong += [f"attribute {name} is not on the page" for name in held - told.attributes.keys()]
        wrong += [f"attribute {name} is not in the file" for name in told.attributes.keys() - held - optional]
    return sorted(wrong)


def _of_dataset(one, item, sizes):
    kind = one.dtype if one.dtype == "S" else np.dtype(one.dtype)
    if kind not in (item.dtype.kind, item.dtype) and "`f4` where" not in one.meaning:
        yield f"type {item.dtype}, told {one.dtype}"
    unit = item.attrs.get("units", one.unit)
    if unit != one.unit and f"in {unit} where" not in one.meaning:
        yield f"unit {unit}, told {one.unit}"
    axes = one.shape.split(", ")
    if len(axes) != item.ndim:
        yield f"{item.ndim} axes, told {one.shape}"
        return
    if item.shape[0] == 0 and "empty" in one.when:
        return
    for axis, size in zip(axes, item.shape, strict=True):
        if axis.isdigit():
            known = int(axis)
        elif axis.endswith("+1"):
            known = sum(sizes[part] for part in axis[:-2].split("+")) + 1
        else:
            known = sizes.setdefault(axis, size)
        if size != known:
            yield f"{size} along {axis}, which are {known}"
