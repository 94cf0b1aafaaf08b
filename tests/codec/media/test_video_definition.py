"""Motion and prediction once more, by FORMAT.md alone, number by number."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.adaptive_bits import Coder
from codec.media import video_motion
from codec.media.video_prediction import predict


class Bits:
    """The stream of motion."""

    def __init__(self, data):
        self.data, self.at = data, 4
        self.range = 2**32 - 1
        self.code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self.contexts = {}

    def bit(self, context=None):
        if context is None:
            bound = self.range >> 1
        else:
            p, q, n = self.contexts.get(context, (2**15, 2**15, 0))
            bound = (self.range >> 15) * min(max((p + q) >> 2, 64), 2**15 - 64)
        value = int(self.code >= bound)
        self.code, self.range = (self.code - bound, self.range - bound) if value else (
            self.code, bound)
        if context is not None:
            fast, slow = min(4, n + 1), min(7, n + 1)
            p, q = (p - (p >> fast), q - (q >> slow)) if value else (
                p + ((2**16 - p) >> fast), q + ((2**16 - q) >> slow))
            self.contexts[context] = p, q, min(n + 1, 7)
        while self.range < 2**24:
            self.range <<= 8
            byte = self.data[self.at] if self.at < len(self.data) else 0
            self.code, self.at = (self.code << 8 | byte) % 2**32, self.at + 1
        return value

    def grid(self, shape, first, coarser, twins):
        cells = {}

        def at(y, x):
            return cells.get((y, x), (0, 0))

        def size(y, x):
            return abs(at(y, x)[0]) + abs(at(y, x)[1])
        if self.bit(first + 138):
            for y in range(shape[0]):
                for x in range(shape[1]):
                    around = [(y, x - 1), (y - 1, x), (y - 1, x + 1)]
                    around = [p if p[1] < shape[1] else (-1, -1) for p in around]
                    near = sum(size(*p) > 0 for p in around)
                    coarse = 0
                    if coarser is not None:
                        above = sum(map(abs, coarser.get((y // 2, x // 2), (0, 0))))
                        coarse = 0 if above == 0 else 1 if above <= 2 else 2
                    twin = twins is not None and twins.get((y, x), (0, 0)) != (0, 0)
                    if not self.bit(first + near + 4 * coarse + 12 * twin):
                        continue
                    total = size(y, x - 1) + size(y - 1, x)
                    large = sum(total >= n for n in (2, 6, 16))
                    vector = []
                    for k in (0, 1):
                        usual = sorted(at(*p)[k] for p in around)[1] if near >= 2 else 0
                        least = int(k == 1 and vector[0] == 0 and usual == 0)
                        off = self.number(first + 36 + 12 * (4 * k + large), least)
                        if off and self.bit(first + 132 + 3 * k + 1 - int(np.sign(usual))):
                            off = -off
                        vector.append(off + usual)
                    cells[y, x] = tuple(vector)
        return cells

    def number(self, first, least):
        for n in range(least, 12):
            if not self.bit(first + n):
                return n
        bits = 0
        while bits < 20 and self.bit():
            bits += 1
        value = 1
        for _ in range(bits):
            value = 2 * value + self.bit()
        return value + 11


@settings(max_examples=25)
@given(st.integers(0, 99), st.integers(1, 70), st.integers(1, 70), st.sampled_from([0.1, 0.7]),
       st.sampled_from([2, 50, 9000]))
def test_motion_is_what_the_format_says(seed, height, width, share, largest):
    random = np.random.default_rng(seed)
    shapes = video_motion.shapes(height, width)
    pair = [[random.integers(-largest, largest + 1, shape)
             * (random.random(shape[:2]) < share)[..., None] for shape in shapes] for _ in "ab"]
    coder = Coder(video_motion.CONTEXTS)
    video_motion.code_flag(coder, seed % 2 == 0)
    video_motion.code_field(coder, 1, pair[0])
    video_motion.code_field(coder, 2, pair[1], pair[0])
    choices = [chosen[random.integers(0, len(chosen), [-(-height // 16), -(-width // 16)])]
               for chosen in (np.arange(4), np.array([0, 3]))]
    for chosen, two in zip(choices, (True, False)):
        video_motion.code_choices(coder, chosen, two)
    bits = Bits(coder.finish())
    assert bits.bit(1303) == (seed % 2 == 0)
    firsts = [None] * 3
    for kind in (1, 2):
        coarser = None
        for i, shape in enumerate(shapes):
            found = bits.grid(shape, 139 * (3 * kind + i), coarser, firsts[i])
            grid = pair[kind - 1][i]
            assert all(found.get((y, x), (0, 0)) == tuple(grid[y, x])
                       for y in range(shape[0]) for x in range(shape[1]))
            coarser, firsts[i] = found, found if kind == 1 else firsts[i]
    for chosen, two in zip(choices, (1, 0)):
        assert bits.bit(1304 + two) == int(chosen.any())
        for y, x in np.ndindex(chosen.shape) if chosen.any() else ():
            left, above = chosen[y, x - 1] if x else 0, chosen[y - 1, x] if y else 0
            if not two:
                found = 3 * bits.bit(1299 + 2 * (left > 0) + (above > 0))
            else:
                place = 1251 + 3 * (4 * left + above)
                found = bits.bit(place) and (3 if bits.bit(place + 1) else 1 + bits.bit(place + 2))
            assert found == chosen[y, x]


def tap(position, j):
    """Of Keys, with a = -0.6."""
    d, a = abs(j - 1 - position / 32), -0.6
    return (a + 2) * d**3 - (a + 3) * d**2 + 1 if d <= 1 else (
        a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a)


def taps(position):
    out = [round(128 * tap(position, j)) for j in range(4)]
    out[1 if position < 16 else 2] += 128 - sum(out)
    return out


def between(grid, y, x, half):
    """Times (4 half)**2."""
    total = 0
    for axis_y in (0, 1):
        for axis_x in (0, 1):
            weight, place = 1, []
            for at, more, size in ((y, axis_y, grid.shape[0]), (x, axis_x, grid.shape[1])):
                i, f = divmod(2 * at + 1 - 2 * half, 4 * half)
                weight *= f if more else 4 * half - f
                place.append(min(max(i + more, 0), size - 1))
            total += weight * int(grid[tuple(place)])
    return total


@settings(max_examples=8)
@given(st.integers(0, 99), st.sampled_from([3, 60, 4000]))
def test_prediction_is_what_the_format_says(seed, reach):
    random = np.random.default_rng(seed)
    height, width = 19, 23
    pair = [random.integers(0, 256, [height, width, 3], np.uint8) for _ in "ab"]
    fields = [random.integers(-reach, reach + 1, [3, 3, 2]) for _ in "ab"]
    choices = random.integers(0, 4, [2, 2])
    found = predict(pair, fields, choices)
    for y, x in [(0, 0), (18, 22), (7, 9), (11, 15), *random.integers(0, 19, [6, 2]).tolist()]:
        warped = []
        for picture, field in zip(pair, fields):
            across, down = (32 * at + ((between(field[..., k], y, x, 4) + 16) >> 5)
                            for k, at in ((0, x), (1, y)))
            total = 0
            for v, j in zip(taps(down & 31), range(4)):
                row = picture[min(max((down >> 5) + j - 1, 0), height - 1)].astype(int)
                total += v * sum(h * row[min(max((across >> 5) + i - 1, 0), width - 1)]
                                 for h, i in zip(taps(across & 31), range(4)))
            warped.append((total + 512) >> 10)
        w, v = (between(np.array(shares)[choices], y, x, 8)
                for shares in ([32, 64, 0, 0], [32, 0, 64, 0]))
        expected = (warped[0] * w + warped[1] * v + 2048 * (65536 - w - v) + 2**19) >> 20
        assert (found[y, x] == np.clip(expected, 0, 255)).all()
