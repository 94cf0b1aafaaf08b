"""Integer symbols and the indexes of their tables <-> bytes, by constriction's range coder.

The symbols of an array are coded grouped by table, tables in ascending order, so that each group is
one call. A symbol outside its table is coded as the table's last entry, the escape; the values of
all escapes follow after the array, as 16 high bits each, then 16 low bits each.

Exactness: constriction turns a row of weights w into a 24-bit cumulative distribution by
``floor(cumsum(w) * (2**24 - n) / sum(w)) + i``. Rows of frequencies f are handed over as f - 1:
their sum is 2**24 - n, the factor is exactly 1, every number is an integer that float32 holds,
and the frequencies come out as they went in, on any machine. FORMAT.md describes the coder itself.
"""

from __future__ import annotations

from typing import Protocol

import constriction
import numpy as np

from codec.models.errors import CodecError

_HALF = constriction.stream.model.Uniform(1 << 16)


class Tables(Protocol):
    """Rows of positive frequencies that sum to 2**24 (the last is the escape's), and the symbol
    that the first entry of each row stands for."""

    @property
    def frequencies(self) -> tuple[np.ndarray, ...]: ...

    @property
    def offsets(self) -> np.ndarray: ...


class Encoder:
    """Codes arrays one after the other; `finish` gives the bytes of all.

    >>> from types import SimpleNamespace
    >>> coin = SimpleNamespace(frequencies=(np.array([2**23, 2**23 - 1, 1]),), offsets=[0])
    >>> coder, indexes = Encoder(coin), np.zeros(4, np.uint16)
    >>> coder.add(np.array([0, 1, 1, 70000]), indexes)
    >>> Decoder(coder.finish(), coin).next(indexes).tolist()
    [0, 1, 1, 70000]
    """

    def __init__(self, tables: Tables):
        self._tables = tables
        self._coder = constriction.stream.queue.RangeEncoder()

    def add(self, symbols: np.ndarray, indexes: np.ndarray) -> None:
        """symbols int32 and the indexes of their tables, of one shape."""
        tables, coder, escapes = self._tables, self._coder, []
        order, groups = _groups(indexes, len(tables.frequencies))
        symbols = symbols.ravel()[order].astype(np.int32)
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

    def finish(self) -> bytes:
        return self._coder.get_compressed().astype(">u4").tobytes().rstrip(b"\0")


class Decoder:
    """Gives back the arrays that an Encoder was given, in their order."""

    def __init__(self, data: bytes, tables: Tables):
        self._tables = tables
        words = np.frombuffer(data + b"\0" * (8 + -len(data) % 4), ">u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def next(self, indexes: np.ndarray) -> np.ndarray:
        """The next symbols, int32, in the shape of `indexes`.

        Raises:
            CodecError: if no sequence of symbols gives these bytes.
        """
        tables, coder = self._tables, self._coder
        order, groups = _groups(indexes, len(tables.frequencies))
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
            raise CodecError("damaged: the coded latents are not decodable", "damaged") from None
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
