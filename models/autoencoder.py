"""Complete models of any number of axes: transforms, priors and gains, as they are trained."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp
import tensorflow_compression as tfc

from codec.models import integer_training, priors, rules
from codec.models.config import PEAK, Config, Step
from codec.models.integer_training import straight_through_divide, straight_through_round
from codec.models.learning import Learning, name_of

MEAN_UNITS = 2.0**priors.MEAN_BITS
FAMILIES = {"photo": "codec.models.picture", "balle": "codec.models.picture",
            "video": "codec.models.video", "volume": "codec.models.volume"}
"""The module that has a family's transforms, by `transforms(config)`: analysis, synthesis and
hyper-analysis (None for hyper "none"). Each is a tf.Module of that name and says by `learning()`
how its weights learn. A synthesis that knows what an error of a latent shows has `energy` and
`towards`; one that sees a prediction besides latents has `beside`, the layer that does; a family
whose signals people look at has `difference`."""


class Autoencoder(tf.Module):
    """Hyperprior autoencoder of variable rate, for signals of any number of axes.

    Source: Balle et al., "Variational image compression with a scale hyperprior" (ICLR 2018);
    means after Minnen et al. (NeurIPS 2018); slices after Minnen and Singh, "Channel-wise
    autoregressive entropy models" (ICIP 2020); gain vectors after Cui et al., "Asymmetric gained
    deep image compression with continuous rate adaptation" (CVPR 2021).

    >>> model = Autoencoder(Config("small", channels=(8, 8), latents=12, hyper_latents=8))
    >>> bpp, shown = model(tf.fill([1, 64, 64, 3], 128.0), tf.constant([0.5]))
    >>> bpp.shape, shown.shape
    (TensorShape([1]), TensorShape([1, 64, 64, 3]))
    """

    def __init__(self, config: Config):
        super().__init__(name="autoencoder")
        self.config = c = config
        if c.family not in FAMILIES:
            raise ValueError(f"family is {c.family!r}; allowed are {', '.join(FAMILIES)}")
        if c.hyper not in ("mean-scale", "scale", "none"):
            raise ValueError(f"hyper is {c.hyper!r}; allowed are 'mean-scale', 'scale', 'none'")
        self.family = family = import_module(FAMILIES[c.family])
        self.analysis, self.synthesis, self.hyper_analysis = family.transforms(c)
        for name, value in [("rdoq", c.rdoq), ("feedback", c.feedback)]:
            if value and (c.hyper == "none" or not hasattr(self.synthesis, "energy")):
                raise ValueError(f"{name} is {value:g}; with {c.family} transforms and hyper "
                                 f"{c.hyper!r} only 0 is allowed")
        if c.prediction and not hasattr(self.analysis, "octaves"):
            raise ValueError(f"prediction is {c.prediction}; with {c.family} transforms only 0 is "
                             "allowed")
        if c.hyper != "none":
            scale, offset = [8.0] * c.latents, [20.0] * c.latents
            if c.hyper == "mean-scale":
                scale, offset = scale + [MEAN_UNITS] * c.latents, offset + [0.0] * c.latents
            self.hyper_synthesis = integer_training.hyper_synthesis(
                c.rank, c.hyper_latents, np.array(scale), np.array(offset), c.prediction)
            self.contexts = [self._context(name, step)
                             for name, step in zip(c.contexts, c.steps[1:])]
        if c.prediction:
            self.prediction = integer_training.prediction(
                c.rank, 1 + c.steps[-1].known, c.context, c.prediction)
            self.hyper_prediction = integer_training.hyper_prediction(
                c.rank, math.prod(c.hyper_cell) * c.prediction, c.context,
                np.repeat([8.0, rules.HYPER_PARTS], c.hyper_latents),
                np.repeat([20.0, 0.0], c.hyper_latents))
        else:
            coded = c.latents if c.hyper == "none" else c.hyper_latents
            self.prior = tfc.NoisyDeepFactorized(batch_shape=(coded,))
        log_lambda = np.linspace(*np.log(c.lambdas), c.gains)
        start = np.repeat(0.5 * (log_lambda - np.log(0.01 * c.samples / 3))[:, None], c.latents, 1)
        self.gain = tf.Variable(start.astype(np.float32), name="gain")
        self.inverse_gain = tf.Variable(-start.astype(np.float32), name="inverse_gain")

    def _context(self, name: str, step: Step) -> integer_training.TrainedIntegerNetwork:
        c, kinds = self.config, [8.0, MEAN_UNITS][:2 if self.config.hyper == "mean-scale" else 1]
        scale = np.repeat(kinds, step.part.stop - step.part.start)
        return integer_training.context(name, c.rank, c.hyper_latents + c.prediction, step.known,
                                        c.context, scale)

    @property
    def exact(self) -> dict[str, integer_training.TrainedIntegerNetwork]:
        """The networks that are integers when they are installed, by name."""
        if self.config.hyper == "none":
            return {}
        networks = [self.hyper_synthesis, *self.contexts]
        if self.config.prediction:
            networks += [self.prediction, self.hyper_prediction]
        return {network.name: network for network in networks}

    @property
    def _parts(self) -> list:
        parts = [self.analysis, self.synthesis]
        if self.config.hyper != "none":
            parts += [self.hyper_analysis, *self.exact.values()]
        return parts

    def weights(self) -> dict[str, tf.Variable]:
        """Every trainable variable by a stable name, in a fixed order."""
        out = {"gain": self.gain, "inverse_gain": self.inverse_gain}
        out |= {f"{part.name}/{name_of(v)}": v for part in self._parts
                for v in part.trainable_variables}
        if not self.config.prediction:
            out |= {f"prior/{i:02d}_{name_of(v)}": v
                    for i, v in enumerate(self.prior.trainable_variables)}
        expected = len({id(v) for v in self.trainable_variables})
        if len(out) != expected:
            raise ValueError(f"{expected} variables have only {len(out)} names")
        return out

    def learning(self) -> dict[str, Learning]:
        """How each of them learns."""
        told = {f"{part.name}/{name}": how for part in self._parts
                for name, how in part.learning().items()}
        return {name: told.get(name, Learning()) for name in self.weights()}

    @property
    def seeds(self) -> int:
        """How many streams of noise a call draws from its seed: one for z, one for each step."""
        return 1 + len(self.config.steps)

    def transforms(self) -> dict:
        """What an engine runs, by name: functions of [1, *spatial, C] and their C. A synthesis that
        sees a prediction is installed in integers (`integer_synthesis`)."""
        c = self.config
        out = {"analysis": (lambda x: self.analysis(x / PEAK), c.samples)}
        if not self.sees_prediction:
            out["synthesis"] = lambda y: tf.clip_by_value(self.synthesis(y) * PEAK, 0.0, PEAK), (
                c.latents)
        if c.hyper != "none":
            out["hyper_analysis"] = (self.hyper_analysis, c.latents)
        return out

    @property
    def sees_prediction(self) -> bool:
        """Whether synthesis does."""
        return hasattr(self.synthesis, "beside")

    def parts(self, signals, q):
        """Signals, their qualities q [B] in 0..1, and their predictions, or None. Those of a model
        that sees predictions [B, *spatial, 2 C + 1] have them beside, and last, in 0..255, their
        quality."""
        if not self.sees_prediction:
            return signals, q, None
        samples = self.config.samples
        q = tf.reshape(signals, [tf.shape(signals)[0], -1])[:, -1] / PEAK
        return signals[..., :samples], q, signals[..., samples:-1]

    def gain_at(self, table, q):
        """The gain vectors of a table at q [B] in 0..1: [B, 1, .., M]."""
        return tf.reshape(rules.gain(table, q, tnp), [-1, *[1] * self.config.rank, table.shape[1]])

    def __call__(self, x, q, seed=None, prediction=None):
        """x [B, *spatial, C] in 0..255, q [B] in 0..1 -> (bits per pixel [B], x as it is decoded);
        prediction: what a synthesis sees that sees one, as x.

        The bits are those of rounded values, the estimate of what a file will hold; rounding passes
        gradients through. With `seed` (int32 [2]), as in training, latents learn from uniform noise
        instead, and so does the prior of z.
        """
        bits, y_hat = self.coded(x, q, seed, prediction)
        pixels = tf.cast(tf.reduce_prod(tf.shape(x)[1:-1]), tf.float32)
        x_hat = self._shown(y_hat, prediction)
        return bits / pixels, self._decoded(x_hat) if seed is None else x_hat

    def coded(self, x, q, seed=None, prediction=None, tell=None):
        """(bits [B], latents as they are decoded, without gain [B, *grid, M]). tell: is told every
        step, and its indexes and symbols."""
        y = self.analysis(x / PEAK) * self.gain_at(self.gain, q)
        if self.config.hyper == "none":
            y_hat = straight_through_round(y)
            bits = total_bits(self.prior.prob(noisy(y, y_hat, seed, 1)))
        else:
            z = self.hyper_analysis(y)
            z_hat = straight_through_round(z)
            seen = self.seen(prediction, q)
            if self.config.feedback:
                y += self.correction(x, y, z_hat, q, prediction, seen)
            y_hat, y_bits = self.code(y, z_hat, seed, self.worth(q), seen, tell)
            bits = self._hyper_bits(z, z_hat, seed, seen) + y_bits
        return bits, y_hat * self.gain_at(self.inverse_gain, q)

    def _hyper_bits(self, z, z_hat, seed, seen):
        """Bits [B] of hyper-latents, before rounding and after it."""
        if seen is None:
            return total_bits(self.prior.prob(noisy(z, z_hat, seed, 0)))
        side = self.config.hyper_cell[0]        # of pictures: no others have predictions
        beyond = [(0, 0), *((0, -n % side) for n in tf.unstack(tf.shape(seen)[1:-1])), (0, 0)]
        own = self.hyper_prediction(tf.nn.space_to_depth(tf.pad(seen, beyond), side))
        index, mean = tf.split(own, 2, -1)
        index = tfc.upper_bound(tfc.lower_bound(index, 0.0), rules.HYPER_SCALES - 1.0)
        mean /= rules.HYPER_PARTS
        return bits_of(tf.stop_gradient(z_hat - mean), z - mean, index, mean, None, seed, 0)

    def _shown(self, y, prediction):
        """The signal that latents without gain show, in 0..255, not clipped."""
        beside = () if prediction is None else (prediction / PEAK,)
        return self.synthesis(y, *beside) * float(PEAK)

    def _decoded(self, shown):
        """It as a decoder gives it."""
        shown = tf.clip_by_value(shown, 0.0, PEAK)
        return tf.round(shown) if self.config.whole else shown

    def worth(self, q):
        """What a squared error of one step in each latent is worth, in bits: [B, 1, .., M], or None
        where symbols are simply rounded. Constant for gradients."""
        if not self.config.rdoq:
            return None
        lmbda = tf.reshape(self.config.quality_lambda(q), [-1, *[1] * (self.config.rank + 1)])
        return tf.stop_gradient(rules.worth(lmbda, self.config.rdoq, self.synthesis.energy(),
                                            self.gain_at(self.inverse_gain, q),
                                            self.config.samples))

    def seen(self, prediction, q):
        """The features of a prediction that entropy networks see, [B, *grid, C]; or None."""
        if not self.config.prediction:
            return None
        octaves = self.analysis.octaves(prediction, self.config.steps[-1].known)
        level = tf.ones_like(octaves[..., :1]) * tf.reshape(
            tf.round(q * PEAK), [-1, *[1] * (self.config.rank + 1)])
        most = float(integer_training.HIDDEN_MAX)
        seen = self.prediction(tf.concat([octaves, level], -1))
        return tfc.upper_bound(tfc.lower_bound(seen, -most), most)

    def correction(self, x, y, z_hat, q, prediction=None, seen=None):
        """What to add to y for what a first coding of it does to the signal x, [B, *grid, M]: see
        `rules.correction`. Constant for gradients."""
        y_hat, _ = self.code(y, z_hat, None, self.worth(q), seen)
        gain = self.gain_at(self.inverse_gain, q)
        shown = self._decoded(self._shown(y_hat * gain, prediction))
        return tf.stop_gradient(rules.correction(
            self.synthesis.towards(x - shown) * gain, y - y_hat, self.synthesis.energy() * gain**2,
            self.config.feedback, tnp))

    def code(self, y, z_hat, seed, worth, seen=None, tell=None):
        """Latents as a decoder has them, [B, *grid, M], and what they cost in bits, [B].

        Step by step, as `coding.Coding.each_step`: h_s gives every latent a scale index and a mean,
        and the context networks correct both by what the steps before have shown. The entropy
        networks learn from the symbols that are coded; latents from noise (see `bits_of`).
        """
        grid, bits = [slice(n) for n in tf.unstack(tf.shape(y)[1:-1])], 0.0
        features = self.hyper_synthesis.hidden(z_hat)[(slice(None), *grid)]
        if seen is not None:
            features = tf.concat([features, seen], -1)
        parameters = self.hyper_synthesis.output(features)
        y, parameters = self._slices(y), self._slices(parameters)
        decoded, shown = {}, {}         # by the first channel of a slice
        for i, step in enumerate(self.config.steps):
            at, own = step.part.start, parameters[step.part.start]
            if i:
                own += self.contexts[i - 1](tf.concat([features, *shown.values()], -1))
            index, mean = own, tf.zeros_like(own)
            if self.config.hyper == "mean-scale":
                index, mean = tf.split(own, 2, -1)
                mean /= MEAN_UNITS
            index = tfc.upper_bound(tfc.lower_bound(index, 0.0), rules.SCALES - 1.0)
            centred = y[at] - mean
            error = None if worth is None else worth[..., step.part]
            symbols = tf.stop_gradient(quantise(centred, index, error))
            if tell:
                tell(step, index, symbols)
            bits += bits_of(symbols, centred, index, mean, step.cell, seed, 1 + i)
            passed = centred + tf.stop_gradient(symbols - centred)      # straight-through
            decoded[at] = _at_cells(step.cell, passed + mean, decoded.get(at, 0.0))
            shown[at] = rules.compand(decoded[at] * MEAN_UNITS, tnp, straight_through_divide)
        return tf.concat(list(decoded.values()), -1), bits

    def _slices(self, x) -> dict:
        """[B, *grid, M], or the outputs of h_s [indexes of M, means of M], by the first channel of
        a slice."""
        sizes = self.config.slices or (self.config.latents,)
        kinds = x.shape[-1] // self.config.latents
        pieces = tf.split(x, sizes * kinds, -1)     # its gradient is one concat, unlike x[..., a:b]
        starts = np.cumsum((0, *sizes[:-1])).tolist()
        return {start: tf.concat(pieces[i::len(sizes)], -1) for i, start in enumerate(starts)}


def build(config: Config, weights: dict[str, np.ndarray] | None = None) -> Autoencoder:
    """The model of a configuration, untrained or with weights by name; those of what is exact may
    be missing."""
    model = Autoencoder(config)
    exact = "prior", *model.exact
    for name, variable in model.weights().items():
        if weights is not None and (name in weights or name.partition("/")[0] not in exact):
            variable.assign(weights[name].astype(np.float32))
    return model


def _at_cells(cell: tuple[int, ...] | None, value, other):
    """value [B, *grid, C] at this place of every 2x2 (None: everywhere), else other."""
    if cell is None:
        return value
    here = tf.constant(True)
    for i, at in enumerate(cell):
        along = tf.equal(tf.range(tf.shape(value)[1 + i]) % 2, at)
        here &= tf.reshape(along, [-1 if axis == i else 1 for axis in range(len(cell))])
    return tf.where(here[None, ..., None], value, other)


def quantise(value, index, worth):
    """Symbols as an encoder chooses them (`rules.nearer_zero`), by the bits of the distributions
    themselves instead of their tables; rounded values where worth is None.

    >>> quantise(tf.constant([0.6, -1.6]), tf.constant([0.0, 40.0]), 9.0).numpy().tolist()
    [0.0, -2.0]
    """
    nearest = tf.round(value)
    if worth is None:
        return nearest
    return rules.nearer_zero(value, nearest, lambda symbols: _bits(logistic_likelihood(
        symbols, index)), worth, tnp)


def bits_of(symbols, centred, index, mean, cell, seed, stream):
    """Bits [B] of the symbols at a cell; their gradients go to index and mean alone.

    With a seed `centred` (latents less their means) has the gradient of the bits that it would take
    with U(-0.5, 0.5) added: a symbol's own bits tell nothing of how near the next one is.
    """
    moved = symbols + tf.stop_gradient(mean) - mean
    bits = total_bits(_at_cells(cell, logistic_likelihood(moved, index), 1.0))
    if seed is None:
        return bits
    likelihood = logistic_likelihood(noisy(centred, symbols, seed, stream),
                                     tf.stop_gradient(index))
    learned = total_bits(_at_cells(cell, likelihood, 1.0))
    return bits + learned - tf.stop_gradient(learned)


def noisy(value, symbols, seed, stream):
    """value + U(-0.5, 0.5) drawn from (seed, stream), or the symbols where seed is None."""
    if seed is None:
        return symbols
    return value + uniform(tf.shape(value), seed + [0, stream]) - 0.5


def uniform(shape, seed):
    """float32 in 0..1, a pure function of seed (int32 [2]), the same on every runtime.

    Made from Philox bits by hand: TensorFlow's kernels and XLA agree on the bits, not on how they
    become floats.

    >>> [round(float(u), 4) for u in uniform([2], tf.constant([1, 2]))]
    [0.2575, 0.4047]
    """
    bits = tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg="philox")
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32)), tf.float32) * 2.0**-23


def logistic_likelihood(value, index):
    """P(value - 0.5 < L < value + 0.5), L logistic of scale(index); written for the tails."""
    inverse = tf.exp(-rules.log_scale(index)) / priors.LOGISTIC
    value = tf.abs(value)
    return tf.sigmoid((0.5 - value) * inverse) - tf.sigmoid((-0.5 - value) * inverse)


def total_bits(likelihood):
    """[B, *grid, C] likelihoods -> bits [B]."""
    return tf.reduce_sum(_bits(likelihood), list(range(1, likelihood.shape.rank)))


def _bits(likelihood):
    """Nothing costs more than the 24 bits that a table gives."""
    return tf.math.log(tfc.lower_bound(likelihood, 2.0**-24)) / -np.log(2.0)
