"""What a model costs: multiplications counted in the graph that really runs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_SIDE = 512


def per_pixel(model) -> tuple[float, float]:
    """(encoder, decoder) multiply-accumulates for a pixel of a large picture.

    The encoder runs g_a, h_a, h_s and the context networks; the decoder g_s for the first two. With
    feedback the encoder also decodes once, and projects errors on the linear path.
    Convolutions and matrix products are counted, elementwise work is not; networks that give a
    quarter of the cells run for those alone, though training runs them for all.
    """
    c = model.config
    grid = _SIDE // 16
    analysis = _count(model.analysis, [1, _SIDE, _SIDE, 3])
    synthesis = _count(model.synthesis, [1, grid, grid, c.latents])
    if c.hyper == "none":
        return analysis, synthesis
    hyper_analysis = _count(model.hyper_analysis, [1, grid, grid, c.latents])
    exact = _count(model.hyper_synthesis, [1, grid // 4, grid // 4, c.hyper_latents])
    for step, network in zip(c.steps[1:], model.contexts):
        cost = _count(network, [1, grid, grid, network.kernels[0].shape[2]])
        exact += cost / 4 if step.cell else cost
    decoder = synthesis + exact
    encoder = analysis + hyper_analysis + exact
    if c.feedback:
        encoder += decoder + _count(model.synthesis.towards, [1, _SIDE, _SIDE, 3])
    return encoder, decoder


def _count(function, shape: list[int]) -> float:
    graph = tf.function(function).get_concrete_function(tf.TensorSpec(shape)).graph
    total = 0
    for op in graph.get_operations():
        if op.type in ("Conv2D", "DepthwiseConv2dNative"):
            kernel = op.inputs[1].shape
            taps = kernel[0] * kernel[1] * (kernel[2] if op.type == "Conv2D" else 1)
            total += np.prod(op.outputs[0].shape) * taps
        elif op.type == "Conv2DBackpropInput":
            kernel = op.inputs[1].shape
            total += np.prod(op.inputs[2].shape) * kernel[0] * kernel[1] * kernel[2]
        elif op.type == "MatMul":
            total += np.prod(op.outputs[0].shape) * op.inputs[0].shape[-1]
    return total / _SIDE**2
