"""Checks of layer arguments: every message names the argument, its value, what is allowed."""

from __future__ import annotations

import tensorflow as tf


def allowed(name: str, value, choices):
    """value, if it is one of choices; else ValueError.

    >>> allowed("padding", "vali", ("valid", "same"))
    Traceback (most recent call last):
    ValueError: padding is 'vali'; allowed are 'valid', 'same'
    """
    if not any(value is c or value == c for c in choices):
        raise ValueError(f"{name} is {value!r}; allowed are {', '.join(map(repr, choices))}")
    return value


def positive(name: str, value, rank: int = 0):
    """An int above 0, or (rank > 0) a tuple of `rank` of them from one or many; else ValueError.

    >>> positive("strides", 2, 3), positive("strides", [1, 2], 2), positive("filters", 5)
    ((2, 2, 2), (1, 2), 5)
    """
    try:
        out = tuple(int(v) for v in value) if rank and hasattr(value, "__iter__") else int(value)
    except (TypeError, ValueError):
        out = 0
    out = rank * (out,) if rank and isinstance(out, int) else out
    wrong = len(out) != rank or min(out) < 1 if rank else out < 1
    if wrong or isinstance(value, str):
        many = f", or {rank} of them" if rank else ""
        raise ValueError(f"{name} is {value!r}; allowed is an integer above 0{many}")
    return out


def check_input(layer, shape, rank: int) -> int:
    """Channels of an input [B, *spatial, C] (or channels_first); ValueError if that is not it."""
    shape = tf.TensorShape(shape)
    if shape.rank != rank + 2:
        raise ValueError(f"inputs of {layer.name!r} have shape {shape}; allowed is rank {rank + 2}")
    channels = shape[1 if layer.data_format == "channels_first" else -1]
    if channels is None:
        raise ValueError(f"inputs of {layer.name!r} have shape {shape}; the number of channels "
                         "must be known")
    return channels
