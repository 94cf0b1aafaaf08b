"""Analysis, synthesis and hyper-analysis of the residual pictures of video, as TensorFlow modules.

A residual picture is what a picture differs from its prediction by, around 128. Its transforms are
those of pictures; synthesis sees the prediction too, which tells where edges and textures are.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from codec.models import rules
from codec.models.config import Config
from codec.models.learning import Learning, of_layers
from codec.models.picture import NETWORK_GAIN, HyperAnalysis, PhotoAnalysis, PhotoSynthesis

layers = tf.keras.layers


def transforms(config: Config):
    """(analysis, synthesis, hyper-analysis) of a configuration."""
    return (FixedAnalysis(config.channels[0], config.latents),
            VideoSynthesis(*config.channels, config.latents),
            HyperAnalysis(config.hyper_latents, config.latents))


class FixedAnalysis(PhotoAnalysis):
    """g_a of pictures as it is: encoders and decoders share it with the model of key pictures."""

    def octaves(self, prediction, count: int):
        """How large so many latents of predictions [B, H, W, 3] in 0..255 are, [B, H/16, W/16,
        count]: see `rules.octaves`."""
        blocks = tf.nn.space_to_depth(prediction - 128.0, 16)
        return tf.cast(rules.octaves(blocks, self.linear[:, :count], tnp,
                                     lambda whole: tf.bitcast(whole, tf.int32)), tf.float32)

    def learning(self) -> dict[str, Learning]:
        return {name: how._replace(fixed=True) for name, how in super().learning().items()}


class VideoSynthesis(PhotoSynthesis):
    """g_s of residual pictures: that of pictures, with a prediction [B, H, W, 3] in 0..1 as a
    further input at 1/8 scale. It starts as that of pictures, blind.

    >>> y, prediction = tf.zeros([1, 2, 2, 8]), tf.zeros([1, 32, 32, 3])
    >>> VideoSynthesis(4, 8, 8)(y, prediction).shape
    TensorShape([1, 32, 32, 3])
    """

    def __init__(self, wide: int, deep: int, latents: int):
        super().__init__(wide, deep, latents)
        self.beside = layers.Conv2D(wide, 1, use_bias=False, kernel_initializer="zeros",
                                    name="beside")
        with tf.name_scope("beside"):
            self.beside.build([None, None, None, 192])

    def __call__(self, y, prediction):
        x, seen = y / NETWORK_GAIN, tf.nn.space_to_depth(prediction - 0.5, 8)
        for layer in self.network.layers:
            x = layer(x)
            if layer.name == "up":
                x += self.beside(seen)
        return self.shown(y, x)

    def learning(self) -> dict[str, Learning]:
        own = of_layers(self, slow=[self.linear, *self.network.layers[-1].trainable_variables],
                        edges=[self.network.layers[-1], self.beside])
        return own | {"linear": own["linear"]._replace(fixed=True)}
