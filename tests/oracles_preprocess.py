"""Slow and obvious twins of preprocessing, in numpy and scipy: whole scans in memory, one frame after the other."""

import numpy as np
from scipy.ndimage import median_filter


def background_windows(frames, params):
    """Frames in the window of each background: lists of scan frames."""
    step, half = 2 * params.half_step + 1, params.half_window
    windows = []
    for n in range(-(-frames // step)):
        centre = params.half_step + n * step
        window = range(centre - half, centre + half + 1)
        if params.wrap and len(window) > frames:
            windows.append(list(range(frames)))
        elif params.wrap:
            windows.append([k % frames for k in window])
        else:
            windows.append([k for k in window if 0 <= k < frames])
    return windows


def moving_median(values, params, missing=()):
    """Background of each frame of `values` [frame, row, col], as float32; those of `missing` count nowhere."""
    windows = [[k for k in window if k not in missing] for window in background_windows(len(values), params)]
    images = [np.median(values[window or [0]], axis=0).astype(np.float32) for window in windows]
    return np.stack([images[k // (2 * params.half_step + 1)] for k in range(len(values))])


def gains(raw, dark, mask, saturation, tiles, boxes, reference):
    """Gain [frame, tile] of each raw frame."""
    if not boxes:
        return np.ones((len(raw), len(tiles)))
    margin = np.zeros(mask.shape, bool)
    for box in boxes:
        margin[box.slices] = True
    margin &= ~mask
    out = np.empty((len(raw), len(tiles)))
    for k, frame in enumerate(raw):
        good = margin & (frame < saturation)
        above = frame.astype(np.float64) - dark
        for t, box in enumerate(tiles):
            inside = np.zeros(mask.shape, bool)
            inside[box.slices] = True
            part = good & inside if (margin & inside).any() else good
            out[k, t] = reference / above[part].mean()
    return out


def pixel_gains(gains, tiles, shape):
    """Gains [frame, tile] spread over the frames."""
    out = np.ones((len(gains), *shape))
    for t, box in enumerate(tiles):
        out[:, *box.slices] = gains[:, t, None, None]
    return out


def clean(raw, params, scan, baseline):
    """Clean frames of a whole raw stack (without corrupt frames)."""
    boxes = {"margin": baseline.margins, "beam": (baseline.beam,), "none": ()}[params.normalise]
    mask = scan.mask if baseline.dead is None else scan.mask | baseline.dead
    gain = gains(raw, scan.dark, mask, scan.saturation, scan.tiles, boxes, baseline.reference_level)
    gain = pixel_gains(gain, scan.tiles, scan.dark.shape)
    raw = raw.astype(np.float32)
    invalid = ~np.isfinite(raw)
    if invalid.any():
        raw = np.where(invalid, scan.dark + baseline.fill_image / gain.astype(np.float32), raw)
    above = raw - scan.dark
    if params.arithmetic == "fixed":
        value = above * (gain * baseline.scale).astype(np.float32) + np.float32(baseline.offset + 0.5)
        value = np.where(mask, np.float32(baseline.offset), np.floor(value)).clip(0, 65535)
        offset, scale = baseline.offset, baseline.scale
    else:
        value = np.where(mask, np.float32(0), above * gain.astype(np.float32))
        offset, scale = 0.0, 1.0
    value = value.astype(np.float32)
    missing = [k for start, stop in scan.gaps for k in range(start, stop)]
    background = (
        moving_median(value, params, missing) if params.background == "moving_median" else np.float32(offset)
    )
    difference = np.where(invalid | mask, np.float32(0), (value - background) / np.float32(scale))
    out = np.stack([median_filter(frame, params.despeckle, mode="nearest") for frame in difference])
    out = np.where(mask, np.float32(0), np.where(invalid, np.float32(np.nan), out))
    out[missing] = 0
    return out
