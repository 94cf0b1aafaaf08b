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

    def field(self, rows, columns, first, twins):
        cells = {}

        def at(y, x):
            return cells.get((y, x), (0, 0))
        if not self.bit(first + 157):
            return cells
        for y in range(rows):
            for x in range(columns):
                near = [at(y, x - 1), at(y - 1, x),
                        at(y - 1, x + 1 if x + 1 < columns else x - 1)]
                count = sum(one != (0, 0) for one in near)
                twin = twins is not None and twins.get((y, x), (0, 0)) != (0, 0)
                if not self.bit(first + count + 4 * twin):
                    continue
                for i, one in enumerate(near):
                    if one == (0, 0) or one in near[:i]:
                        continue
                    place = [(one == near[1]) + 2 * (one == near[2]), 4 + (one == near[2]), 6][i]
                    if self.bit(first + 8 + place):
                        cells[y, x] = one
                        break
                else:
                    cells[y, x] = tuple(self.component(first, k, sorted(one[k] for one in near))
                                        for k in (0, 1))
        return cells

    def component(self, first, k, near):
        low, usual, high = near
        apart = sum(high - low > n for n in (0, 3, 15))
        bits, off = 0, 0
        while bits < 17 and self.bit(first + 15 + 17 * (4 * k + apart) + bits):
            bits += 1
        for i in range(bits):
            off = 2 * off + (self.bit() if i else 1)
        if off and self.bit(first + 151 + 3 * k + 1 - int(np.sign(usual))):
            off = -off
        return usual + off


@settings(max_examples=25)
@given(st.integers(0, 99), st.integers(1, 70), st.integers(1, 70), st.sampled_from([0.1, 0.7]),
       st.sampled_from([2, 50, 9000]))
def test_motion_is_what_the_format_says(seed, height, width, share, largest):
    random = np.random.default_rng(seed)
    rows, columns = -(-height // 8), -(-width // 8)
    few = random.integers(-largest, largest + 1, [4, 2])
    pair = [np.where((random.random([rows, columns, 1]) < 0.5), few[random.integers(
        0, 4, [rows, columns])], random.integers(-largest, largest + 1, [rows, columns, 2]))
        * (random.random([rows, columns, 1]) < share) for _ in "ab"]
    coder = Coder(video_motion.CONTEXTS)
    video_motion.code_flag(coder, seed % 2 == 0)
    video_motion.code_field(coder, 1, pair[0])
    video_motion.code_field(coder, 2, pair[1], pair[0])
    choices = [chosen[random.integers(0, len(chosen), [-(-height // 16), -(-width // 16)])]
               for chosen in (np.arange(4), np.array([0, 3]))]
    for chosen, two in zip(choices, (True, False)):
        video_motion.code_choices(coder, chosen, two)
    bits = Bits(coder.finish())
    assert bits.bit(526) == (seed % 2 == 0)
    first = None
    for kind in (1, 2):
        first = bits.field(rows, columns, 158 * kind, first)
        assert all(first.get((y, x), (0, 0)) == tuple(pair[kind - 1][y, x])
                   for y in range(rows) for x in range(columns))
    for chosen, two in zip(choices, (1, 0)):
        assert bits.bit(527 + two) == int(chosen.any())
        for y, x in np.ndindex(chosen.shape) if chosen.any() else ():
            left, above = chosen[y, x - 1] if x else 0, chosen[y - 1, x] if y else 0
            if not two:
                found = 3 * bits.bit(522 + 2 * (left > 0) + (above > 0))
            else:
                place = 474 + 3 * (4 * left + above)
                found = bits.bit(place) and (3 if bits.bit(place + 1) else 1 + bits.bit(place + 2))
            assert found == chosen[y, x]


def tap(quarters, j):
    """Of Keys, with a = -0.6."""
    d, a = abs(j - 1 - quarters / 4), -0.6
    return (a + 2) * d**3 - (a + 3) * d**2 + 1 if d <= 1 else (
        a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a)


def taps(quarters):
    out = [round(128 * tap(quarters, j)) for j in range(4)]
    out[1 if quarters < 2 else 2] += 128 - sum(out)
    return out


def about(grid, y, x, half):
    """What the four cells about a pixel hold, and what each counts for, of (4 half)**2."""
    for axis_y in (0, 1):
        for axis_x in (0, 1):
            weight, place = 1, []
            for at, more, size in ((y, axis_y, grid.shape[0]), (x, axis_x, grid.shape[1])):
                i, f = divmod(2 * at + 1 - 2 * half, 4 * half)
                weight *= f if more else 4 * half - f
                place.append(min(max(i + more, 0), size - 1))
            yield grid[tuple(place)], weight


def moved(picture, y, x, vector):
    height, width, _ = picture.shape
    across, down = x + (int(vector[0]) >> 2), y + (int(vector[1]) >> 2)
    total = 0
    for v, j in zip(taps(int(vector[1]) & 3), range(4)):
        row = picture[min(max(down + j - 1, 0), height - 1)].astype(int)
        total += v * sum(h * row[min(max(across + i - 1, 0), width - 1)]
                         for h, i in zip(taps(int(vector[0]) & 3), range(4)))
    return (total + 512) >> 10


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
        warped = [(sum(weight * moved(picture, y, x, vector)
                       for vector, weight in about(field, y, x, 4)) + 128) >> 8
                  for picture, field in zip(pair, fields)]
        w, v = (sum(share[choice] * weight for choice, weight in about(choices, y, x, 8))
                for share in ([32, 64, 0, 0], [32, 0, 64, 0]))
        expected = (warped[0] * w + warped[1] * v + 2048 * (65536 - w - v) + 2**19) >> 20
        assert (found[y, x] == np.clip(expected, 0, 255)).all()
