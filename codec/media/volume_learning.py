"""What a lossy model of volumes learns from: volumes in several orders of their axes and ranges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codec.value_range import PEAK

ORDERS = (0, 1, 2), (1, 0, 2), (2, 0, 1)        # as `volume` tries them
MOST = 3                # of a series
OUTLIERS = 0.005        # share of the samples: those that reach out are cut in a second range


def learned(samples: np.ndarray) -> list[np.ndarray]:
    """Arrays float32 [planes, height, width, 1] in 0..255 of an array of three axes, or of four, a
    series: of some of its volumes, and of some slices over time."""
    out = []
    for values in _ranges(np.asarray(samples, np.float32)):
        parts = [values[None]] if values.ndim < 4 else [values, values.swapaxes(0, 1)]
        for part in parts:
            for volume in part[::max(1, -(-len(part) // MOST))]:
                orders = ORDERS if min(volume.shape) > 1 and len(parts) == 1 else ORDERS[:1]
                out += [np.ascontiguousarray(volume.transpose(order))[..., None]
                        for order in orders]
    return out


def _ranges(values: np.ndarray) -> Iterator[np.ndarray]:
    """Values in 0..255; and once more if a few of them take up half the range."""
    fine = np.isfinite(values)
    there = values[fine] if fine.any() else np.zeros(1, np.float32)
    low, high = there.min(), there.max()
    for bottom, top in ((low, high), np.quantile(there, (OUTLIERS, 1 - OUTLIERS))):
        if (bottom, top) == (low, high) or 2 * (top - bottom) < high - low:
            scale = PEAK / max(top - bottom, 1e-30)
            levels = (np.clip(np.where(fine, values, bottom), bottom, top) - bottom) * scale
            yield np.minimum(levels, PEAK).astype(np.float32)
