"""Complete picture models: transforms, priors and gains, as trained and as exported."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_compression as tfc

from codec.models import integer_training, priors, transforms
from codec.models.integer_training import straight_through_round
from codec.models.zoo import PictureConfig, Step

MEAN_UNITS = 2.0**priors.MEAN_BITS
KNOWING = {("photo", "mean-scale"), ("photo", "scale")}     # what an error of a latent shows


class PictureModel(tf.Module):
    """Hyperprior autoencoder of variable rate.

    Source: Balle et al., "Variational image compression with a scale hyperprior" (ICLR 2018);
    means after Minnen et al. (NeurIPS 2018); slices after Minnen and Singh, "Channel-wise
    autoregressive entropy models" (ICIP 2020); gain vectors after Cui et al., "Asymmetric gained
    deep image compression with continuous rate adaptation" (CVPR 2021).

    >>> model = PictureModel(PictureConfig("small", channels=(8, 8), latents=12, hyper_latents=8))
    >>> bpp, mse = model(tf.fill([1, 64, 64, 3], 128.0), tf.constant([0.5]))
    >>> bpp.shape, mse.shape
    (TensorShape([1]), TensorShape([1]))
    """

    def __init__(self, config: PictureConfig):
        super().__init__(name="picture_model")
        self.config = c = config
        if c.family == "photo":
            self.analysis = transforms.PhotoAnalysis(c.channels[0], c.latents)
            self.synthesis = transforms.PhotoSynthesis(*c.channels, c.latents)
        elif c.family == "balle":
            self.analysis = transforms.BalleAnalysis(*c.channels, c.latents)
            self.synthesis = transforms.BalleSynthesis(*c.channels, c.latents)
        else:
            raise ValueError(f"family is {c.family!r}; allowed are 'photo' and 'balle'")
        if c.hyper not in ("mean-scale", "scale", "none"):
            raise ValueError(f"hyper is {c.hyper!r}; allowed are 'mean-scale', 'scale', 'none'")
        for name, value in [("rdoq", c.rdoq), ("feedback", c.feedback)]:
            if value and (c.family, c.hyper) not in KNOWING:
                raise ValueError(f"{name} is {value:g}; with {c.family} transforms and hyper "
                                 f"{c.hyper!r} only 0 is allowed")
        if c.hyper != "none":
            self.hyper_analysis = transforms.HyperAnalysis(c.hyper_latents, c.latents)
            scale, offset = [8.0] * c.latents, [20.0] * c.latents
            if c.hyper == "mean-scale":
                scale, offset = scale + [MEAN_UNITS] * c.latents, offset + [0.0] * c.latents
            self.hyper_synthesis = integer_training.hyper_synthesis(
                c.hyper_latents, np.array(scale), np.array(offset))
            self.contexts = [self._context(name, step)
                             for name, step in zip(c.contexts, c.steps[1:])]
        coded = c.latents if c.hyper == "none" else c.hyper_latents
        self.prior = tfc.NoisyDeepFactorized(batch_shape=(coded,))
        log_lambda = np.linspace(*np.log(c.lambdas), c.gains)
        start = np.repeat(0.5 * (log_lambda - np.log(0.01))[:, None], c.latents, 1)
        self.gain = tf.Variable(start.astype(np.float32), name="gain")
        self.inverse_gain = tf.Variable(-start.astype(np.float32), name="inverse_gain")

    def _context(self, name: str, step: Step) -> integer_training.TrainedIntegerNetwork:
        kinds = [8.0, MEAN_UNITS] if self.config.hyper == "mean-scale" else [8.0]
        return integer_training.context(
            name, self.config.hyper_latents, step.known, self.config.context,
            np.repeat(kinds, step.part.stop - step.part.start))

    def weights(self) -> dict[str, tf.Variable]:
        """Every trainable variable by a stable name, in a fixed order."""
        out = {"gain": self.gain, "inverse_gain": self.inverse_gain}
        parts = [self.analysis, self.synthesis]
        if self.config.hyper != "none":
            parts += [self.hyper_analysis, self.hyper_synthesis, *self.contexts]
        for part in parts:
            for v in part.trainable_variables:
                out[f"{part.name}/{v.name.split(':')[0]}"] = v
        for i, v in enumerate(self.prior.trainable_variables):
            out[f"prior/{i:02d}_{v.name.split(':')[0]}"] = v
        expected = len({id(v) for v in self.trainable_variables})
        if len(out) != expected:
            raise ValueError(f"{expected} variables have only {len(out)} names")
        return out

    def transforms(self) -> dict:
        """What an engine runs, by name: functions of [1, h, w, C] and their C."""
        m = self.config.latents
        out = {"analysis": (lambda x: self.analysis(x / 255.0), 3),
               "synthesis": (lambda y: tf.clip_by_value(self.synthesis(y) * 255.0, 0.0, 255.0), m)}
        if self.config.hyper != "none":
            out["hyper_analysis"] = (self.hyper_analysis, m)
        return out

    def gain_at(self, table, q):
        """Log-linear interpolation between gain vectors: q [B] in 0..1 -> [B, 1, 1, M]."""
        place = q * (self.config.gains - 1)
        left = tf.clip_by_value(tf.cast(place, tf.int32), 0, self.config.gains - 2)
        share = (place - tf.cast(left, tf.float32))[:, None]
        log_gain = tf.gather(table, left) * (1 - share) + tf.gather(table, left + 1) * share
        return tf.exp(log_gain)[:, None, None]

    def __call__(self, x, q, seed=None):
        """x [B, H, W, 3] in 0..255, q [B] in 0..1 -> (bits per pixel [B], squared error [B]).

        The bits are those of rounded values, the estimate of what a file will hold; rounding passes
        gradients through. With `seed` (int32 [2]), as in training, latents learn from uniform noise
        instead, and so does the prior of z.
        """
        y = self.analysis(x / 255.0) * self.gain_at(self.gain, q)
        if self.config.hyper == "none":
            y_hat = straight_through_round(y)
            bits = total_bits(self.prior.prob(noisy(y, y_hat, seed, 1)))
        else:
            z = self.hyper_analysis(y)
            z_hat = straight_through_round(z)
            if self.config.feedback:
                y += self.correction(x, y, z_hat, q)
            y_hat, y_bits = self.code(y, z_hat, seed, self.step_error(q))
            bits = total_bits(self.prior.prob(noisy(z, z_hat, seed, 0))) + y_bits
        pixels = tf.cast(tf.shape(x)[1] * tf.shape(x)[2], tf.float32)
        x_hat = self.synthesis(y_hat * self.gain_at(self.inverse_gain, q)) * 255.0
        if seed is None:
            x_hat = tf.round(tf.clip_by_value(x_hat, 0.0, 255.0))
        mse = tf.reduce_mean(tf.math.squared_difference(x, x_hat), [1, 2, 3])
        return bits / pixels, mse

    def step_error(self, q):
        """What a squared error of one step in each latent is worth, in bits: [B, 1, 1, M], or None
        where symbols are simply rounded. Constant for gradients."""
        if not self.config.rdoq:
            return None
        weight = self.config.quality_lambda(q)[:, None, None, None] / (3 * self.config.rdoq)
        gain = self.gain_at(self.inverse_gain, q)
        return tf.stop_gradient(weight * self.synthesis.energy() * gain**2)

    def correction(self, x, y, z_hat, q):
        """What to add to y for what a first coding of it does to the picture x, [B, h, w, M]: see
        `InstalledModel.correction`. Constant for gradients."""
        y_hat, _ = self.code(y, z_hat, None, self.step_error(q))
        gain = self.gain_at(self.inverse_gain, q)
        shown = tf.round(tf.clip_by_value(self.synthesis(y_hat * gain) * 255.0, 0.0, 255.0))
        energy = self.synthesis.energy() * gain**2
        weight = self.config.feedback / tf.maximum(energy, tf.reduce_mean(energy, -1, True))
        towards = self.synthesis.towards(x - shown) * gain
        return tf.stop_gradient(weight * (towards - energy * (y - y_hat)))

    def code(self, y, z_hat, seed, step_error):
        """Latents as a decoder has them, [B, h, w, M], and what they cost in bits, [B].

        Step by step: h_s gives every latent a scale index and a mean, and the context networks
        correct both by what the steps before have shown. The entropy networks learn from the
        symbols that are coded; latents from noise (see `bits_of`).
        """
        shape, bits = tf.shape(y), 0.0
        features = self.hyper_synthesis.hidden(z_hat)
        parameters = self.hyper_synthesis.output(features)[:, :shape[1], :shape[2]]
        features = features[:, :shape[1], :shape[2]]
        y, parameters = self._slices(y), self._slices(parameters)
        decoded, shown = {}, {}         # by the first channel of a slice
        for i, (part, cell, _) in enumerate(self.config.steps):
            at, own = part.start, parameters[part.start]
            if i:
                own += self.contexts[i - 1](tf.concat([features, *shown.values()], -1))
            index, mean = own, tf.zeros_like(own)
            if self.config.hyper == "mean-scale":
                index, mean = tf.split(own, 2, -1)
                mean /= MEAN_UNITS
            index = tfc.upper_bound(tfc.lower_bound(index, 0.0), priors.SCALES - 1.0)
            centred = y[at] - mean
            error = None if step_error is None else step_error[..., part]
            symbols = tf.stop_gradient(quantise(centred, index, error))
            bits += bits_of(symbols, centred, index, mean, cell, seed, 1 + i)
            passed = centred + tf.stop_gradient(symbols - centred)      # straight-through
            decoded[at] = _at_cells(cell, passed + mean, decoded.get(at, 0.0))
            shown[at] = integer_training.compand(decoded[at] * MEAN_UNITS)
        return tf.concat(list(decoded.values()), -1), bits

    def _slices(self, x) -> dict:
        """[B, h, w, M], or the outputs of h_s [indexes of M, means of M], by the first channel of
        a slice."""
        sizes = self.config.slices or (self.config.latents,)
        kinds = x.shape[-1] // self.config.latents
        pieces = tf.split(x, sizes * kinds, -1)     # its gradient is one concat, unlike x[..., a:b]
        starts = np.cumsum((0, *sizes[:-1])).tolist()
        return {start: tf.concat(pieces[i::len(sizes)], -1) for i, start in enumerate(starts)}


def _at_cells(cell: tuple[int, int] | None, value, other):
    """value [B, h, w, C] at this row and column of every 2x2 (None: everywhere), else other."""
    if cell is None:
        return value
    rows, columns = (tf.equal(tf.range(tf.shape(value)[1 + i]) % 2, cell[i]) for i in range(2))
    return tf.where((rows[:, None] & columns)[None, ..., None], value, other)


def quantise(value, index, step_error):
    """Symbols: rounded values, or one nearer to zero where that saves more bits than its error is
    worth (rate-distortion optimised quantisation; step_error as of `PictureModel.step_error`).

    >>> quantise(tf.constant([0.6, -1.6]), tf.constant([0.0, 40.0]), 9.0).numpy().tolist()
    [0.0, -2.0]
    """
    nearest = tf.round(value)
    if step_error is None:
        return nearest
    inner = nearest - tf.sign(nearest)
    saved = _bits(logistic_likelihood(nearest, index)) - _bits(logistic_likelihood(inner, index))
    error = (value - inner)**2 - (value - nearest)**2
    return tf.where(saved > step_error * error, inner, nearest)


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
    inverse = tf.exp(-priors.log_scale(index)) / priors.LOGISTIC
    value = tf.abs(value)
    return tf.sigmoid((0.5 - value) * inverse) - tf.sigmoid((-0.5 - value) * inverse)


def total_bits(likelihood):
    """[B, h, w, C] likelihoods -> bits [B]."""
    return tf.reduce_sum(_bits(likelihood), [1, 2, 3])


def _bits(likelihood):
    """Nothing costs more than the 24 bits that a table gives."""
    return tf.math.log(tfc.lower_bound(likelihood, 2.0**-24)) / -np.log(2.0)
