"""Training signals: arrays in memory, cropped at random inside the compiled step."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from codec.models.autoencoder import uniform


def patch_of(told: int | Iterable[int], rank: int) -> tuple[int, ...]:
    """The sizes of a patch: one along all axes, or one for each.

    >>> patch_of(64, 2), patch_of([16, 64, 64], 3)
    ((64, 64), (16, 64, 64))
    """
    return rank * (told,) if isinstance(told, int) else tuple(told)


def pack(arrays: Iterable[np.ndarray], patch: tuple[int, ...], most: int = 2**31 - 1):
    """Arrays [*spatial, C] of one C and dtype, end to end.

    Returns (samples [T], table int32 [N, 1 + rank] of (offset, *spatial), C). Arrays with a side
    under that of the patch, and what comes after `most` samples, are left out.

    Raises:
        ValueError: if nothing is left.

    >>> samples, table, channels = pack([np.zeros([4, 5, 3]), np.zeros([9, 9, 3])], (4, 4))
    >>> samples.shape, table.tolist(), channels
    ((303,), [[0, 4, 5], [60, 9, 9]], 3)
    """
    kept: list[np.ndarray] = []
    total = 0
    for array in arrays:
        if any(n < p for n, p in zip(array.shape, patch)):
            continue
        if total + array.size > most:
            break
        kept.append(array)
        total += array.size
    if not kept:
        raise ValueError(f"holds nothing of at least {'x'.join(map(str, patch))} samples")
    offsets = np.cumsum([0, *(array.size for array in kept[:-1])])
    table = np.array([(offset, *array.shape[:-1]) for offset, array in zip(offsets, kept)],
                     np.int32)
    return np.concatenate([array.ravel() for array in kept]), table, kept[0].shape[-1]


def crops(samples, table, channels: int, seed, batch: int, patch: tuple[int, ...], count=None):
    """Random crops of what `pack` gives, [B, *patch, C], a pure function of seed (int32 [2]).

    Half of them are mirrored along the last axis, and of volumes along each, but not where it is
    the only one: time does not run back. The first `count` rows of the table are drawn from, or
    all.
    """
    n, rank = tf.shape(table)[0] if count is None else count, len(patch)
    which = tf.random.stateless_uniform([batch], seed + [0, 0], 0, n, tf.int32, alg="philox")
    mirrored = list(range(rank)) if rank == 3 else [rank - 1] * (rank > 1)
    u = uniform([batch, rank + max(1, len(mirrored))], seed + [0, 1])
    offset, *sizes = tf.unstack(tf.gather(table, which), axis=1)
    place = tf.zeros([batch] + [1] * rank, tf.int32)
    for i, (size, side) in enumerate(zip(sizes, patch)):
        room = size - side + 1
        first = tf.minimum(tf.cast(u[:, i] * tf.cast(room, tf.float32), tf.int32), room - 1)
        along = tf.range(side)[None]
        if i in mirrored:
            at = rank + mirrored.index(i)
            along = tf.where(u[:, at:at + 1] < 0.5, along, side - 1 - along)
        along = tf.reshape(first[:, None] + along, [batch, *(side if axis == i else 1
                                                             for axis in range(rank))])
        place = place * tf.reshape(size, [batch] + [1] * rank) + along
    at = place * channels + tf.reshape(offset, [batch] + [1] * rank)
    return tf.gather(samples, at[..., None] + tf.range(channels))
