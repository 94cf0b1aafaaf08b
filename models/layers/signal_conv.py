"""SignalConv2D: tensorflow-compression's convolution, with upsampling evaluated as phases."""

import numpy as np
import tensorflow as tf
import tensorflow_compression as tfc


def phase_taps(support: int, stride: int, corr: bool) -> tuple[np.ndarray, int]:
    """Which kernel tap each output phase of a 1-D upsampling reads, by input offset.

    Returns (taps [T, stride], first): output ``stride * j + r`` is the sum over t of
    ``kernel[taps[t, r]] * x[j + first + t]``; a tap equal to ``support`` stands for zero.

    >>> phase_taps(3, 2, corr=False)        # the even phase reads one sample, the odd one two
    (array([[1, 2],
           [3, 0]]), 0)
    """
    centre = support // 2
    where = {}
    for r in range(stride):
        for k in range(support):
            distance = r + (k - centre if corr else centre - k)
            if distance % stride == 0:
                where[distance // stride, r] = k
    first, last = min(o for o, _ in where), max(o for o, _ in where)
    taps = np.full([last - first + 1, stride], support)
    for (offset, r), k in where.items():
        taps[offset - first, r] = k
    return taps, first


class SignalConv2D(tfc.SignalConv2D):
    """2-D convolution or correlation with exact alignment, [B, H, W, C] -> [B, H', W', filters].

    All arguments are those of ``tfc.SignalConv2D``. Upsampling with ``same_*`` padding is run as
    one convolution to ``stride**2 * filters`` channels followed by depth-to-space: the same linear
    map as the strided transposed convolution, about twice as fast on a CPU, exportable to LiteRT,
    and defined for even kernels under correlation, which tfc leaves out.

    Source: Balle, Minnen et al., "Nonlinear transform coding" (2020), the library's layers.

    Raises:
        ValueError: for an input that is not of rank 4, or unequal upsampling strides.

    >>> SignalConv2D(8, 5, strides_up=2, padding="same_zeros")(tf.zeros([1, 4, 6, 3])).shape
    TensorShape([1, 8, 12, 8])
    """

    @property
    def _as_phases(self) -> bool:
        return (max(self.strides_up) > 1 and max(self.strides_down) == 1 and self.extra_pad_end
                and self.padding != "valid" and not self.channel_separable
                and self.data_format == "channels_last")

    def call(self, inputs):
        if not self._as_phases:
            return super().call(inputs)
        if inputs.shape.rank != 4:
            raise ValueError(f"inputs has shape {inputs.shape}; allowed is rank 4, [B, H, W, C]")
        stride = self.strides_up[0]
        if self.strides_up != (stride, stride):
            raise ValueError(f"strides_up is {self.strides_up}; both must be equal")
        kernel, pads = self.kernel, []
        for axis, support in enumerate(self.kernel_support):
            taps, first = phase_taps(support, stride, self.corr)
            padded = tf.pad(kernel, [[0, int(a == axis)] for a in range(kernel.shape.rank)])
            kernel = tf.gather(padded, taps, axis=axis)             # axis -> (taps, phase)
            kernel = tf.transpose(kernel, _move_to_channels(axis, kernel.shape.rank))
            pads.append((max(0, -first), max(0, first + len(taps) - 1)))
        # kernel is [Ty, Tx, phase y, phase x, C, filters]: depth-to-space wants phases first.
        ty, tx, _, _, channels, filters = kernel.shape
        kernel = tf.reshape(tf.transpose(kernel, [0, 1, 4, 2, 3, 5]),
                            [ty, tx, channels, stride**2 * filters])
        outputs = tf.pad(inputs, [(0, 0), *pads, (0, 0)], self._pad_mode)
        outputs = tf.nn.depth_to_space(tf.nn.conv2d(outputs, kernel, 1, "VALID"), stride)
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


def _move_to_channels(axis: int, rank: int) -> list[int]:
    """Permutation that takes the phase dimension behind `axis` to just before the channels."""
    order = [d for d in range(rank) if d != axis + 1]
    return [*order[:-2], axis + 1, *order[-2:]]
