"""Transforms of one and of three axes, small enough to train in a test: `autoencoder.FAMILIES`
takes this module by its name."""

import tensorflow as tf

from codec.models.config import Config
from codec.models.layers import GDN, SeparableConv1D, SignalConv1D, SignalConv3D
from codec.models.learning import of_layers

SIGNAL = Config("tiny-signal", "tiny", channels=(12,), latents=16, hyper_latents=6, slices=(4, 12),
                quarters=True, context=8, samples=2, cell=(8,), hyper_cell=(4,),
                halo={"analysis": 3, "hyper_analysis": 2, "hyper_synthesis": 1, "synthesis": 3})
VOLUME = Config("tiny-volume", "tiny", channels=(8,), latents=12, hyper_latents=6, slices=(4, 8),
                quarters=True, context=8, samples=1, cell=(2, 4, 4), hyper_cell=(4, 4, 4),
                halo={"analysis": 2, "hyper_analysis": 2, "hyper_synthesis": 1, "synthesis": 2})


class Part(tf.Module):
    """Layers in a row, between what is taken off and a factor, or what is added."""

    def __init__(self, name: str, inputs: int, layers: list, before: float, factor: float,
                 after: float):
        super().__init__(name=name)
        self.before, self.factor, self.after = before, factor, after
        self.network = tf.keras.Sequential(layers, name="network")
        self.network.build([None] * (2 if "1D" in type(layers[0]).__name__ else 4) + [inputs])

    def __call__(self, x):
        return tf.cast(self.network(x - self.before), tf.float32) * self.factor + self.after

    def learning(self):
        return of_layers(self)


def conv(rank: int, filters: int, support: int, name: str, **strides):
    return {1: SignalConv1D, 3: SignalConv3D}[rank](
        filters, support, corr=True, padding="same_zeros", use_bias=True,
        kernel_parameter="variable", name=name, **strides)


def transforms(config: Config):
    [wide], m, n, samples = config.channels, config.latents, config.hyper_latents, config.samples
    if config.rank == 1:
        analysis = [conv(1, wide, 9, "down_0", strides_down=4),
                    SeparableConv1D(wide, 3, padding="same_zeros", activation="relu", name="mix"),
                    conv(1, m, 5, "down_1", strides_down=2)]
        synthesis = [conv(1, wide, 5, "up_0", strides_up=2),
                     SeparableConv1D(wide, 3, padding="same_zeros", activation="relu", name="mix"),
                     conv(1, samples, 9, "up_1", strides_up=4)]
    else:
        analysis = [conv(3, wide, 3, "down_0", strides_down=(1, 2, 2)), GDN(name="gdn"),
                    conv(3, m, 3, "down_1", strides_down=2)]
        synthesis = [conv(3, wide, 3, "up_0", strides_up=2), GDN(inverse=True, name="igdn"),
                     conv(3, samples, 3, "up_1", strides_up=(1, 2, 2))]
    hyper = [conv(config.rank, n, 3, "down_0", strides_down=2),
             conv(config.rank, n, 3, "down_1", strides_down=2)]
    return (Part("analysis", samples, analysis, 0.5, 20.0, 0.0),
            Part("synthesis", m, synthesis, 0.0, 0.05, 0.5),
            Part("hyper_analysis", m, hyper, 0.0, 1.0, 0.0))
