"""ConvGRUCell, a gated recurrent unit whose products are convolutions, and ConvGRU, its sweeps."""

from __future__ import annotations

import inspect
import logging
import math

import numpy as np
import tensorflow as tf
from tensorflow.experimental.numpy import moveaxis

from codec.models.layers.arguments import allowed, check_dtype, for_each_axis, positive
from codec.models.layers.resampling import sizes
from codec.models.layers.step_normalization import StepNormalization

keras = tf.keras


@keras.utils.register_keras_serializable(package="codec")
class ConvGRUCell(keras.layers.Layer):
    """One step of a convolutional GRU: inputs [B, *spatial, C], state [B, *spatial', filters].

    With * a correlation over 1, 2 or 3 axes, [z, r] = gate_activation(Wxg * x + Whg * h + bg) and
    c = activation(Wxc * x + r (Whc * h) + bc), the output and next state is z h + (1 - z) c.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (EMNLP 2014).
    Arguments: README.md beside this file. Raises ValueError, saying what is allowed.

    >>> cell = ConvGRUCell(4, 3)
    >>> h = cell(tf.ones([1, 8, 6, 2]))                 # from a state of zeros
    >>> cell(tf.ones([1, 8, 6, 2]), h).shape
    TensorShape([1, 8, 6, 4])
    """

    def __init__(self, filters, kernel_size, state_kernel_size=None, strides=1, activation="tanh",
                 gate_activation="sigmoid", normalise_input=False, normalise_state=False,
                 normalise_candidate=False, min_mini_batch=None, residual_input=False,
                 residual_state=False, reset="after", dropconnect_input=None,
                 dropconnect_state=None, dropconnect_candidate=False, bernoulli=False,
                 circular_input=False, circular_state=False, **kwargs):
        super().__init__(**kwargs)
        self.options = o = dict(
            filters=filters, kernel_size=kernel_size, state_kernel_size=state_kernel_size,
            strides=strides, activation=activation, gate_activation=gate_activation,
            normalise_input=normalise_input, normalise_state=normalise_state,
            normalise_candidate=normalise_candidate, min_mini_batch=min_mini_batch,
            residual_input=residual_input, residual_state=residual_state, reset=reset,
            dropconnect_input=dropconnect_input, dropconnect_state=dropconnect_state,
            dropconnect_candidate=dropconnect_candidate, bernoulli=bernoulli,
            circular_input=circular_input, circular_state=circular_state)
        self.filters = positive("filters", filters)
        self.reset = allowed("reset", reset, ("after", "before", "before_all"))
        for name in ("dropconnect_input", "dropconnect_state"):
            if o[name] is not None and not 0 < o[name] <= 1:
                raise ValueError(f"{name} is {o[name]!r}; allowed is a share to keep, above 0 "
                                 "and up to 1")
        self.activation = keras.activations.get(activation)
        self.gate_activation = keras.activations.get(gate_activation)
        wide = "float64" if self.compute_dtype == "float64" else "float32"
        self.norms = {part: StepNormalization(min_mini_batch, dtype=wide, name=f"norm_{part}")
                      for part in ("input", "state", "candidate") if o[f"normalise_{part}"]}
        self.rank = None

    def build(self, input_shape):
        shape, o = tf.TensorShape(input_shape), self.options
        if shape.rank not in (3, 4, 5) or shape[-1] is None:
            raise ValueError(f"inputs have shape {shape}; allowed is [B, *spatial, C] with 1 to 3 "
                             "spatial axes and known C")
        self.rank, c, n = shape.rank - 2, shape[-1], self.filters
        over_x = for_each_axis("kernel_size", o["kernel_size"], self.rank)
        over_h = over_x if o["state_kernel_size"] is None else for_each_axis(
            "state_kernel_size", o["state_kernel_size"], self.rank)
        self.strides = _strides(o["strides"], self.rank, o["circular_input"])
        if o["residual_input"] and set(self.strides) != {1}:
            raise ValueError("residual_input is True; allowed is False with strides "
                             f"{o['strides']}")
        self.repeats = 2 * n // c if o["residual_input"] and n % c == 0 else 0
        if o["residual_input"] and not self.repeats:
            logging.getLogger(__name__).warning(
                "%s: residual_input is left out, as %d channels do not divide %d filters",
                self.name, c, n)
        draw = {"gate": _start(self.gate_activation), "candidate": _start(self.activation)}
        last = orthogonal if self.rank == 2 else draw["candidate"]
        self.input_gates = self.add_weight("input_gates", (*over_x, c, 2 * n),
                                           initializer=draw["gate"])
        self.state_gates = self.add_weight("state_gates", (*over_h, n, 2 * n),
                                           initializer=draw["gate"])
        self.gate_bias = self.add_weight("gate_bias", (2 * n,), initializer="ones")
        self.input_candidate = self.add_weight("input_candidate", (*over_x, c, n),
                                               initializer=draw["candidate"])
        self.state_candidate = self.add_weight("state_candidate", (*over_h, n, n),
                                               initializer=last)
        self.candidate_bias = self.add_weight("candidate_bias", (n,), initializer="zeros")
        for part, norm in self.norms.items():
            with tf.name_scope(norm.name):
                norm.build(n if part == "candidate" else 2 * n)
        super().build(input_shape)

    def dropconnect(self) -> dict:
        """Factors of the kernels that dropconnect concerns, newly drawn, by the kernel's name."""
        o, out = self.options, {}
        for part in ("input", "state"):
            keep = o[f"dropconnect_{part}"]
            for kernel in ("gates", "candidate") if o["dropconnect_candidate"] else ("gates",):
                if keep is not None:
                    name = f"{part}_{kernel}"
                    out[name] = dropconnect_factor(getattr(self, name).shape, keep, o["bernoulli"])
        return out

    def call(self, inputs, state=None, training=False):
        """The next state, [B, *spatial', filters]; state None is zeros."""
        check_dtype(self, inputs)
        return self.sweep(inputs[..., None, :], state, training=training)[..., 0, :]

    def sweep(self, x, state=None, reverse=False, training=False, factors=None):
        """Runs along the last spatial axis: [B, *spatial, T, C] -> [B, *spatial', T, filters].

        reverse: from the last to the first. state: before the first step, [B, *spatial', filters];
        None is zeros. factors: by kernel's name, instead of drawing `dropconnect` (in training).
        """
        if not self.built:
            self.build([*x.shape[:-2], x.shape[-1]])
        n, training = self.filters, bool(training)
        if factors is None:
            factors = self.dropconnect() if training else {}
        kernels = {name: tf.cast(getattr(self, name), x.dtype) * tf.cast(factors.get(name, 1.0),
                                                                         x.dtype)
                   for name in ("input_gates", "state_gates", "input_candidate", "state_candidate")}
        x = moveaxis(x, -2, 0)                                          # [T, B, *spatial, C]
        time, batch, *spatial = sizes(x)[:-1]
        seen = self._over_input(
            tf.reshape(x, [time * batch, *spatial, x.shape[-1]]), kernels)
        seen = tf.reshape(seen, [time, batch, *sizes(seen)[1:]])        # [T, B, *spatial', 3 n]
        if state is None:
            state = tf.zeros([batch, *sizes(seen)[2:-1], n], x.dtype)
        extra = tf.tile(x, [1] * (self.rank + 2) + [self.repeats]) if self.repeats else ()

        def step(carried, now):
            h, statistics = carried
            return self._step(*now, h, kernels, dict(statistics), training)

        statistics = {part: norm.statistics() for part, norm in self.norms.items()}
        states, after = tf.scan(step, (seen, extra), (tf.cast(state, x.dtype), statistics),
                                reverse=reverse)
        if training:
            end = 0 if reverse else -1
            for part, norm in self.norms.items():
                norm.keep(tuple(v[end] for v in after[part]))
        return moveaxis(states, 0, -2)

    def _over_input(self, x, kernels):
        """Wxg * x and Wxc * x, side by side."""
        kernel = tf.concat([kernels["input_gates"], kernels["input_candidate"]], -1)
        if min(self.strides) < 1:
            factors = [round(1 / s) for s in self.strides]
            size = sizes(x)
            shape = [size[0], *(a * f for a, f in zip(size[1:-1], factors)), 3 * self.filters]
            return tf.nn.conv_transpose(x, tf.einsum("...io->...oi", kernel), tf.stack(shape),
                                        factors, "SAME", _format(self.rank))
        return _correlate(x, kernel, self.strides, self.options["circular_input"])

    def _step(self, seen, extra, h, kernels, statistics, training):
        o, n = self.options, self.filters
        wrap, ones = o["circular_state"], [1] * self.rank

        def normalised(part, value):
            if part in self.norms:
                value, statistics[part] = self.norms[part].normalise(
                    value, statistics[part], training)
            return value

        kernel = kernels["state_gates"]
        if self.reset == "after":           # both products of h at once
            kernel = tf.concat([kernel, kernels["state_candidate"]], -1)
        recalled = _correlate(h, kernel, ones, wrap)
        gates = normalised("input", seen[..., :2 * n]) + normalised("state", recalled[..., :2 * n])
        if self.repeats:
            gates += extra
        if o["residual_state"]:
            gates += tf.concat([h, h], -1)
        z, r = tf.split(self.gate_activation(gates + tf.cast(self.gate_bias, h.dtype)), 2, -1)
        kept = r * h if self.reset == "before_all" else h
        if self.reset == "after":
            recalled = r * recalled[..., 2 * n:]
        else:
            recalled = _correlate(r * h, kernels["state_candidate"], ones, wrap)
        c = normalised("candidate", seen[..., 2 * n:] + recalled)
        c = self.activation(c + tf.cast(self.candidate_bias, h.dtype))
        return tf.ensure_shape(z * kept + (1 - z) * c, h.shape), statistics

    def compute_output_shape(self, input_shape) -> tf.TensorShape:
        """Of one step: [B, *spatial', filters]."""
        batch, *spatial, _ = tf.TensorShape(input_shape).as_list()
        strides = _strides(self.options["strides"], len(spatial), False)
        return tf.TensorShape([batch, *(n if n is None else math.ceil(n / s)
                                        for n, s in zip(spatial, strides)), self.filters])

    def get_config(self):
        return {**super().get_config(), **_serialisable(self.options)}


@keras.utils.register_keras_serializable(package="codec")
class ConvGRU(keras.layers.Layer):
    """Sweeps of a ConvGRUCell over an n-dimensional signal: [B, *spatial, C] -> [B, .., filters].

    For each axis in dimensions a cell with weights of its own runs along it, forward and, if
    bidirectional, another one backward, with convolutions over the n - 1 other axes; the results
    are merged. Forward alone along time it is causal: a recurrent prior.

    Source: Andermatt, Pezold and Cattin, "Multi-dimensional gated recurrent units for the
    segmentation of biomedical 3D-data" (DLMIA 2016).
    Arguments: README.md beside this file. Raises ValueError, saying what is allowed.

    >>> ConvGRU(4, 3, dimensions=[3], bidirectional=False)(tf.ones([1, 8, 6, 5, 2])).shape
    TensorShape([1, 8, 6, 5, 4])
    """

    def __init__(self, filters, kernel_size=7, state_kernel_size=None, dimensions=None,
                 bidirectional=True, merge="mean", strides=1, pooling="average", name=None,
                 trainable=True, dtype=None, **cell):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        unknown = set(cell) - set(inspect.getfullargspec(ConvGRUCell.__init__).args)
        if unknown:
            raise ValueError(f"argument {min(unknown)!r} is not known; allowed are those of "
                             "ConvGRUCell")
        self.filters = positive("filters", filters)
        self.dimensions = None if dimensions is None else tuple(int(d) for d in dimensions)
        self.bidirectional = bool(bidirectional)
        self.merge = allowed("merge", merge, ("mean", "sum", "concat"))
        self.pooling = allowed("pooling", pooling, ("average", "convolution"))
        self.sizes = {"kernel_size": kernel_size, "strides": strides,
                      "state_kernel_size": kernel_size if state_kernel_size is None
                      else state_kernel_size}
        self.cell_options = cell
        self.cells, self.poolers = {}, {}

    def build(self, input_shape):
        shape = tf.TensorShape(input_shape)
        if shape.rank not in (4, 5, 6) or shape[-1] is None:
            raise ValueError(f"inputs have shape {shape}; allowed is [B, *spatial, C] with 2 to 4 "
                             "spatial axes and known C")
        n = shape.rank - 2
        swept = self.dimensions or range(1, n + 1)
        if not set(swept) <= set(range(1, n + 1)):
            raise ValueError(f"dimensions is {self.dimensions}; allowed are 1 to {n}")
        ways = ("forward", "backward") if self.bidirectional else ("forward",)
        self.sweeps = {(d, way): f"dim{d}_{way}" for d in swept for way in ways}
        each = {name: for_each_axis(name, value, n) for name, value in self.sizes.items()}
        for (d, _), name in self.sweeps.items():
            others = {what: v[:d - 1] + v[d:] for what, v in each.items()}
            stride = each["strides"][d - 1]
            self.cells[name] = ConvGRUCell(self.filters, **others, **self.cell_options,
                                           dtype=self._dtype_policy, name=name)
            with tf.name_scope(name):       # HDF5 files want every variable's name once
                self.cells[name].build([*shape[:d], *shape[d + 1:]])
            if stride > 1 and self.pooling == "convolution":
                self.poolers[name] = keras.layers.Conv1D(
                    self.filters, stride, stride, "same", use_bias=False, name=f"{name}_pool",
                    dtype=self._dtype_policy)
            elif stride > 1:
                self.poolers[name] = keras.layers.AveragePooling1D(
                    stride, stride, "same", dtype=self._dtype_policy)
        super().build(input_shape)

    def call(self, inputs, training=False):
        check_dtype(self, inputs)
        out = []
        for (d, way), name in self.sweeps.items():
            y = self.cells[name].sweep(moveaxis(inputs, d, -2), reverse=way == "backward",
                                       training=training)
            if name in self.poolers:
                lead = sizes(y)[:-2]
                y = self.poolers[name](tf.reshape(y, [math.prod(lead), *sizes(y)[-2:]]))
                y = tf.reshape(y, [*lead, *sizes(y)[-2:]])
            out.append(moveaxis(y, -2, d))
        if self.merge == "concat":
            return tf.concat(out, -1)
        total = tf.add_n(out)
        return total if self.merge == "sum" else total / len(out)

    def compute_output_shape(self, input_shape) -> tf.TensorShape:
        """[B, *ceil(size / stride), filters, or times the sweeps for merge="concat"]."""
        batch, *spatial, _ = tf.TensorShape(input_shape).as_list()
        strides = for_each_axis("strides", self.sizes["strides"], len(spatial))
        ways = len(self.dimensions or spatial) * (2 if self.bidirectional else 1)
        return tf.TensorShape([batch, *(None if n is None else -(-n // s)
                                        for n, s in zip(spatial, strides)),
                               self.filters * (ways if self.merge == "concat" else 1)])

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "dimensions": self.dimensions,
                "bidirectional": self.bidirectional, "merge": self.merge, "pooling": self.pooling,
                **_serialisable(self.sizes), **_serialisable(self.cell_options)}


def dropconnect_factor(shape, keep: float, bernoulli: bool, seed: int | None = None):
    """Factors of mean 1 for weights of this shape: 0 or 1 / keep, or N(1, (1 - keep) / keep).

    >>> dropconnect_factor([2], 1.0, bernoulli=False).numpy().tolist()
    [1.0, 1.0]
    """
    seeds = (tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32) if seed is None
             else tf.constant([seed, 0]))
    if bernoulli:
        kept = tf.random.stateless_uniform(shape, seeds) < keep
        return tf.cast(kept, tf.float32) / keep
    return tf.random.stateless_normal(shape, seeds, 1.0, math.sqrt((1 - keep) / keep))


def orthogonal(shape, dtype=tf.float32, seed: int | None = None, **_):
    """A kernel [*taps, n, n] whose circular convolution on a torus of *taps places is orthogonal.

    w[a, b] = Q[a, b] T, with T a random rotation of the channels, and Q the Cayley transform
    (I + S)^-1 (I - S) of a random skew-symmetric circulant S: a division in the Fourier domain.

    >>> w = orthogonal([3, 3, 2, 2], seed=1).numpy()
    >>> round(float((w**2).sum()), 4)                  # as many unit vectors as channels
    2.0
    """
    *taps, n, m = shape
    if n != m:
        raise ValueError(f"shape is {tuple(shape)}; allowed is as many channels in as out")
    draw = np.random.default_rng(_seed() if seed is None else seed)
    s = draw.uniform(-0.5, 0.5, taps)
    mirror = np.roll(np.flip(s), 1, range(s.ndim))          # s at minus the place
    place = np.arange(s.size).reshape(s.shape)
    opposite = np.roll(np.flip(place), 1, range(s.ndim))
    s = np.where(place < opposite, s, np.where(place > opposite, -mirror, 0.0))
    hat = np.fft.fftn(s)
    q = np.fft.ifftn((1 - hat) / (1 + hat)).real
    t, upper = np.linalg.qr(draw.standard_normal((n, n)))
    t *= np.sign(np.diag(upper))
    t[:, 0] *= np.sign(np.linalg.det(t))
    return tf.constant(q[..., None, None] * t, dtype)


def _seed() -> int:
    """A seed from TensorFlow's generator, so that set_random_seed reaches what NumPy draws."""
    with tf.init_scope():
        return int(tf.random.uniform([], maxval=2**31 - 1, dtype=tf.int32))


def _start(activation):
    """Truncated normals of variance 1.3 / N, the mean fan, or half the fan out for ReLUs."""
    half_open = activation in (keras.activations.relu, keras.activations.elu)

    def draw(shape, dtype=tf.float32, **_):
        *taps, c, f = shape
        fan = math.prod(taps) * (f if half_open else c + f) / 2
        return keras.initializers.TruncatedNormal(stddev=math.sqrt(1.3 / fan))(shape, dtype)
    return draw


def _strides(given, rank: int, circular: bool) -> tuple[float, ...]:
    many = hasattr(given, "__iter__") and not isinstance(given, str)
    strides = tuple(given) if many else (given,) * rank
    whole = [isinstance(s, (int, float)) and s > 0 and (s if s >= 1 else 1 / s) % 1 < 1e-6
             for s in strides]
    if len(strides) != rank or not all(whole):
        raise ValueError(f"strides is {given!r}; allowed is, for each of {rank} axes, an integer "
                         "above 0 or 1 over one")
    if min(strides) < 1 and (max(strides) > 1 or circular):
        raise ValueError(f"strides is {given!r}; allowed below 1 are only others up to 1, and not "
                         "with circular_input")
    return tuple(s if s < 1 else int(s) for s in strides)


def _correlate(x, kernel, strides, circular: bool):
    """Correlation with TensorFlow's SAME zeros, or around a torus with (k - 1) // 2 in front."""
    rank = len(strides)
    if circular:
        for i, k in enumerate(kernel.shape[:rank], 1):
            n, before = sizes(x)[i], (k - 1) // 2
            x = tf.gather(x, tf.math.floormod(tf.range(-before, n + k - 1 - before), n), axis=i)
    return tf.nn.convolution(x, kernel, strides, "VALID" if circular else "SAME", _format(rank))


def _format(rank: int) -> str:
    return ("NWC", "NHWC", "NDHWC")[rank - 1]


def _serialisable(options: dict) -> dict:
    return {name: keras.activations.serialize(keras.activations.get(v))
            if name.endswith("activation") else v for name, v in options.items()}
