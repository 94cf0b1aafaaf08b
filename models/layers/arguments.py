"""Checks of layer arguments: every message names the argument, its value, what is allowed."""

from __future__ import annotations

import tensorflow as tf


def allowed(name: str, value, choices):
    """value, if it is one of choices; else ValueError.

    >>> allowed("padding", "vali", ("valid", "same"))
    Traceback (most recent call last):
    ValueError: padding is 'vali'; allowed are 'valid', 'same'
    """
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; allowed are {', '.join(map(repr, choices))}")
    return value


def positive(name: str, value) -> int:
    """An integer above 0; else ValueError.

    >>> positive("filters", 0)
    Traceback (most recent call last):
    ValueError: filters is 0; allowed is an integer above 0
    """
    try:
        if not isinstance(value, str) and int(value) > 0:
            return int(value)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name} is {value!r}; allowed is an integer above 0")


def for_each_axis(name: str, value, rank: int) -> tuple[int, ...]:
    """`rank` integers above 0 from one or as many; else ValueError.

    >>> for_each_axis("strides", 2, 3), for_each_axis("strides", [1, 2], 2)
    ((2, 2, 2), (1, 2))
    """
    one = isinstance(value, str) or not hasattr(value, "__iter__")
    try:
        out = tuple(positive(name, v) for v in (rank * [value] if one else value))
    except ValueError:
        out = ()
    if len(out) != rank:
        raise ValueError(f"{name} is {value!r}; allowed is an integer above 0, or {rank} of them")
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


def check_dtype(layer, x) -> None:
    """ValueError unless x is of the layer's compute_dtype, as Keras makes any floating input.

    >>> check_dtype(tf.keras.layers.ReLU(), tf.constant([1, 2]))
    Traceback (most recent call last):
    ValueError: inputs are int32 and the layer computes in float32; allowed are floating inputs
    """
    if x.dtype != layer.compute_dtype:
        kind = "complex or floating" if tf.as_dtype(layer.compute_dtype).is_complex else "floating"
        more = "; for complex ones the layer's dtype must be so" if x.dtype.is_complex else ""
        raise ValueError(f"inputs are {x.dtype.name} and the layer computes in "
                         f"{layer.compute_dtype}; allowed are {kind} inputs{more}")
