"""Orientations in pictures: the key of the colours, inverse pole figures, pole figures."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from friedel.model.arrays import AnyArray, Floats
from friedel.model.colours import by_orientation, has_key, softened
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.ipf_key import AXES, in_sector, make_ipf_key, stereographic
from friedel.model.orientation import ipf_colours
from friedel.reporter.inputs import ReportInputs
from friedel.reporter.panel import Panel
from friedel.reporter.svg_figure import INK, SOFT, SvgFigure


def draw_key(axes: Axes, phase: Phase, *, size: int = 220, font: int = 11, alpha: float = 1.0) -> None:
    """The sector with every orientation's colour and its corners named."""
    key = make_ipf_key(phase, size)
    image = key.image * np.array([1.0, 1.0, 1.0, alpha])
    axes.imshow(image, extent=key.box, origin="lower", interpolation="none", zorder=0)
    axes.plot(*np.vstack([key.edge, key.edge[:1]]).T, color=SOFT, lw=0.9)
    axes.set_aspect("equal")
    axes.axis("off")
    for name, (px, py), (dx, dy, align) in zip(
        key.names, key.corners, ((-4, -6, "center"), (4, -6, "center"), (4, 4, "center")), strict=True
    ):
        axes.annotate(
            name, (px, py), (dx, dy), textcoords="offset points", ha=align,
            va="top" if dy < 0 else "bottom", fontsize=font, color=INK, annotation_clip=False,
        )  # fmt: skip


def draw_keys(axes: Axes, phases: Sequence[Phase]) -> None:
    """A key for each kind of lattice, one above the other, in axes that show nothing else."""
    axes.axis("off")
    kinds: dict[str, list[Phase]] = {}
    for phase in phases:
        kinds.setdefault(phase.crystal_system, []).append(phase)
    axes.set_box_aspect(len(kinds))
    for number, alike in enumerate(kinds.values()):
        part = axes.inset_axes((0.0, 1 - (number + 0.84) / len(kinds), 1.0, 0.68 / len(kinds)))
        draw_key(part, alike[0])
        if len(kinds) > 1:
            part.set_title(", ".join(phase.name for phase in alike), color=SOFT, pad=14)


def orientation_panel(inputs: ReportInputs, grains: GrainTable, row: int, diameter_um: Floats | None) -> Panel:
    """Inverse pole figures along x, y, z, and a pole figure, of the grains of one phase."""
    phase = inputs.phases[row]
    mine = grains.phase == row
    U = grains.U[mine]
    size = np.full(len(U), 16.0) if diameter_um is None else _areas(diameter_um[mine])
    colours = by_orientation(grains, inputs.phases)[mine]
    keyed = has_key((phase,))
    with SvgFigure(1120, 300, crop=True) as sheet:
        parts = sheet.axes(1, 4 if keyed else 1)
        if keyed:
            for ax, (name, axis) in zip(parts, AXES.items(), strict=False):
                draw_key(ax, phase, alpha=0.32)
                place = stereographic(in_sector(np.swapaxes(U, 1, 2) @ np.array(axis), phase.crystal_system))
                ax.scatter(place[:, 0], place[:, 1], s=size, color=softened(ipf_colours(U, phase, axis) / 255.0),
                           edgecolors=INK, linewidths=0.6, zorder=3)  # fmt: skip
                ax.set_title(f"along {name}", color=SOFT)
        hkl = _draw_poles(parts[-1], phase, U, colours)
    random = "Good for a random texture: dots evenly over the triangles. "
    return Panel(
        f"Orientations of the {len(U)} grains" + (f" of {phase.name}" if len(inputs.phases) > 1 else ""),
        "Which crystal direction lies along x (the beam at omega = 0), y and z (the rotation axis); the area of a "
        f"dot is the grain's. Right: where the {{{hkl}}} plane normals point, looking down z, colours of z. "
        f"{random}Clusters are a texture, or grains found twice; many dots in one corner of a map that should be "
        "random: check the lattice.",
        sheet.picture,
    )


def _areas(diameter_um: Floats) -> Floats:
    top = float(diameter_um.max(initial=0.0)) or 1.0
    return np.asarray(6.0 + 60.0 * (diameter_um / top) ** 2)


def _draw_poles(axes: Axes, phase: Phase, U: Floats, colours: AnyArray) -> str:
    longest = 1.02 * float(np.linalg.norm(phase.B, axis=0).max()) * 2
    found = phase.reflections(1.0 / longest)
    members = found.hkl[found.family == 0] if len(found) else np.eye(3, dtype=np.int64)
    normals = np.einsum("gij,jk,nk->gni", U, phase.B, members)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    owner = np.repeat(np.arange(len(U)), normals.shape[1])
    flat = normals.reshape(-1, 3)
    up = flat[:, 2] >= 0
    place = stereographic(flat[up])
    axes.scatter(place[:, 0], place[:, 1], s=9, color=colours[owner[up]], linewidths=0)
    turn = np.linspace(0, 2 * np.pi, 181)
    axes.plot(np.cos(turn), np.sin(turn), color=SOFT, lw=0.9)
    for name, (x, y) in (("x", (1.09, 0)), ("y", (0, 1.09))):
        axes.annotate(name, (x, y), ha="center", va="center", fontsize=11, color=SOFT, annotation_clip=False)
    axes.set_aspect("equal")
    axes.axis("off")
    hkl = "".join(str(i) for i in found.representative[0]) if len(found) else "100"
    axes.set_title(f"poles {{{hkl}}}", color=SOFT, pad=16)
    return hkl
