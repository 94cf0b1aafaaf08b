"""Synthesis in integers: by FORMAT.md alone, in compiled loops, and beyond what float32 holds."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.models import integer_synthesis
from codec.models.integer_synthesis import Form, IntegerSynthesis, dense

LATENTS, DEEP, WIDE = 7, 6, 5


def weights(seed, sees):
    """Random weights of a small synthesis, float16."""
    random = np.random.default_rng(seed)
    block = {"mix_in": [1, 1, WIDE, WIDE], "point_in": [1, 1, WIDE, 2 * WIDE],
             "point_out": [1, 1, 2 * WIDE, WIDE]}
    shapes = {"linear": [LATENTS, 768], "latents/kernel": [1, 1, LATENTS, DEEP],
              "latents/bias": [DEEP], "igdn/reparam_gamma": [DEEP, DEEP],
              "igdn/reparam_beta": [DEEP], "up/kernel": [2, 2, DEEP, WIDE], "up/bias": [WIDE],
              "patches/kernel": [1, 1, WIDE, 192], "patches/bias": [192]}
    if sees:
        shapes["beside/kernel"] = [1, 1, 192, WIDE]
    for i in range(4):
        for name, shape in block.items():
            shapes |= {f"block_{i}/{name}/kernel": shape, f"block_{i}/{name}/bias": shape[-1:]}
        shapes |= {f"block_{i}/mix_out/depthwise_kernel": [3, 3, WIDE, 1],
                   f"block_{i}/mix_out/pointwise_kernel": [1, 1, WIDE, WIDE],
                   f"block_{i}/mix_out/bias": [WIDE]}
    small = {"linear": 0.05, "patches/kernel": 0.05, "beside/kernel": 0.1}
    return {f"synthesis/{name}": random.normal(0, small.get(name, 0.4), shape).astype(np.float16)
            for name, shape in shapes.items()}


def given_to(seed, h=2, w=3):
    random = np.random.default_rng(seed)
    return (random.laplace(0, 300, [h, w, LATENTS]).round().astype(np.int64),
            random.integers(0, 256, [16 * h, 16 * w, 3], np.uint8))


def small(seed, sees=True):
    params = weights(seed, sees)
    forms = integer_synthesis.forms(params, [given_to(n) for n in range(4)])
    return params, forms, IntegerSynthesis(params, forms)


class ByFormat:
    """Whole numbers of Python's, in arrays of objects."""

    def __init__(self, params, forms):
        self.params, self.forms = params, iter(forms)

    def weight(self, name):
        return self.params[f"synthesis/{name}"].astype(np.float64)

    def layer(self, kernel, bias, bits, most, low, out):
        """K, B and the shift."""
        def reach(kernel, bias):
            up, down = np.maximum(kernel, 0).sum(0), np.maximum(-kernel, 0).sum(0)
            return np.maximum(up * most + down * low, up * low + down * most) + abs(bias)
        power = np.floor(np.log2(2**24 / (reach(kernel, bias * 2.0**bits) + 2.0**-20))) + 1
        for c in range(kernel.shape[1]):
            while True:
                k = np.rint(2.0**power[c] * kernel[:, c:c + 1])
                b = np.rint(2.0**(power[c] + bits) * bias[c]) + np.floor(
                    2.0**(power[c] + bits - out - 1))
                if reach(k, b)[0] < 2**24:
                    break
                power[c] -= 1
            yield [int(v) for v in k[:, 0]], int(b), int(power[c]) + bits - out

    def product(self, x, layer):
        """x [h, w, I] of integers."""
        return np.stack([(sum(x[..., i] * v for i, v in enumerate(k)) + b) >> shift
                         for k, b, shift in layer], -1)

    def shown(self, y, prediction):
        weight = self.weight
        latents, normed, stream = (next(self.forms) for _ in range(3))
        y = y.astype(object)
        first = np.rint(weight("latents/kernel")[0, 0] * 2**14)
        bias = np.rint(weight("latents/bias") * 2**25)
        x = np.stack([clip((sum(y[..., i] * int(first[i, c]) for i in range(LATENTS)) + int(bias[c])
                            + (1 << 24 - latents.bits)) >> (25 - latents.bits), latents.most)
                      for c in range(DEEP)], -1)
        gamma, beta = (np.maximum(weight(f"igdn/reparam_{name}"), 2.0**-18)**2 - 2.0**-36
                       for name in ("gamma", "beta"))
        norm = self.product(abs(x), self.layer(gamma, beta, *latents, latents.most, 16))
        fall = 16 + latents.bits - normed.bits
        x = clip((x * norm + (1 << fall - 1)) >> fall, normed.most)
        kernel, bias = weight("up/kernel"), weight("up/bias")
        finer = np.zeros([2 * x.shape[0], 2 * x.shape[1], WIDE], object)
        ups = [[kernel[1 - i, 1 - j] for j in (0, 1)] for i in (0, 1)]
        for i in (0, 1):
            for j in (0, 1):
                finer[i::2, j::2] = clip(self.product(
                    x, self.layer(ups[i][j], bias, *normed, normed.most, stream.bits)), stream.most)
        x = finer
        if prediction is not None:
            seen = np.stack([prediction[i::8, j::8, c].astype(object) - 128
                             for i in range(8) for j in range(8) for c in range(3)], -1)
            kernel = weight("beside/kernel")[0, 0] / 255
            x = clip(x + self.product(seen, self.layer(
                kernel, kernel.sum(0) / 2, 0, 128, 128, stream.bits)), stream.most)
        for i in range(4):
            x, stream = self.block(x, stream, f"block_{i}")
        own = self.product(x, self.layer(weight("patches/kernel")[0, 0] * 255,
                                         weight("patches/bias") * 255, *stream, stream.most, 6))
        linear = np.rint(weight("linear") * 51 * 2**14)
        out = np.zeros([8 * x.shape[0], 8 * x.shape[1], 3], object)
        for k in range(192):
            out[k // 24::8, k // 3 % 8::8, k % 3] += own[..., k]
        for k in range(768):
            value = sum(y[..., m] * int(linear[m, k]) for m in range(LATENTS))
            out[k // 48::16, k // 3 % 16::16, k % 3] += (value + (1 << 15)) >> 16
        return np.clip((out + 8160 + 32) >> 6, 0, 255)

    def block(self, x, stream, name):
        mix, spread, mixed, point, last = (next(self.forms) for _ in range(5))
        weight = self.weight

        def dense(part, given, out, low=None, kernel="kernel"):
            return self.layer(
                weight(f"{name}/{part}/{kernel}")[0, 0], weight(f"{name}/{part}/bias"), *given,
                given.most if low is None else low, out)
        t = rectified(self.product(x, dense("mix_in", stream, mix.bits)), mix.most)
        around = np.pad(t, ((1, 1), (1, 1), (0, 0)))
        taps = weight(f"{name}/mix_out/depthwise_kernel")[..., 0].reshape(9, WIDE)
        layer = self.layer(taps, np.zeros(WIDE), *mix, mix.most // 4, spread.bits)
        h, w, _ = t.shape
        t = np.stack([(sum(around[n // 3:n // 3 + h, n % 3:n % 3 + w, c] * v
                           for n, v in enumerate(k)) + b) >> shift
                      for c, (k, b, shift) in enumerate(layer)], -1)
        added = self.product(clip(t, spread.most), dense("mix_out", spread, mixed.bits,
                                                         kernel="pointwise_kernel"))
        x = clip(rounded(x, stream.bits - mixed.bits) + added, mixed.most)
        t = rectified(self.product(x, dense("point_in", mixed, point.bits)), point.most)
        added = self.product(t, dense("point_out", point, last.bits, point.most // 4))
        return clip(rounded(x, mixed.bits - last.bits) + added, last.most), last


def clip(x, most):
    return np.clip(x, -most, most)


def rounded(x, fall):
    return (x + (1 << fall >> 1)) >> fall


def rectified(x, most):
    return np.clip(np.where(x < 0, (51 * x + 128) >> 8, x), -(most // 4), most)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 99), st.booleans())
def test_it_is_what_the_format_says(seed, sees):
    params, forms, network = small(seed, sees)
    y, prediction = given_to(seed + 100)
    prediction = prediction if sees else None
    found = network(y, prediction)
    assert found.dtype == np.uint8 and found.shape == (32, 48, 3)
    assert (found == ByFormat(params, forms).shown(y, prediction)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_compiled_loops_are_the_definition(seed, h, w, sees):
    loops = pytest.importorskip("codec.synthesis_loops", reason="numba is not installed")
    _, _, network = small(seed, sees)
    y, prediction = given_to(seed, h, w)
    assert (network(y, prediction, loops) == network(y, prediction)).all()


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(8, 4000), st.integers(0, 10),
       st.sampled_from([1e-6, 0.01, 1.0, 30.0]))
def test_no_sum_leaves_what_float32_holds(seed, inputs, most, bits, size):
    random = np.random.default_rng(seed)
    kernel = random.normal(0, size, [inputs, 3])
    try:
        layer = dense(kernel, random.normal(0, size, 3), Form(bits, most), 6, most // 4)
    except ValueError as error:
        assert "too fine" in str(error)
        return
    for signs in (np.sign(layer.kernel), -np.sign(layer.kernel)):
        worst = np.where(signs > 0, most, -(most // 4))
        sums = [sum(Fraction(float(k)) * int(x) for k, x in zip(layer.kernel[:, c], worst[:, c]))
                + Fraction(float(layer.bias[c])) for c in range(3)]
        assert max(abs(total) for total in sums) < 2**24
    assert all((numbers == np.rint(numbers)).all() for numbers in (layer.kernel, layer.bias))


def test_what_no_latents_lead_to_does_not_overflow():
    """The largest that there are."""
    _, _, network = small(3)
    y, prediction = given_to(1)
    huge = np.full_like(y, 2**40) * np.sign(y)
    found = network(huge, prediction)
    assert (found == network(np.sign(y) * 2**20, prediction)).all()
    assert {0, 255} < set(found.ravel().tolist())
    loops = pytest.importorskip("codec.synthesis_loops", reason="numba is not installed")
    assert (found == network(huge, prediction, loops)).all()


def test_forms_fit_what_they_were_made_of():
    """Samples differ from those of much finer numbers by half a level, mostly."""
    params, forms, network = small(5)
    assert len(forms) == 23 and all(850 <= form.most <= 2500 for form in forms[:2])
    y, prediction = given_to(2)
    rough = IntegerSynthesis(params, integer_synthesis.LOOSE)(y, prediction).astype(int)
    assert np.abs(network(y, prediction) - rough).mean() < 3


def test_steps_are_rounded_powers():
    table = np.array([[0.0, 1.0], [0.5, -1.0]], np.float16)
    assert integer_synthesis.steps(table, 1.0).tolist() == [65536, 178145]
    assert integer_synthesis.steps(table, 100.0).tolist() == [108051, 24109]
    assert integer_synthesis.steps(table, 50.5).tolist() == [84150, 65536]
