"""Bits <-> bytes, each bit by a probability that its context has learned from the bits before it.

One function codes a bit, whichever way: who walks through a structure writes the walk once, and it
runs as compiled loops where numba is installed, or else as it stands. All in integers.

A context holds two estimates of the probability of a 0, in 1/65536: one learns fast and one slowly,
but both fast at first; their mean is used. The range coder is that of LZMA (I. Pavlov), which
carries into bytes that it holds back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from codec.exact_symbol_loops import jit
except ImportError:
    def jit(function: Any) -> Any:
        return function

READS, LOW, RANGE, CODE, HELD, WAITING, AT = range(7)       # of a coder's state
FAST, SLOW = 4, 7
HALF = 1 << 15
LEAST = 1 << 24


class Coder:
    """A coder's state [7], its bytes, and its contexts [n, 3].

    >>> coder = Coder(2)
    >>> _ = [code(*coder.parts(9), i % 2, i % 2) for i in range(300)]
    >>> data = coder.finish()
    >>> len(data) < 15, [code(*Coder(2, data).parts(9), 0, 0)]
    (True, [0])
    """

    def __init__(self, contexts: int, data: bytes | None = None):
        """contexts: how many; data: to be read."""
        self.contexts = np.tile(np.array([HALF, HALF, 0]), [contexts, 1])
        self.state = np.zeros(7, np.int64)
        self.state[RANGE] = (1 << 32) - 1
        if data is None:
            self.state[WAITING] = 1
            self.data = np.zeros(1 << 12, np.uint8)
        else:
            self.data = np.frombuffer(data + bytes(8), np.uint8).copy()
            self.state[READS] = 1
            for _ in range(4):
                self.state[CODE] = self.state[CODE] << 8 | _next(self.state, self.data)

    def parts(self, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What `code` takes; so many bits more fit into the bytes."""
        if not self.state[READS]:
            wanted = int(self.state[AT] + self.state[WAITING]) + 3 * bits + 16
            if wanted > len(self.data):
                self.data = np.concatenate([self.data, np.zeros(wanted, np.uint8)])
        return self.state, self.data, self.contexts

    def finish(self) -> bytes:
        """The bytes of all bits so far; zeros at their end are left out."""
        self.parts(40)
        for _ in range(5):
            _shift(self.state, self.data)
        # the first byte that is shifted out is always 0
        return self.data[1:self.state[AT]].tobytes().rstrip(b"\0")


@jit
def code(state, data, contexts, context, value):
    """Writes a bit in a context, or reads one, whatever value is; returns it."""
    fast, slow, seen = contexts[context]
    contexts[context, 2] = min(seen + 1, SLOW)
    by_fast, by_slow = min(FAST, seen + 1), min(SLOW, seen + 1)
    bound = (state[RANGE] >> 15) * min(max((fast + slow) >> 2, 64), HALF - 64)
    if state[READS]:
        value = 1 if state[CODE] >= bound else 0
    if value == 0:
        state[RANGE] = bound
        contexts[context, 0] = fast + ((65536 - fast) >> by_fast)
        contexts[context, 1] = slow + ((65536 - slow) >> by_slow)
    else:
        _above(state, bound)
        contexts[context, 0] = fast - (fast >> by_fast)
        contexts[context, 1] = slow - (slow >> by_slow)
    _refill(state, data)
    return value


@jit
def code_even(state, data, value):
    """The same for a bit that is as often 0 as 1."""
    bound = state[RANGE] >> 1
    if state[READS]:
        value = 1 if state[CODE] >= bound else 0
    if value == 0:
        state[RANGE] = bound
    else:
        _above(state, bound)
    _refill(state, data)
    return value


@jit
def _above(state, bound):
    if state[READS]:
        state[CODE] -= bound
    else:
        state[LOW] += bound
    state[RANGE] -= bound


@jit
def _refill(state, data):
    while state[RANGE] < LEAST:
        state[RANGE] <<= 8
        if state[READS]:
            state[CODE] = (state[CODE] << 8 | _next(state, data)) & 0xFFFFFFFF
        else:
            _shift(state, data)


@jit
def _next(state, data):
    """The next byte; zeros after the last."""
    at = state[AT]
    state[AT] = at + 1
    return np.int64(data[at]) if at < len(data) else np.int64(0)


@jit
def _shift(state, data):
    """Puts out the highest byte of LOW, once it is known whether a carry comes to it."""
    low = state[LOW]
    if low < 0xFF000000 or low > 0xFFFFFFFF:
        carry, held = low >> 32, state[HELD]
        while state[WAITING] > 0:
            data[state[AT]] = (held + carry) & 255
            state[AT] += 1
            state[WAITING] -= 1
            held = 255
        state[HELD] = (low >> 24) & 255
    state[WAITING] += 1
    state[LOW] = (low & 0x00FFFFFF) << 8
