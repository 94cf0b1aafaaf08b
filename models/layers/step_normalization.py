"""Batch normalisation inside a recurrence."""

from __future__ import annotations

import tensorflow as tf

keras = tf.keras
EPSILON, DECAY, FIRST_SCALE = 1e-3, 0.999, 0.1


@keras.utils.register_keras_serializable(package="codec")
class StepNormalization(keras.layers.Layer):
    """Batch normalisation at one step of a recurrence: scale (x - mean) / sqrt(var + 1e-3).

    x is [B, ..., C]; statistics run over all but the channels, for each step alone, with the same
    scale for all steps. In training the population's mean and variance follow the batch's, step
    by step (0.999 of the old); otherwise they are what is used. With min_mini_batch m of 2 or
    more, meant for batches of one picture, the last m steps' statistics are averaged, and
    gradients take them as constants.

    As statistics change within a sweep, they are passed in and out as a tuple (`statistics`), and
    kept at its end (`keep`).

    Source: Cooijmans et al., "Recurrent batch normalization" (ICLR 2017).

    >>> norm = StepNormalization()
    >>> norm.build(1)                   # channels
    >>> y, _ = norm.normalise(tf.constant([[1.0], [3.0]]), norm.statistics(), training=True)
    >>> [round(float(v), 2) for v in y[:, 0]]
    [-0.1, 0.1]
    """

    def __init__(self, min_mini_batch: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.recent = min_mini_batch if min_mini_batch and min_mini_batch > 1 else 0

    def build(self, channels):
        self.scale = self.add_weight("scale", [channels],
                                     initializer=keras.initializers.Constant(FIRST_SCALE))
        start = {"population_mean": ([channels], 0.0), "population_variance": ([channels], 1.0)}
        if self.recent:
            start |= {"recent_means": ([self.recent, channels], 0.0),
                      "recent_variances": ([self.recent, channels], 1.0), "steps": ([], 0.0)}
        self.kept = tuple(self.add_weight(
            name, shape, initializer=keras.initializers.Constant(value), trainable=False)
            for name, (shape, value) in start.items())
        super().build(channels)

    def statistics(self) -> tuple:
        """What is kept between steps, as tensors."""
        return tuple(tf.convert_to_tensor(v) for v in self.kept)

    def keep(self, statistics: tuple) -> None:
        for v, value in zip(self.kept, statistics):
            v.assign(value)

    def normalise(self, x, statistics: tuple, training: bool) -> tuple:
        """(normalised x, statistics after this step)."""
        wide = tf.cast(x, self.dtype)
        mean, variance = statistics[:2]
        if training:
            mean, variance = tf.nn.moments(wide, list(range(x.shape.rank - 1)))
            others: tuple = ()
            if self.recent:
                means, variances, steps = statistics[2:]
                steps += 1.0
                means = tf.concat([means[1:], mean[None]], 0)
                variances = tf.concat([variances[1:], variance[None]], 0)
                others = means, variances, steps
                mean = tf.stop_gradient(
                    tf.reduce_sum(means, 0) / tf.minimum(steps, self.recent))
                variance = tf.stop_gradient(
                    tf.reduce_sum(variances, 0) / tf.minimum(steps, self.recent - 1))
            population = (DECAY * old + (1 - DECAY) * tf.stop_gradient(new)
                          for old, new in zip(statistics, (mean, variance)))
            statistics = (*population, *map(tf.stop_gradient, others))
        y = (wide - mean) * (tf.math.rsqrt(variance + EPSILON) * self.scale)
        return tf.cast(y, x.dtype), statistics

    def get_config(self):
        return {**super().get_config(), "min_mini_batch": self.recent or None}
