"""How the weights of a model learn: said by the model, asked by the optimizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import tensorflow as tf


class Learning(NamedTuple):
    """How a weight learns.

    slow: at a lower rate, as all latents, all samples or all distributions hang on it and its
    jitter is theirs; muon: it is a kernel [*support, inputs, outputs] in the middle of a network,
    which Muon takes as matrices: one for all its taps, but one for each tap where every tap makes
    outputs of its own (taps), and one for each phase where outputs are moved into space (phases);
    fixed: not at all, since it is another model's, and shared with it.
    """

    slow: bool = False
    muon: bool = False
    taps: bool = False
    phases: int = 1
    fixed: bool = False


def of_layers(module: tf.Module, slow: Iterable[tf.Variable] = (),
              edges: Iterable[tf.keras.layers.Layer] = ()) -> dict[str, Learning]:
    """The variables of a module of Keras layers, by name; edges: layers next to the samples, whose
    kernels are not for Muon."""
    slow = {id(v) for v in slow}
    edge = {id(v) for layer in edges for v in layer.trainable_variables}
    taps = {id(layer.kernel_parameter) for layer in module.submodules
            if max(getattr(layer, "strides_up", [1])) > 1
            and layer.kernel_support == layer.strides_up}
    return {name_of(v): Learning(
        id(v) in slow, muon=v.shape.rank > 2 and min(v.shape[-2:]) > 1 and id(v) not in edge
        and name_of(v).endswith("kernel") and not name_of(v).endswith("depthwise_kernel"),
        taps=id(v) in taps) for v in module.trainable_variables}


def name_of(variable: tf.Variable) -> str:
    return variable.name.split(":")[0]
