"""Pairs made from the truth, true and false ones, and what an index result is worth."""

from dataclasses import replace

import numpy as np
import scipy.stats

from friedel.model.blobs import BlobTable, Voxels
from friedel.model.pairs import PAIR_COLUMNS, PairTable


def pair_geometry(blobs, setup, a, b):
    """Columns of PAIR_COLUMNS of blobs a and b (rows), by the formulas of the conventions, any detector plane.

    The partner's detector, turned back by half a turn, stands behind the sample; the line joins both spots.
    """
    place_a = setup.detector.position_um(blobs["sc"][a], blobs["fc"][a])
    place_b = setup.detector.position_um(blobs["sc"][b], blobs["fc"][b])
    back = place_b * [-1, -1, 1]
    line = place_a - back
    k = line / np.linalg.norm(line, axis=1, keepdims=True)
    two_theta = np.degrees(np.arctan2(np.hypot(k[:, 1], k[:, 2]), k[:, 0]))
    eta = np.degrees(np.arctan2(-k[:, 1], k[:, 2]))
    wa, wb = (np.degrees(setup.lab_omega_rad(blobs["omega"][rows])) for rows in (a, b))
    omega = (wa + 0.5 * ((wb - wa) % 360 - 180)) % 360
    w = -np.radians(omega)
    middle = 0.5 * (place_a + back)
    return two_theta, eta, omega, turn(middle, w), turn(k, w)


def turn(v, w):
    """Vectors (n,3) turned about z by w (n) rad."""
    c, s = np.cos(w), np.sin(w)
    return np.column_stack([c * v[:, 0] - s * v[:, 1], s * v[:, 0] + c * v[:, 1], v[:, 2]])


def make_pairs(blobs, setup, a, b):
    """A PairTable of given rows."""
    two_theta, eta, omega, point, direction = pair_geometry(blobs, setup, a, b)
    values = [a, b, 0 * a, 0 * a, two_theta, eta, omega]
    values += [*point.T, *direction.T, np.zeros(len(a))]
    names = [column.name for column in PAIR_COLUMNS]
    return PairTable(dict(zip(names, values, strict=True)))


def true_pairs(blobs, setup, false=0.0, seed=0, drop=0.0):
    """All pairs of h and -h of one grain half a turn apart, and `false` times as many of the wrong ones."""
    rng = np.random.default_rng(seed)
    keys = {}
    for row, key in enumerate(zip(blobs["grain"], blobs["h"], blobs["k"], blobs["l"], strict=True)):
        keys.setdefault(tuple(int(x) for x in key), []).append(row)
    a, b = [], []
    for (grain, *h), rows in keys.items():
        for row in rows:
            if blobs["omega"][row] % 360 >= 180:
                continue
            for other in keys.get((grain, *(-x for x in h)), []):
                apart = (blobs["omega"][other] - blobs["omega"][row]) % 360 - 180
                if abs(apart) < 0.5:
                    a.append(row)
                    b.append(other)
    a, b = np.array(a, dtype=np.int64), np.array(b, dtype=np.int64)
    keep = rng.random(len(a)) >= drop
    a, b = a[keep], b[keep]
    if false:
        extra_a, extra_b = false_pairs(blobs, setup, a, b, int(false * len(a)), rng)
        a, b = np.concatenate([a, extra_a]), np.concatenate([b, extra_b])
    return make_pairs(blobs, setup, a, b)


def false_pairs(blobs, setup, a, b, count, rng):
    """Rows that look like pairs (2theta on a ring) but are of different grains."""
    rings = np.unique(np.round(pair_geometry(blobs, setup, a, b)[0], 2))
    first, second = rng.integers(0, len(blobs), (2, 400 * count))
    two_theta = pair_geometry(blobs, setup, first, second)[0]
    near = np.abs(two_theta[:, None] - rings).min(axis=1) < 0.02
    return first[near][:count], second[near][:count]


def worth(grains, truth, phases, far_px=6.0, pixel_um=3.5):
    """found, false, duplicates, median misorientation (deg) and position (px)."""
    used, hits, misorientation, place = set(), np.zeros(len(truth), int), [], []
    for i in range(len(truth)):
        near = np.flatnonzero(np.linalg.norm(grains.position_um - truth.position_um[i], axis=1) < far_px * pixel_um)
        for j in near:
            if grains.phase[j] != truth.phase[i]:
                continue
            angle = phases[truth.phase[i]].misorientation_deg(truth.U[i], grains.U[j])
            if angle < 1.0:
                hits[i] += 1
                used.add(int(j))
                misorientation.append(float(angle))
                place.append(float(np.linalg.norm(grains.position_um[j] - truth.position_um[i])) / pixel_um)
    return {
        "found": int((hits > 0).sum()),
        "of": len(truth),
        "duplicate": int((hits > 1).sum()),
        "false": len(grains) - len(used),
        "misorientation_deg": float(np.median(misorientation)) if misorientation else np.nan,
        "position_px": float(np.median(place)) if place else np.nan,
    }


def spots_of(blobs: BlobTable, grain: int):
    """Rows of the blobs of one true grain."""
    return np.flatnonzero(blobs["grain"] == grain)


def pick(blobs: BlobTable, rows, **columns):
    """Some rows of a table (no rejected ones), renumbered; `columns` replace."""
    n = len(rows)
    taken = {name: values[rows].copy() for name, values in blobs.columns.items()} | columns
    taken["spot3d_id"] = np.arange(n)
    nothing = np.zeros(0)
    return replace(
        blobs,
        columns=taken,
        extra={name: values[rows].copy() for name, values in blobs.extra.items()},
        reason=np.zeros(n, dtype=np.uint8),
        voxels=Voxels(np.zeros(n + 1, dtype=np.int64), nothing, nothing, nothing, nothing),
    )


def harsh(blobs: BlobTable, px=1.0, deg=0.1, missing=0.4, wrong=0.5, seed=0):
    """Blobs with noise on their places and intensities; some are missing, some belong to no grain (-1)."""
    rng = np.random.default_rng(seed)
    keep = np.flatnonzero(rng.random(len(blobs)) >= missing)
    copies = rng.choice(keep, int(wrong * len(keep)))
    out = pick(blobs, np.concatenate([keep, copies]))
    c, fake, n = out.columns, slice(len(keep), None), len(out)
    middle = np.array(blobs.shape[1:]) / 2
    y, z = c["fc"] - middle[1], c["sc"] - middle[0]
    radius, angle = np.hypot(y, z)[fake], rng.uniform(0, 2 * np.pi, len(copies))
    sine = np.maximum(np.abs(y) / np.hypot(y, z), 0.1)
    c["omega"][fake] = rng.uniform(0, 360, len(copies))
    c["sc"][fake], c["fc"][fake] = middle[0] + radius * np.cos(angle), middle[1] + radius * np.sin(angle)
    out.extra["grain"][fake] = -1
    c["omega"] += deg * rng.normal(size=n) / sine
    for name in ("sc", "fc"):
        c[name] += px * rng.normal(size=n)
    c["s_raw"], c["f_raw"] = c["sc"].copy(), c["fc"].copy()
    c["sum_intensity"] *= np.exp(0.15 * rng.normal(size=n))
    c["frame"] = (c["omega"] - blobs.omega_start_deg) / blobs.omega_step_deg - 0.5
    return pick(out, rng.permutation(n))


def right_entries(scan, grains):
    """Part of the entries whose blob is of the grain nearest to where theirs is."""
    truth = scan.truth
    away = np.linalg.norm(grains.position_um[:, None] - truth.grains.position_um, axis=2)
    belongs = np.repeat(away.argmin(axis=1), np.diff(grains.blob_pointer))
    return float((truth.blobs["grain"][grains.blobs] == belongs).mean())


def log_likelihoods_by_hand(sightings, log_f2, dark, law):
    """As `friedel.index.intensities.log_likelihoods`, spot by spot."""
    clean = np.flatnonzero(sightings.clean)
    own = sightings.counts[clean]
    middle, wide = own.mean(), max(own.std(), 1.0)
    out = []
    for f2, unlit in zip(log_f2, dark, strict=True):
        bright = sorted(sightings.counts[i] - f2[i] for i in clean if not unlit[i])
        volume = bright[(len(bright) - 1) // 2]
        total = 0.0
        for i in range(len(f2)):
            chance = np.interp(f2[i] + volume + sightings.factor[i], law.level, law.seen)
            chance = law.dark_seen if unlit[i] else chance
            if not sightings.found[i]:
                total += np.log(1 - chance)
            elif sightings.clean[i]:
                anything = scipy.stats.norm.pdf(sightings.counts[i], middle, wide)
                off = (sightings.counts[i] - f2[i] - volume) / law.spread
                right = scipy.stats.t.pdf(off, 3) / law.spread
                total += np.log(chance * (anything if unlit[i] else 0.95 * right + 0.05 * anything))
        out.append(total)
    return np.array(out)
