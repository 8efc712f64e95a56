"""Orientations in pictures: the key of the colours, inverse pole figures, pole figures."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from friedel.model.arrays import AnyArray, Floats
from friedel.model.crystal import Phase
from friedel.model.grains import GrainTable
from friedel.model.orientation import SECTORS, ipf_colours
from friedel.reporter.colours import by_orientation, has_key, softened
from friedel.reporter.ink import INK, SOFT, Sheet
from friedel.reporter.material import Material
from friedel.reporter.panel import Panel

NAMES = {
    "cubic": ("001", "101", "111"),
    "hexagonal": ("0001", "21\u03051\u03050", "101\u03050"),
    "trigonal": ("0001", "a", "a*"),
    "tetragonal": ("001", "100", "110"),
}
AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
SECTOR_DEG = {"cubic": 45.0, "hexagonal": 30.0, "trigonal": 30.0, "tetragonal": 45.0}


def in_sector(directions: Floats, system: str) -> Floats:
    """The equivalent of each direction (n,3) in the sector of the key, unit vectors; x along its lower edge."""
    d = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    if system == "cubic":
        small, middle, large = np.sort(np.abs(d), axis=-1).T
        return np.stack([middle, small, large], axis=-1)
    half = np.pi / SECTORS.get(system, 2)
    angle = np.mod(np.arctan2(d[..., 1], d[..., 0]), 2 * half)
    angle = np.minimum(angle, 2 * half - angle)
    if SECTORS.get(system) == 6:  # the sector of the colours begins at a, half a sector on
        angle = half - angle
    flat = np.hypot(d[..., 0], d[..., 1])
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), np.abs(d[..., 2])], axis=-1)


def on_paper(directions: Floats) -> Floats:
    """Stereographic projection (n,2) of directions (n,3) of the upper half."""
    return np.asarray(directions[..., :2] / (1.0 + directions[..., 2:]))


def draw_key(axes: Axes, phase: Phase, *, size: int = 220, font: int = 11, alpha: float = 1.0) -> None:
    """The sector with every orientation's colour and its corners named."""
    system = phase.crystal_system
    edge = on_paper(_edge(system))
    low, high = edge.min(axis=0), edge.max(axis=0)
    step = (high[0] - low[0]) / size
    x, y = np.meshgrid(np.arange(low[0], high[0], step), np.arange(low[1], high[1], step))
    radius = x**2 + y**2
    d = np.stack([2 * x, 2 * y, 1 - radius], axis=-1) / (1 + radius)[..., None]
    inside = _within(d, system)
    turned = _unfolded(d, system).reshape(-1, 3)
    frames = np.zeros((len(turned), 3, 3))
    frames[:, 2] = turned  # the colours ask only which direction lies along z
    colour = softened(ipf_colours(frames, phase) / 255.0).reshape(*x.shape, 3)
    image = np.concatenate([colour, (alpha * inside)[..., None]], axis=-1)
    box = (low[0], high[0], low[1], high[1])
    axes.imshow(image, extent=box, origin="lower", interpolation="none", zorder=0)
    axes.plot(*np.vstack([edge, edge[:1]]).T, color=SOFT, lw=0.9)
    axes.set_aspect("equal")
    axes.axis("off")
    places = (edge[0], edge[1], edge[-1])
    for name, (px, py), (dx, dy, align) in zip(
        NAMES[system], places, ((-4, -6, "center"), (4, -6, "center"), (4, 4, "center")), strict=True
    ):
        axes.annotate(
            name, (px, py), (dx, dy), textcoords="offset points", ha=align,
            va="top" if dy < 0 else "bottom", fontsize=font, color=INK, annotation_clip=False,
        )  # fmt: skip


def _edge(system: str) -> Floats:
    """Around the sector: from its pole to the corner at x, then along to the far corner."""
    if system == "cubic":
        far = np.linspace(0, 1, 40)[:, None] * np.array([0.0, 1.0, 0.0]) + np.array([1.0, 0.0, 1.0])
    else:
        angle = np.radians(np.linspace(0, SECTOR_DEG[system], 40))
        far = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    all_of_it = np.vstack([[[0.0, 0.0, 1.0]], far])
    return np.asarray(all_of_it / np.linalg.norm(all_of_it, axis=-1, keepdims=True))


def _within(d: Floats, system: str) -> AnyArray:
    if system == "cubic":
        return np.asarray((d[..., 1] >= 0) & (d[..., 0] >= d[..., 1]) & (d[..., 2] >= d[..., 0]))
    angle = np.arctan2(d[..., 1], d[..., 0])
    return np.asarray((angle >= 0) & (angle <= np.radians(SECTOR_DEG[system])) & (d[..., 2] >= 0))


def _unfolded(d: Floats, system: str) -> Floats:
    """A crystal direction that `in_sector` takes to d."""
    if SECTORS.get(system) != 6:
        return d
    turn = np.pi / 6
    return np.stack(
        [np.cos(turn) * d[..., 0] + np.sin(turn) * d[..., 1],
         np.sin(turn) * d[..., 0] - np.cos(turn) * d[..., 1], d[..., 2]], axis=-1
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


def orientation_panel(material: Material, grains: GrainTable, row: int, diameter_um: Floats | None) -> Panel:
    """Inverse pole figures along x, y, z, and a pole figure, of the grains of one phase."""
    phase = material.phases[row]
    mine = grains.phase == row
    U = grains.U[mine]
    size = np.full(len(U), 16.0) if diameter_um is None else _areas(diameter_um[mine])
    colours = by_orientation(grains, material.phases)[mine]
    keyed = has_key((phase,))
    with Sheet(1120, 300, crop=True) as sheet:
        parts = sheet.axes(1, 4 if keyed else 1)
        if keyed:
            for ax, (name, axis) in zip(parts, AXES.items(), strict=False):
                draw_key(ax, phase, alpha=0.32)
                place = on_paper(in_sector(np.swapaxes(U, 1, 2) @ np.array(axis), phase.crystal_system))
                ax.scatter(place[:, 0], place[:, 1], s=size, color=softened(ipf_colours(U, phase, axis) / 255.0),
                           edgecolors=INK, linewidths=0.6, zorder=3)  # fmt: skip
                ax.set_title(f"along {name}", color=SOFT)
        hkl = _draw_poles(parts[-1], phase, U, colours)
    random = "Good for a random texture: dots evenly over the triangles. "
    return Panel(
        f"Orientations of the {len(U)} grains" + (f" of {phase.name}" if len(material.phases) > 1 else ""),
        "Which crystal direction lies along x (the beam at omega = 0), y and z (the rotation axis); the area of a "
        f"dot is the grain's. Right: where the {{{hkl}}} plane normals point, looking down z, colours of z. "
        f"{random}Clusters are a texture, or grains found twice; many dots in one corner of a map that should be "
        "random: check the lattice.",
        sheet.svg,
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
    place = on_paper(flat[up])
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
