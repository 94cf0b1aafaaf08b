"""Many symbols at once <-> 16-bit words: asymmetric numeral systems in lanes, in NumPy.

Each lane is a state of its own; the lanes of a tile share one stream of words, which they take in
their order whenever their state has become small. A call codes one symbol in each of some lanes of
some tiles, whatever distribution each has. What is decoded first was encoded last: an encoder keeps
what it is told until `finish`.

Sources: J. Duda, "Asymmetric numeral systems" (2013); F. Giesen, "Interleaved entropy coders"
(2014).
"""

from __future__ import annotations

import numpy as np

BITS = 16               # of frequencies, and of words
LEAST = 1 << 24         # a state lies in LEAST .. LEAST * 2**16 - 1
STATE_BYTES = 5


class Encoder:
    """Of `lanes` lanes in each of `tiles` tiles.

    >>> coder = Encoder(1, 2)
    >>> coder.add(np.array([0, 0]), np.array([0, 1]), np.array([0, 60000]), np.array([60000, 5536]))
    >>> [stream] = coder.finish()
    >>> decoder = Decoder([stream], 2)
    >>> (decoder.places(np.array([0, 0]), np.array([0, 1])) // 60000).tolist()
    [0, 1]
    """

    def __init__(self, tiles: int, lanes: int):
        self._tiles, self._lanes = tiles, lanes
        self._calls: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, tile: np.ndarray, lane: np.ndarray, low: np.ndarray, frequency: np.ndarray
            ) -> None:
        """Symbols that have `frequency` of 2**16 above `low`, one in each of these lanes [n] of
        these tiles [n], which are in ascending order."""
        self._calls.append(((tile * self._lanes + lane).astype(np.int32), low.astype(np.uint16),
                            frequency.astype(np.uint32)))       # many wait here

    def finish(self) -> list[bytes]:
        """The stream of each tile: the states of its lanes, then words."""
        states = np.full(self._tiles * self._lanes, LEAST, np.uint64)
        owners, words = [], []
        for lane, low, frequency in reversed(self._calls):
            state, low, frequency = states[lane], low.astype(np.uint64), frequency.astype(np.uint64)
            full = state >= frequency * np.uint64(LEAST)
            owners.append(lane[full] // self._lanes)
            words.append((state[full] & np.uint64(0xFFFF)).astype("<u2"))
            state = np.where(full, state >> np.uint64(16), state)
            high = state // frequency
            states[lane] = (high << np.uint64(16)) + (state - high * frequency) + low
        owner = np.concatenate(owners[::-1] or [np.empty(0, np.int64)])
        word = np.concatenate(words[::-1] or [np.empty(0, "<u2")])
        order = np.argsort(owner, kind="stable")
        ends = np.cumsum(np.bincount(owner, minlength=self._tiles))
        return [packed(of_tile) + word[order[start:end]].tobytes() for of_tile, start, end in zip(
            states.reshape(self._tiles, -1), [0, *ends[:-1]], ends)]


def packed(states: np.ndarray) -> bytes:
    """What a stream begins with."""
    return states.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :STATE_BYTES].tobytes()


class Decoder:
    """The other way round: `places` says where in 0..2**16-1 the states point, then `advance` is
    told what symbols lie there. Whatever the bytes are, it gives something: `sound` tells in the
    end which tiles can have been written so."""

    def __init__(self, streams: list[bytes], lanes: int):
        head = STATE_BYTES * lanes
        states = np.zeros([len(streams), lanes, 8], np.uint8)
        words = [np.frombuffer(s[head:], "<u2", max(0, len(s) - head) // 2) for s in streams]
        for i, stream in enumerate(streams):
            states[i, :, :STATE_BYTES] = np.frombuffer(
                stream[:head].ljust(head, b"\0"), np.uint8).reshape(lanes, STATE_BYTES)
        self._states = states.reshape(-1).view("<u8").astype(np.uint64)
        self._lanes = lanes
        lengths = np.array([len(w) for w in words], np.int64)
        self._ends = np.cumsum(lengths + 1)             # a word of 0 after each
        self._at = self._ends - lengths - 1
        self._words = np.concatenate([np.append(w, 0) for w in words]).astype(np.uint64)
        self._whole = np.array([len(s) >= head and len(s) % 2 == head % 2 for s in streams])

    def places(self, tile: np.ndarray, lane: np.ndarray) -> np.ndarray:
        return (self._states[tile * self._lanes + lane] & np.uint64(0xFFFF)).astype(np.int64)

    def advance(self, tile: np.ndarray, lane: np.ndarray, low: np.ndarray, frequency: np.ndarray
                ) -> None:
        """Symbols as `Encoder.add` was told, of the lanes whose places were asked for."""
        lane = tile * self._lanes + lane
        state = self._states[lane]
        state = frequency.astype(np.uint64) * (state >> np.uint64(16)) + (
            state & np.uint64(0xFFFF)) - low.astype(np.uint64)
        short = np.flatnonzero(state < LEAST)
        if short.size:
            owner = tile[short]
            counts = np.bincount(owner, minlength=len(self._at))
            before = np.cumsum(counts) - counts
            at = self._at[owner] + np.arange(len(short)) - before[owner]
            word = self._words[np.minimum(at, self._ends[owner] - 1)]
            state[short] = (state[short] << np.uint64(16)) | word
            self._at += counts
        self._states[lane] = state

    @property
    def state(self) -> tuple[np.ndarray, ...]:
        """States of all lanes, words, and of each tile which is next and where they end: for who
        decodes in his own loops."""
        return self._states, self._words, self._at, self._ends

    def sound(self) -> np.ndarray:
        """Of each tile, whether all its words were taken and all its lanes are empty."""
        empty = (self._states.reshape(-1, self._lanes) == LEAST).all(1)
        return self._whole & empty & (self._at == self._ends - 1)
