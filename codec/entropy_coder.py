"""Integer symbols and the indexes of their tables <-> bytes, by constriction's range coder.

Symbols are coded grouped by table, tables in ascending order, so that each group is one call.
A symbol outside its table is coded as the table's last entry, the escape; the values of all
escapes follow at the end, as 16 high bits each, then 16 low bits each.

Exactness: constriction turns a row of weights w into a 24-bit cumulative distribution by
``floor(cumsum(w) * (2**24 - n) / sum(w)) + i``. Rows of frequencies f are handed over as f - 1:
their sum is 2**24 - n, the factor is exactly 1, every number is an integer that float32 holds,
and the frequencies come out as they went in, on any machine. FORMAT.md describes the coder itself.
"""

from __future__ import annotations

from typing import Protocol

import constriction
import numpy as np

from codec.errors import CodecError

_HALF = constriction.stream.model.Uniform(1 << 16)


class Tables(Protocol):
    """Rows of positive frequencies that sum to 2**24 (the last is the escape's), and the symbol
    that the first entry of each row stands for."""

    frequencies: tuple[np.ndarray, ...]
    offsets: np.ndarray


def encode(symbols: np.ndarray, indexes: np.ndarray, tables: Tables) -> bytes:
    """symbols int32, indexes uint16, of one shape -> bytes.

    >>> from types import SimpleNamespace
    >>> coin = SimpleNamespace(frequencies=(np.array([2**23, 2**23 - 1, 1]),), offsets=[0])
    >>> blob = encode(np.array([0, 1, 1, 70000]), np.zeros(4, np.uint16), coin)
    >>> decode(blob, np.zeros(4, np.uint16), coin).tolist()
    [0, 1, 1, 70000]
    """
    order, groups = _groups(indexes, len(tables.frequencies))
    symbols = symbols.ravel()[order].astype(np.int32)
    coder, escapes = constriction.stream.queue.RangeEncoder(), []
    for index, group in groups:
        escape = len(tables.frequencies[index]) - 1
        values = symbols[group]
        at = values - tables.offsets[index]
        outside = (at < 0) | (at >= escape)
        escapes.append(values[outside])
        at[outside] = escape
        coder.encode(at.astype(np.int32), _model(tables, index))
    extra = np.concatenate(escapes or [symbols]).view(np.uint32)
    if extra.size:
        coder.encode((extra >> 16).astype(np.int32), _HALF)
        coder.encode((extra & 0xFFFF).astype(np.int32), _HALF)
    return coder.get_compressed().astype(">u4").tobytes().rstrip(b"\0")


def decode(data: bytes, indexes: np.ndarray, tables: Tables) -> np.ndarray:
    """The symbols, int32, in the shape of `indexes`.

    Raises:
        CodecError: if no sequence of symbols gives these bytes.
    """
    order, groups = _groups(indexes, len(tables.frequencies))
    words = np.frombuffer(data + b"\0" * (8 + -len(data) % 4), ">u4").astype(np.uint32)
    coder = constriction.stream.queue.RangeDecoder(words)
    symbols, escaped = np.empty(indexes.size, np.int32), np.zeros(indexes.size, bool)
    try:
        for index, group in groups:
            at = coder.decode(_model(tables, index), group.stop - group.start)
            escaped[group] = at == len(tables.frequencies[index]) - 1
            symbols[group] = at + tables.offsets[index]
        count = int(escaped.sum())
        if count:
            high = coder.decode(_HALF, count).astype(np.uint32)
            low = coder.decode(_HALF, count).astype(np.uint32)
            symbols[escaped] = (high << 16 | low).view(np.int32)
    except AssertionError:
        raise CodecError("damaged: the coded latents are not decodable") from None
    out = np.empty(indexes.size, np.int32)
    out[order] = symbols
    return out.reshape(indexes.shape)


def _groups(indexes: np.ndarray, tables: int):
    """A stable order that sorts by table, and for each table in use its slice of that order."""
    flat = indexes.ravel()
    counts = np.bincount(flat, minlength=tables)
    ends = np.cumsum(counts)
    slices = [(i, slice(ends[i] - counts[i], ends[i])) for i in np.flatnonzero(counts)]
    return np.argsort(flat, kind="stable"), slices


def _model(tables: Tables, index: int):
    weights = (tables.frequencies[index] - 1).astype(np.float32)
    return constriction.stream.model.Categorical(weights, perfect=False)
