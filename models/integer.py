"""Networks in exact integer arithmetic: the same outputs on every machine, in any order of sums.

A layer correlates small unsigned integers with int8 weights, adds an integer bias, shifts right
with rounding, clips, and may move channels into space. Because every partial sum stays below
2**24, float32 arithmetic on these integers is exact too, whoever runs it. The int64 version here
is the definition; the float32 version and TensorFlow's must equal it, and tests hold them to it.

Source: Balle, Johnston and Minnen, "Integer networks for data compression with latent-variable
models" (ICLR 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EXACT = 2**24       # float32 holds every integer up to here
WEIGHT_MAX = 127

Cell = tuple[int, int]      # row and column in a 2x2


@dataclass(frozen=True)
class IntegerLayer:
    """One layer: ``clip(floor((correlate(x, kernel) + bias) / 2**shift), *clip)``.

    kernel int [k, k, C_in, C_out], odd k, zero padding; bias int [C_out], which already holds the
    2**(shift-1) that turns floor into rounding; shift int [C_out], >= 0; clip (low, high) of the
    output; input_max bounds |x| (inputs are clipped to it); upsample 1 or 2 (depth-to-space).

    >>> layer = IntegerLayer(np.full([1, 1, 1, 1], 3), np.array([1]), np.array([1]), (0, 255), 127)
    >>> layer(np.array([[[5]]])).item()      # (3 * 5 + 1) >> 1
    8
    """

    kernel: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    clip: tuple[int, int]
    input_max: int
    upsample: int = 1

    def __post_init__(self):
        if np.abs(self.kernel).max() > WEIGHT_MAX:
            raise ValueError(f"kernel reaches {np.abs(self.kernel).max()}; allowed is 127")
        if self.shift.min() < 0:
            raise ValueError(f"shift is {self.shift.min()}; allowed is 0 or more")
        bound = np.abs(self.kernel.astype(np.int64)).sum((0, 1, 2)) * self.input_max
        bound += np.abs(self.bias.astype(np.int64))
        if bound.max() >= EXACT:
            raise ValueError(f"a sum may reach {bound.max()}; allowed is below 2**24")

    def __call__(self, x: np.ndarray, dtype: type = np.float32, cell: Cell | None = None
                 ) -> np.ndarray:
        """x integers [h, w, C_in] -> int32 [h * upsample, w * upsample, C_out / upsample**2].

        dtype is the arithmetic to use: float32 (fast) or int64 (the definition). With a cell only
        the outputs at this row and column of every 2x2 are computed, before any upsampling.
        """
        k, h, w = len(self.kernel), *x.shape[:2]
        (row, column), every = (cell, 2) if cell else ((0, 0), 1)
        padded: np.ndarray = np.zeros([h + k - 1, w + k - 1, x.shape[2]], dtype)
        inside = padded[k // 2:k // 2 + h, k // 2:k // 2 + w]
        np.clip(x, -self.input_max, self.input_max, out=inside, casting="unsafe")
        kernel: np.ndarray = self.kernel.astype(dtype)

        def tap(dy: int, dx: int) -> np.ndarray:
            return padded[dy + row:dy + h:every, dx + column:dx + w:every] @ kernel[dy, dx]
        total = tap(0, 0)
        for at in list(np.ndindex(k, k))[1:]:
            total += tap(*at)
        total = (total.astype(np.int32) + self.bias) >> self.shift
        return depth_to_space(np.clip(total, *self.clip), self.upsample)


@dataclass(frozen=True)
class IntegerNetwork:
    """Integer layers in a row: z int [h, w, N] -> int32 [H, W, C]."""

    layers: tuple[IntegerLayer, ...]

    def hidden(self, z: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        """What the last layer sees."""
        for layer in self.layers[:-1]:
            z = layer(z, dtype)
        return z

    def output(self, hidden: np.ndarray, dtype: type = np.float32) -> np.ndarray:
        return self.layers[-1](hidden, dtype)

    def __call__(self, z: np.ndarray, dtype: type = np.float32, cell: Cell | None = None
                 ) -> np.ndarray:
        """All layers; with a cell, only the outputs there, if all layers but the first are 1x1."""
        for i, layer in enumerate(self.layers):
            z = layer(z, dtype, None if i else cell)
        return z

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, for storage; `from_arrays` is the inverse."""
        out = {}
        for i, layer in enumerate(self.layers):
            out[f"{i}/kernel"] = layer.kernel.astype(np.int8)
            out[f"{i}/bias"] = layer.bias.astype(np.int32)
            out[f"{i}/shift"] = layer.shift.astype(np.int32)
            out[f"{i}/form"] = np.array([*layer.clip, layer.input_max, layer.upsample], np.int32)
        return out

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> IntegerNetwork:
        layers: list[IntegerLayer] = []
        while f"{len(layers)}/kernel" in arrays:
            kernel, bias, shift, form = (
                arrays[f"{len(layers)}/{part}"] for part in ("kernel", "bias", "shift", "form"))
            low, high, input_max, upsample = (int(v) for v in form)
            layers.append(IntegerLayer(kernel, bias, shift, (low, high), input_max, upsample))
        return cls(tuple(layers))


def depth_to_space(x: np.ndarray, factor: int) -> np.ndarray:
    """[h, w, f * f * C] -> [h * f, w * f, C], channels ordered as TensorFlow's.

    >>> depth_to_space(np.arange(4).reshape(1, 1, 4), 2)[..., 0].tolist()
    [[0, 1], [2, 3]]
    """
    if factor == 1:
        return x
    h, w, c = x.shape
    x = x.reshape(h, w, factor, factor, c // factor**2).transpose(0, 2, 1, 3, 4)
    return x.reshape(h * factor, w * factor, c // factor**2)
