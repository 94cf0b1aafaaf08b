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

    def add(self, symbols: np.ndarray, indexes: np.ndarray, tables: Tables | None = None) -> None:
        """symbols int32 and the indexes of their tables, of one shape; tables: other ones."""
        tables, coder, escapes = tables or self._tables, self._coder, []
        symbols = symbols.ravel()
        for index, group in _groups(indexes, len(tables.frequencies)):
            escape = len(tables.frequencies[index]) - 1
            values = symbols[group].astype(np.int32)
            at = values - tables.offsets[index]
            outside = (at < 0) | (at >= escape)
            escapes.append(values[outside])
            at[outside] = escape
            coder.encode(at.astype(np.int32), _model(tables, index))
        extra = np.concatenate(escapes or [np.empty(0, np.int32)]).view(np.uint32)
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

    def next(self, indexes: np.ndarray, tables: Tables | None = None) -> np.ndarray:
        """The next symbols, int32, in the shape of `indexes`; tables: other ones.

        Raises:
            CodecError: if no sequence of symbols gives these bytes.
        """
        tables, coder = tables or self._tables, self._coder
        symbols, escaped = np.empty(indexes.size, np.int32), []
        try:
            for index, group in _groups(indexes, len(tables.frequencies)):
                count = len(range(*group.indices(indexes.size)) if isinstance(group, slice)
                            else group)
                at = coder.decode(_model(tables, index), count)
                symbols[group] = at + tables.offsets[index]
                outside = np.flatnonzero(at == len(tables.frequencies[index]) - 1)
                escaped.append(group[outside] if isinstance(group, np.ndarray)
                               else group.start + outside * group.step)
            places = np.concatenate(escaped or [np.empty(0, np.intp)])
            if places.size:
                high = coder.decode(_HALF, places.size).astype(np.uint32)
                low = coder.decode(_HALF, places.size).astype(np.uint32)
                symbols[places] = (high << 16 | low).view(np.int32)
        except AssertionError:
            raise CodecError("damaged: the coded latents are not decodable", "damaged") from None
        return symbols.reshape(indexes.shape)


def fewest_bits(tables: Tables, indexes: np.ndarray | None = None) -> float:
    """What symbols of these tables cost at least, or one of each: the most frequent ones."""
    least = np.log2([(1 << 24) / row.max() for row in tables.frequencies])
    return float((least if indexes is None else least[indexes]).sum())


def _groups(indexes: np.ndarray, tables: int) -> list[tuple[int, np.ndarray | slice]]:
    """For each table in use, in ascending order, where its symbols stand in the flat array."""
    if indexes.size and indexes.ndim > 1 and not any(indexes.strides[:-1]):
        channels = indexes[(0,) * (indexes.ndim - 1)]
        if (np.diff(channels.astype(int)) > 0).all():       # a table a channel: no need to sort
            return [(int(table), slice(i, None, len(channels)))
                    for i, table in enumerate(channels)]
    flat = indexes.ravel()
    counts = np.bincount(flat, minlength=tables)
    ends, order = np.cumsum(counts), np.argsort(flat, kind="stable")
    return [(int(i), order[ends[i] - counts[i]:ends[i]]) for i in np.flatnonzero(counts)]


def _model(tables: Tables, index: int):
    weights = (tables.frequencies[index] - 1).astype(np.float32)
    return constriction.stream.model.Categorical(weights, perfect=False)
