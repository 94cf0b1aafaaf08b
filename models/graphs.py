"""Transforms as LiteRT graphs that hold no weights of their own.

A flatbuffer that LiteRT runs contains the float32 weights, and they are in params.safetensors
already. So a model's transforms.zip has, for every transform, NAME.tflite with zeros where weights
belong, and NAME.json: the list of [weight, order of its axes, offset in the file, factor]. `fill`
puts them there, times the factor: the converter folds a factor behind a kernel into it. What it has
folded into something new stays in the flatbuffer.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from itertools import product

import numpy as np

LEAST = 64                      # samples: what is smaller stays in the graph
ORDERS = [(3, 0, 1, 2), (2, 0, 1, 3), (1, 0)]       # kernels, depthwise kernels, matrices


def fill(blob: bytes, name: str, weights: dict[str, np.ndarray]) -> bytes:
    """The flatbuffer of a transform from the bytes of transforms.zip, with its weights."""
    with zipfile.ZipFile(BytesIO(blob)) as archive:
        graph = np.frombuffer(bytearray(archive.read(f"{name}.tflite")), np.uint8)
        places = json.loads(archive.read(f"{name}.json"))
    for weight, order, offset, *factor in places:       # the first models had no factors
        values = weights[weight].transpose(order).astype(np.float32)
        if factor:
            values *= np.float32(factor[0])
        place = graph[offset:offset + 4 * values.size].view(np.float32)
        place.reshape(values.shape)[...] = values
    return graph.tobytes()


def pack(model, weights: dict[str, np.ndarray]) -> bytes:
    """The bytes of transforms.zip for a TensorFlow model that computes in float32.

    weights: its own, float16. The model's upsampling stays in phases.
    """
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        def add(name: str, data: bytes | str):      # without the time of day: same in, same out
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)

        for name, (function, channels) in model.transforms().items():
            graph, places = _without(_convert(function, channels, model), {
                weight: values for weight, values in weights.items()
                if weight.startswith(name + "/") and values.size >= LEAST and values.any()})
            add(f"{name}.tflite", graph)
            add(f"{name}.json", json.dumps(places))
    return out.getvalue()


def _convert(function: Callable, channels: int, model) -> bytes:
    import tensorflow as tf

    from codec.models.layers import SignalConv2D
    for module in model.submodules:
        if isinstance(module, SignalConv2D):
            module.in_phases = True
    signature = [tf.TensorSpec([1, None, None, channels], tf.float32)]
    concrete = tf.function(function, input_signature=signature).get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], model).convert()


def _without(flat: bytes, weights: dict[str, np.ndarray]) -> tuple[bytes, list]:
    """A flatbuffer with zeros for the weights that it holds, as they are or times a factor of the
    transforms, and where those were."""
    from codec.models.transforms import NETWORK_GAIN
    from codec.models.zoo import LATENT_STEP
    factors = 1.0, LATENT_STEP, NETWORK_GAIN, 1 / LATENT_STEP, 1 / NETWORK_GAIN
    graph, places = bytearray(flat), []
    for weight, values in weights.items():
        orders = [o for o in ORDERS if len(o) == values.ndim] or [(0,)]
        for order, factor in product(orders, factors):
            held = (values.astype(np.float32).transpose(order) * np.float32(factor)).tobytes()
            offset = graph.find(held)
            while offset >= 0:
                places.append([weight, order, offset, factor])
                graph[offset:offset + len(held)] = bytes(len(held))
                offset = graph.find(held)
    return bytes(graph), places
