"""Muon for the matrices, Adam for the rest, and an average of the weights: all state by name."""

from __future__ import annotations

import tensorflow as tf

MOMENTUM, BETA_1, BETA_2, CLIP = 0.95, 0.9, 0.999, 1.0


def orthogonalise(gradient, dtype=tf.float32):
    """U V^T of gradient = U S V^T, nearly: five Newton-Schulz steps on [..., rows, columns].

    Source: Jordan et al., "Muon" (2024); singular values end within about 0.7 to 1.2. It computes
    in dtype; bfloat16 is enough.
    """
    x = gradient / (tf.norm(gradient, axis=[-2, -1], keepdims=True) + 1e-7)
    x = tf.cast(x, dtype)
    tall = x.shape[-2] > x.shape[-1]
    for _ in range(5):
        gram = tf.matmul(x, x, transpose_a=tall, transpose_b=not tall)
        poly = 2.0315 * tf.matmul(gram, gram) - 4.7750 * gram
        x = 3.4445 * x + (tf.matmul(x, poly) if tall else tf.matmul(poly, x))
    return tf.cast(x, gradient.dtype)


class Optimizer(tf.Module):
    """Updates the variables of a model by their gradients.

    Muon takes the kernels in the middle of a network: one matrix for all taps, but of a 2x2 kernel,
    which upsamples, one for each. Adam takes the layers next to the pixels, depthwise kernels,
    biases, gains and priors. Muon's update is scaled by 0.2 sqrt(max(rows, columns)) (Liu et al.,
    2025), so that one learning rate suits every shape.
    """

    def __init__(self, weights: dict[str, tf.Variable], adam: float, muon: float):
        super().__init__(name="optimizer")
        self.rates = adam, muon
        self.dtype = tf.keras.mixed_precision.global_policy().compute_dtype
        self.weights = weights
        zeros = {n: tf.zeros_like(v) for n, v in weights.items()}
        self.first = {n: tf.Variable(z, trainable=False) for n, z in zeros.items()}
        self.second = {n: tf.Variable(z, trainable=False) for n, z in zeros.items()
                       if not self.is_matrix(n)}
        self.average = {n: tf.Variable(v, trainable=False) for n, v in weights.items()}

    def is_matrix(self, name: str) -> bool:
        v = self.weights[name]
        return v.shape.rank == 4 and min(v.shape[2:]) > 1 and not name.endswith("patches/kernel")

    def state(self) -> dict[str, tf.Variable]:
        """Everything that must be kept to go on: weights, moments, averages."""
        parts = {"w": self.weights, "m": self.first, "v": self.second, "e": self.average}
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
            m = self.first[name]
            if self.is_matrix(name):
                m.assign(MOMENTUM * m + (1 - MOMENTUM) * g)
                update = MOMENTUM * m + (1 - MOMENTUM) * g
                if v.shape[0] != 2:
                    update = tf.reshape(update, [-1, v.shape[3]])
                scale_up = 0.2 * max(update.shape[-2:])**0.5
                update = tf.reshape(orthogonalise(update, self.dtype), v.shape)
                change = rate * self.rates[1] * scale_up * update
            else:
                s = self.second[name]
                m.assign(BETA_1 * m + (1 - BETA_1) * g)
                s.assign(BETA_2 * s + (1 - BETA_2) * g * g)
                change = adam * m / (tf.sqrt(s) + 1e-7)
            v.assign_sub(change)
            self.average[name].assign(keep * self.average[name] + (1 - keep) * v)
        return norm
