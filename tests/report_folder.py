"""A small scan with a beam, a glow, an oscillating source and spots, and an output folder as a run leaves it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from friedel.evaluator import evaluate_blobs, reference_blobs
from friedel.io import open_scan
from friedel.io.store import RawWriter, write_background, write_blobs
from friedel.model.arrays import AnyArray
from friedel.model.blobs import BlobTable, Reason, Voxels

SEED, FLOOR = 60.0, 20.0


def make_folder(out: Path, *, frames: int = 40, size: int = 48, spots: int = 12, seed: int = 1) -> Path:
    """Write `out/` and, beside it, the raw scan; `out` again."""
    raw, box = raw_scan(frames, size, spots, seed)
    levels = margin_levels(raw, margins_of(box))
    reference = float(np.median(levels))
    gains = (reference / levels).astype(np.float32)
    out.mkdir(parents=True)
    path = out.parent / "raw.h5"
    dark = np.full((size, size), 100, np.uint16)
    with RawWriter(path, raw.shape, dark=dark, omega_start_deg=0, omega_step_deg=360 / frames) as writer:
        writer.append(raw)
    normal = (raw - np.float32(100)) * gains[:, None, None]
    half_step, half_window = max(1, frames // 24), max(3, frames // 6)
    centres = np.arange(half_step, frames + half_step, 2 * half_step + 1)
    backgrounds = np.stack(
        [np.median(normal[max(0, c - half_window) : c + half_window + 1], axis=0) for c in centres]
    )
    noise = np.linspace(4, 8, size, dtype=np.float32) * np.ones((size, 1), np.float32)
    write_background(out / "background.h5", backgrounds, centres, gains[:, None], noise)
    nearest = np.argmin(np.abs(np.arange(frames)[:, None] - centres), axis=1)
    clean = np.stack([ndimage.median_filter(n - backgrounds[b], 3) for n, b in zip(normal, nearest, strict=True)])
    c0, r0, c1, r1 = box
    clean[:, r0:r1, c0:c1] = 0
    table = segment_plainly(clean)
    write_blobs(out / "blobs.h5", table, {"growth": "clipped"})
    (out / "recipe.toml").write_text(_recipe(path, half_step, half_window))
    (out / "run.json").write_text(json.dumps(_run(raw.shape, box, len(table), path, reference)))
    truth = BlobTable(
        **{name: getattr(table, name) for name in ("columns", "reason", "voxels", "shape")},
        omega_start_deg=0.0,
        omega_step_deg=table.omega_step_deg,
        extra={"snr": table.columns["IMax_int"] / 8, "isolated": np.ones(len(table.reason), int)},
    )
    (out / "evaluation.json").write_text(json.dumps({"blobs": evaluate_blobs(table, truth)}))
    return out


def raw_scan(frames: int, size: int, spots: int, seed: int) -> tuple[AnyArray, tuple[int, ...]]:
    """Raw frames uint16, and the beam box."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - size / 2
    image = 900 * np.exp(-np.hypot(x, y) / (size / 5)) + 60
    a, b = round(size * 0.38), round(size * 0.62)
    image[a:b, a:b] = 6000
    image[a + 1 : b - 1, size // 2 - size // 16 : size // 2 + size // 16] = 3500
    volume = np.repeat(image[None].astype(np.float32), frames, axis=0)
    for _ in range(spots):
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.24, 0.47) * size
        centre = rng.uniform(0, frames), size / 2 + radius * np.sin(angle), size / 2 + radius * np.cos(angle)
        spread = rng.uniform(0.6, 2.2), *rng.uniform(0.008, 0.022, 2) * size + 0.7
        parts = [
            np.exp(-0.5 * ((np.arange(n) - c) / s) ** 2)
            for n, c, s in zip(volume.shape, centre, spread, strict=True)
        ]
        volume += rng.lognormal(5.6, 0.8) * np.einsum("f,r,c->frc", *parts).astype(np.float32)
    source = 1 + 0.05 * np.sin(np.arange(frames) * 9 / frames * np.pi) + rng.normal(0, 0.004, frames)
    noisy = rng.poisson(volume * source[:, None, None]) + rng.normal(100, 5, volume.shape)
    hot = rng.random(volume.shape) < 2e-4
    noisy[hot] += 3000
    return np.clip(noisy, 0, 65535).astype(np.uint16), (a, a, b, b)


def margins_of(box: tuple[int, ...]) -> list[list[int]]:
    """Strips inside the left and right edges of the beam box."""
    return [[box[0], box[1], box[0] + 3, box[3]], [box[2] - 3, box[1], box[2], box[3]]]


def margin_levels(raw: AnyArray, margins: list[list[int]]) -> AnyArray:
    """Mean of the margins of each frame above the dark."""
    parts = [raw[:, row0:row1, col0:col1].reshape(len(raw), -1) for col0, row0, col1, row1 in margins]
    return np.concatenate(parts, axis=1).mean(axis=1, dtype=np.float64) - 100


def segment_plainly(clean: AnyArray) -> BlobTable:
    """Components above the floor that hold a seed; those of fewer than 20 voxels are rejected."""
    labels, _ = ndimage.label(clean >= FLOOR, np.ones((3, 3, 3)))
    peaks = ndimage.maximum(clean, labels, np.arange(labels.max() + 1))
    flat = np.flatnonzero((labels > 0) & (peaks[labels] >= SEED))
    owner = labels.ravel()[flat]
    sizes = np.bincount(owner)
    first = {int(o): i for i, o in reversed(list(enumerate(owner)))}
    order = sorted(first, key=lambda o: (sizes[o] < 20, first[o]))
    rank = np.zeros(labels.max() + 1, int)
    rank[order] = np.arange(len(order))
    flat = flat[np.argsort(rank[owner], kind="stable")]
    pointer = np.concatenate([[0], np.cumsum(sizes[order])])
    place = (part.astype(np.int32) for part in np.unravel_index(flat, clean.shape))
    voxels = Voxels(pointer, *place, clean.ravel()[flat].astype(np.float32))
    made = reference_blobs(voxels, clean.shape, omega_step_deg=360 / len(clean))
    made.columns["threshold"][:] = FLOOR
    reason = np.where(sizes[order] < 20, Reason.SEED_TOO_SMALL, Reason.KEPT)
    return BlobTable(made.columns, reason, voxels, made.shape, 0.0, made.omega_step_deg)


def _recipe(path: Path, half_step: int, half_window: int) -> str:
    return f"""[scan]
frames = "{path}::/entry/data/frames"
dark = "{path}::/entry/dark"

[preprocess]
normalise = "margin"
half_window = {half_window}
half_step = {half_step}
despeckle = 3
arithmetic = "float32"

[segment]
method = "double_threshold"
unit = "counts"
seed_threshold = {SEED}
tolerance = 0.1
grow_min = {FLOOR}
growth = "clipped"
"""


def _run(shape: tuple[int, ...], box: tuple[int, ...], blobs: int, path: Path, reference: float) -> dict[str, Any]:
    return {
        "versions": {"friedel": "0.1.0", "numpy": np.__version__},
        "input": {"name": str(path), "fingerprint": open_scan(f"{path}::/entry/data/frames").fingerprint},
        "stages": {
            "preprocess": {
                "started": "2026-11-22T12:00:00+00:00",
                "seconds": 12.5,
                "counts": {"frames": shape[0], "clipped_voxels": 0, "corrupt_frames": 0},
                "warnings": ["frame 7 could not be read; its neighbour stands in"],
                "measured": {
                    "beam": list(box),
                    "margins": margins_of(box),
                    "reference_level": reference,
                    "scale": 8.0,
                    "offset": 2000.0,
                    "sigma": 6.0,
                },
            },
            "segment": {"seconds": 3.1, "counts": {"kept": blobs}, "warnings": []},
        },
    }
