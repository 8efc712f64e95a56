"""Spot tables without images, and slow twins of the kernels of Friedel pairs."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.model.blobs import COLUMNS, BlobTable, Flag, Voxels
from friedel.model.families import used_reflections
from friedel.model.setup import Setup

SAMPLE_RADIUS, SAMPLE_HALF_HEIGHT = 157.5, 126.0


def spot_table(
    setup: Setup,
    phases,
    grains: int,
    *,
    seed: int = 0,
    shape=(3600, 512, 512),
    turn_deg: float = 360.0,
    noise_px: float = 0.2,
    noise_deg: float = 0.02,
    dropped: float = 0.0,
    false: float = 0.0,
    extra_families: bool = False,
) -> BlobTable:
    """The blobs of random grains in a cylinder, with noise: no frame is drawn.

    `noise_deg` is that of omega times |sin eta|; `dropped` the part of the spots left out, `false` the part of
    spots that belong to nothing. Extra columns: grain (-1: nothing), h, k, l.
    """
    rng = np.random.default_rng(seed)
    step = turn_deg / shape[0]
    plane = bragg.detector_frame(setup.detector.origin_um, setup.detector.u_um, setup.detector.v_um)
    parts = []
    for grain in range(grains):
        phase = phases[grain % len(phases)]
        listed = phase.reflections(1.0) if extra_families else used_reflections(phase, setup, shape[1:])
        U = Rotation.random(random_state=rng.integers(2**31)).as_matrix()
        radius, angle = SAMPLE_RADIUS * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        position = np.array(
            [radius * np.cos(angle), radius * np.sin(angle), rng.uniform(-1, 1) * SAMPLE_HALF_HEIGHT]
        )
        size = rng.lognormal(0.0, 0.4)
        found = bragg.predict(listed.hkl @ (U @ phase.B).T, position, setup.beam.wavelength, plane).only(0.1)
        strength = listed.f_squared[found.reflection] * bragg.lorentz(found.two_theta, found.eta) * size**3
        n = len(found.omega)
        # what both spots of a pair share: the grain's projection along h
        pair = np.abs(listed.hkl[found.reflection] @ [1.0, 2.7, 7.3])
        looks = np.column_stack([np.sin(pair), np.cos(1.7 * pair), np.sin(2.3 * pair) * np.sign(found.k[:, 1])])
        parts.append(
            np.column_stack(
                (
                    np.full(n, grain),
                    listed.hkl[found.reflection],
                    found.omega,
                    found.eta,
                    found.row,
                    found.col,
                    strength,
                    np.full(n, 4.0 * size),
                    looks,
                )
            )
        )
    spots = np.concatenate(parts)
    spots = spots[rng.random(len(spots)) >= dropped]
    wrong = spots[rng.integers(0, len(spots), int(false * len(spots)))].copy()
    wrong[:, 0] = -1
    wrong[:, 4] = rng.uniform(0, 2 * np.pi, len(wrong))
    away, turned = wrong[:, 6:8] - (np.array(shape[1:]) - 1) / 2, rng.uniform(0, 2 * np.pi, len(wrong))
    wrong[:, 6:8] = (np.array(shape[1:]) - 1) / 2 + np.hypot(*away.T)[:, None] * np.column_stack(
        [np.cos(turned), np.sin(turned)]
    )
    spots = np.concatenate([spots, wrong])
    n = len(spots)
    spots[:, 4] += np.radians(noise_deg) * rng.standard_normal(n) / np.maximum(np.abs(np.sin(spots[:, 5])), 0.1)
    spots[:, 6:8] += noise_px * rng.standard_normal((n, 2))
    omega = np.mod(np.degrees(spots[:, 4]) * setup.axis.sign, 360.0)
    on = (spots[:, 6:8] > 3).all(axis=1) & (spots[:, 6] < shape[1] - 4) & (spots[:, 7] < shape[2] - 4)
    on &= omega < abs(turn_deg)
    spots, omega = spots[on], omega[on]
    order = np.lexsort((spots[:, 7], omega))
    return table_of_spots(spots[order], omega[order], rng, shape, step)


def table_of_spots(spots, omega, rng, shape, step) -> BlobTable:
    """Blobs of spots (n,13: grain, h, k, l, omega, eta, row, col, strength, width, looks) at stage angles, deg."""
    n = len(spots)
    width, looks = spots[:, 9], spots[:, 10:13]
    sigs = width * (1 + 0.2 * looks[:, 0]) * np.exp(0.03 * rng.standard_normal(n))
    sigf = width * (1 + 0.2 * looks[:, 1]) * np.exp(0.03 * rng.standard_normal(n))
    sigo = 0.05 / np.maximum(np.abs(np.sin(spots[:, 5])), 0.1)
    frames = np.maximum(np.rint(4 * sigo / step), 1).astype(int)
    start = np.rint(omega / step - frames / 2).astype(int)
    intensity = spots[:, 8] * np.exp(0.1 * rng.standard_normal(n))
    voxels = np.maximum(np.rint(12.0 * sigs * sigf * frames * np.exp(0.05 * rng.standard_normal(n))), 1)
    columns = {column.name: np.zeros(n, dtype=np.dtype(column.dtype).newbyteorder("=")) for column in COLUMNS} | {
        "spot3d_id": np.arange(n),
        "s_raw": spots[:, 6],
        "f_raw": spots[:, 7],
        "sc": spots[:, 6],
        "fc": spots[:, 7],
        "omega": omega,
        "frame": omega / step - 0.5,
        "Number_of_pixels": voxels.astype(np.int64),
        "sum_intensity": intensity * 1e4,
        "IMax_int": intensity * 1e4 / voxels * 4,
        "threshold": intensity * 1e4 / voxels * 0.2,
        "sigs": sigs,
        "sigf": sigf,
        "sigo": sigo,
        "covsf": 0.5 * looks[:, 2] + 0.03 * rng.standard_normal(n),
        "frame_start": start,
        "frame_stop": start + frames,
        "row_start": np.rint(spots[:, 6] - 2 * sigs).astype(int),
        "row_stop": np.rint(spots[:, 6] + 2 * sigs).astype(int) + 1,
        "col_start": np.rint(spots[:, 7] - 2 * sigf).astype(int),
        "col_stop": np.rint(spots[:, 7] + 2 * sigf).astype(int) + 1,
        "flags": np.zeros(n, np.int64),
    }
    columns["flags"][(spots[:, 6:8] < 12).any(axis=1)] = int(Flag.EDGE)
    empty = np.empty(0, np.int64)
    return BlobTable(
        columns,
        np.zeros(n, np.uint8),
        Voxels(np.zeros(n + 1, np.int64), empty, empty, empty, np.empty(0, np.float32)),
        tuple(shape),
        0.0,
        step,
        abs(shape[0] * step - 360.0) < 1e-9,
        {name: spots[:, i].astype(np.int64) for i, name in enumerate(("grain", "h", "k", "l"))},
    )


def true_pairs(blobs: BlobTable) -> set[tuple[int, int]]:
    """Rows of the blobs that are pairs: one grain, opposite hkl, half a turn apart."""
    found = set()
    key = np.column_stack([blobs["grain"], blobs["h"], blobs["k"], blobs["l"]])
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, entry in enumerate(key.tolist()):
        groups.setdefault(tuple(entry), []).append(row)
    for (grain, h, k, l), rows in groups.items():  # noqa: E741
        if grain < 0 or (h, k, l) < (0, 0, 0):
            continue
        for a in rows:
            for b in groups.get((grain, -h, -k, -l), []):
                apart = (blobs["omega"][b] - blobs["omega"][a]) % 360.0 - 180.0
                if abs(apart) < 2.0:
                    found.add((min(a, b), max(a, b)))
    return found


def is_true(blobs: BlobTable, pairs) -> np.ndarray:
    """Which rows of a pair table are true, by the columns of the truth."""
    a, b = pairs["blob_a"], pairs["blob_b"]
    right = (blobs["grain"][a] == blobs["grain"][b]) & (blobs["grain"][a] >= 0)
    for name in "hkl":
        right &= blobs[name][a] == -blobs[name][b]
    return right


def line_by_turning(position_a, position_b, omega_a, omega_b):
    """2 theta, eta, direction of the line in the sample frame: the second spot is carried along with the sample."""
    off = (omega_b - omega_a) % (2 * np.pi) - np.pi
    mean_a, mean_b = omega_a + off / 2, omega_b - off / 2
    in_sample = [Rotation.from_euler("z", -w).apply(p) for p, w in ((position_a, mean_a), (position_b, mean_b))]
    direction = in_sample[0] - in_sample[1]
    direction /= np.linalg.norm(direction)
    lab = Rotation.from_euler("z", mean_a).apply(direction)
    return np.arccos(lab[0]), np.arctan2(-lab[1], lab[2]), direction, in_sample[0]


def candidates_by_hand(spots, rings, limits):
    """All pairs of rows with their ring, and residuals: every pair is looked at, nothing is sorted."""
    found = []
    for a in range(len(spots.omega)):
        for b in range(a + 1, len(spots.omega)):
            off = (spots.omega[b] - spots.omega[a]) % (2 * np.pi) - np.pi
            if abs(off) * limits.least_sin_eta > limits.omega:
                continue
            two_theta, eta, direction, point = line_by_turning(
                spots.position[a], spots.position[b], spots.omega[a], spots.omega[b]
            )
            ring = int(np.argmin(np.abs(rings - two_theta)))
            sine = max(abs(np.sin(eta)), limits.least_sin_eta)
            other = spots.features[b].copy()
            other[4] *= -1
            residuals = np.array([off * sine, two_theta - rings[ring], *(other - spots.features[a])])
            widest = [limits.omega, limits.two_theta, limits.intensity, limits.area, limits.box, limits.box]
            widest.append(limits.correlation)
            if (np.abs(residuals) > widest).any():
                continue
            variance = spots.spread[a] + spots.spread[b]
            across = np.cos(two_theta) * np.array([np.sin(eta), np.cos(eta)])
            length = np.linalg.norm(spots.position[a] - spots.position[b] * [-1, -1, 1])
            both = np.array([variance[0], (across**2 @ variance[1:3]) / length**2, *variance[3:]])
            if (residuals**2 > limits.factor**2 * both).any() or not meets_sample(point, direction, limits):
                continue
            found.append((a, b, ring, *residuals, (residuals**2 / both).sum()))
    return np.array(found).reshape(-1, 11)


def meets_sample(point, direction, limits) -> bool:
    """Whether a line meets the grown sample: tried at many places along it."""
    if limits.kind == 0:
        return True
    s = np.linspace(-2e4, 2e4, 80001)[:, None]
    x, y, z = (point + s * direction).T
    inside = np.abs(z) <= limits.half_z + limits.margin
    if limits.kind == 1:
        inside &= np.hypot(x, y) <= limits.half_x + limits.margin
    else:
        inside &= (np.abs(x) <= limits.half_x + limits.margin) & (np.abs(y) <= limits.half_y + limits.margin)
    return bool(inside.any())


def true_pairs_across(blobs: BlobTable, sign: int = 1, most_deg: float = 55.0) -> set[tuple[int, int]]:
    """Rows of the blobs (earlier, later in the equations' omega) that are pairs across the beam."""
    key = np.column_stack([blobs["grain"], blobs["h"], blobs["k"], blobs["l"]])
    groups: dict[tuple[int, ...], list[int]] = {}
    for row, entry in enumerate(key.tolist()):
        groups.setdefault(tuple(entry), []).append(row)
    found = set()
    for (grain, h, k, l), rows in groups.items():  # noqa: E741
        for a in rows if grain >= 0 else []:
            for b in groups.get((grain, -h, -k, -l), []):
                if 0 < sign * (blobs["omega"][b] - blobs["omega"][a]) % 360.0 < most_deg:
                    found.add((a, b))
    return found


def eta_pair_by_search(seen_a, seen_b, after, two_theta, spread_a, spread_b):
    """Eta of the first spot and the least misfit (standard deviations) of angle and rays: every eta is tried.

    Rays are those of the planes h and -h, turned back with the sample.
    """

    def misfit(eta):
        g = np.array(
            [-np.sin(two_theta / 2), -np.cos(two_theta / 2) * np.sin(eta), np.cos(two_theta / 2) * np.cos(eta)]
        )
        length = 2 * np.sin(two_theta / 2)
        first = np.array([1.0, 0, 0]) + length * g
        # when does -h diffract: its x component has to be that of h; at a turning point it just fails to
        grid = after + np.linspace(-0.3, 0.3, 1201)
        off = -np.cos(grid) * g[0] + np.sin(grid) * g[1] - g[0]
        where = np.flatnonzero(np.diff(np.sign(off)))
        if not len(where):
            return np.inf
        roots = [grid[i] - off[i] * (grid[i + 1] - grid[i]) / (off[i + 1] - off[i]) for i in where]
        expected = min(roots, key=lambda w: abs(w - after))
        second = np.array([1.0, 0, 0]) + length * np.array([g[0], -g[1], -g[2]])
        back = Rotation.from_euler("z", -after)
        direction, place = back.apply(second), back.apply(seen_b)
        normal = np.cross(first, direction)
        normal /= np.linalg.norm(normal)
        there = Rotation.from_euler("z", after).apply(normal)
        variance = normal[1] ** 2 * spread_a[1] + normal[2] ** 2 * spread_a[2]
        variance += there[1] ** 2 * spread_b[1] + there[2] ** 2 * spread_b[2]
        miss = (place - seen_a) @ normal / np.sqrt(variance)
        angle = (after - expected) * abs(np.sin(eta)) / np.sqrt(spread_a[0] + spread_b[0])
        return np.hypot(miss, angle)

    up = 1 if seen_a[2] >= seen_b[2] else -1
    sine = min(np.tan(two_theta / 2) / np.tan(after / 2), 1.0)
    start = np.arcsin(sine) if up > 0 else np.pi - np.arcsin(sine)
    grid = start + np.linspace(-0.4, 0.4, 401)
    best = grid[int(np.argmin([misfit(eta) for eta in grid]))]
    found = minimize_scalar(misfit, bounds=(best - 0.003, best + 0.003), method="bounded", options={"xatol": 1e-8})
    return float(found.x), float(found.fun)
