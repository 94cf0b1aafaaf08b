"""Muon for the matrices, Adam for the rest, and an average of the weights: all state by name."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from codec.models.autoencoder import Autoencoder
from codec.models.learning import Learning

MOMENTUM, BETA_1, BETA_2, CLIP = 0.95, 0.9, 0.999, 1.0
SLOW_ADAM, SLOW_MUON = 0.1, 0.3


def orthogonalise(gradient):
    """U V^T of gradient = U S V^T, nearly: five Newton-Schulz steps on [..., rows, columns].

    Source: Jordan et al., "Muon" (2024); singular values end within about 0.7 to 1.2. The steps
    are polynomials in the Gram matrix of the shorter side, and only their product is applied.

    >>> flat = orthogonalise(tf.constant([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]))
    >>> [round(float(size), 1) for size in tf.norm(flat, axis=0)]
    [0.7, 1.1]
    """
    x = gradient / (tf.norm(gradient, axis=[-2, -1], keepdims=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    gram = tf.matmul(x, x, transpose_a=tall, transpose_b=not tall)
    product = same = tf.eye(gram.shape[-1])
    for _ in range(5):
        step = 3.4445 * same - 4.7750 * gram + 2.0315 * tf.matmul(gram, gram)
        product = tf.matmul(product, step)
        gram = tf.matmul(tf.matmul(step, gram), step)
    return tf.matmul(x, product) if tall else tf.matmul(product, x)


def muon(kernel, how: Learning):
    """The step for a kernel [*support, inputs, outputs] of averaged gradients, as large as Adam's.

    It is seen as the matrices that `Learning` speaks of. Scaled by 0.2 sqrt(max(rows, columns))
    (Liu et al., 2025), so that one rate suits every shape.

    >>> steps = [muon(tf.eye(8, batch_shape=2 * [k]), Learning(taps=k > 1)) for k in (1, 2)]
    >>> [round(float(tf.sqrt(tf.reduce_mean(step**2))), 1) for step in steps]
    [0.2, 0.2]
    """
    *support, _, outputs = kernel.shape
    taps = int(np.prod(support)) if how.taps else 1
    blocks = tf.reshape(kernel, [taps, -1, how.phases, outputs // how.phases])
    update = _scaled(tf.transpose(blocks, [0, 2, 1, 3]))
    return tf.reshape(tf.transpose(update, [0, 2, 1, 3]), kernel.shape)


def _scaled(matrices):
    return 0.2 * max(matrices.shape[-2:])**0.5 * orthogonalise(matrices)


class Optimizer(tf.Module):
    """Updates the variables of a model by their gradients, each as the model says that it learns.

    Muon takes the kernels in the middle of a network; Adam takes the layers next to the samples,
    depthwise kernels, biases, gains, priors and the linear path; and all, where Muon's rate is 0.
    """

    def __init__(self, model: Autoencoder, adam: float, muon: float):
        super().__init__(name="optimizer")
        self.rates = adam, muon
        self.learning = {n: how._replace(muon=how.muon and muon > 0)
                         for n, how in model.learning().items()}
        self.config, self.all, self.exact = model.config, model.weights(), model.exact
        self.weights = {n: v for n, v in self.all.items() if not self.learning[n].fixed}
        zeros = {n: tf.zeros_like(v) for n, v in self.weights.items()}
        self.first = {n: tf.Variable(z, trainable=False) for n, z in zeros.items()}
        self.second = {n: tf.Variable(z, trainable=False) for n, z in zeros.items()
                       if not self.learning[n].muon}
        self.average = {n: tf.Variable(v, trainable=False) for n, v in self.weights.items()}

    def state(self) -> dict[str, tf.Variable]:
        """Everything that must be kept to go on: weights, moments, averages."""
        parts = {"w": self.all, "m": self.first, "v": self.second, "e": self.average}
        return {f"{p}/{n}": v for p, group in parts.items() for n, v in group.items()}

    def apply(self, gradients: dict, step, rate, keep):
        """One update; rate scales both learning rates, keep is the average's decay.

        A gradient that is not finite changes nothing. Returns the global norm before clipping.
        """
        norm = tf.linalg.global_norm(list(gradients.values()))
        finite = tf.math.is_finite(norm)
        scale = CLIP / tf.maximum(norm, CLIP)
        t = tf.cast(step + 1, tf.float32)
        rate = tf.where(finite, rate, 0.0)
        adam = rate * self.rates[0] * tf.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        for name, v in self.weights.items():
            g = tf.where(finite, gradients[name] * scale, 0.0)
            m, how = self.first[name], self.learning[name]
            if how.muon:
                m.assign(MOMENTUM * m + (1 - MOMENTUM) * g)
                own = SLOW_MUON if how.slow else 1.0
                change = own * rate * self.rates[1] * muon(MOMENTUM * m + (1 - MOMENTUM) * g, how)
            else:
                s = self.second[name]
                m.assign(BETA_1 * m + (1 - BETA_1) * g)
                s.assign(BETA_2 * s + (1 - BETA_2) * g * g)
                own = SLOW_ADAM if how.slow else 1.0
                change = own * adam * m / (tf.sqrt(s) + 1e-7)
            v.assign_sub(change)
            self.average[name].assign(keep * self.average[name] + (1 - keep) * v)
        return norm
