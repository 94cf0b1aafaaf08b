"""The layers in the form that the golden cases speak of: NumPy in, values and gradients out."""

import numpy as np
import tensorflow as tf

from codec.models import layers
from codec.models.layers import conv_gru
from codec.models.layers.complex_conv import complex_initializer
from codec.models.layers.conv_gru import orthogonal
from codec.models.layers.parameters import RDFTParameter


def outcome(layer, x, dy, **weights):
    """y, and for L = sum(dy y) (complex: Re sum(conj(dy) y)) the gradient by input and weight."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
        loss = tf.reduce_sum(tf.math.real(tf.math.conj(dy) * y)) if dy is not None else None
    out = {"y": y.numpy()}
    if dy is not None:
        wanted = {"x": x, **{n: v for n, v in weights.items() if v is not None}}
        for name, gradient in tape.gradient(loss, wanted).items():
            out[f"d{name}"] = gradient.numpy()
    return out


def signal_conv(rank, filters, kernel_support, args, x, kernel, bias, dy):
    cls = getattr(layers, f"SignalConv{rank}D")
    kernel = tf.Variable(kernel)
    bias = None if bias is None else tf.Variable(bias)
    layer = cls(filters, kernel_support, **{
        **args, "kernel_parameter": kernel, "use_bias": bias is not None,
        "bias_parameter": "variable" if bias is None else bias})
    return outcome(layer, x, dy, kernel=kernel, bias=bias)


def rdft_analyse(kernel):
    parameter = RDFTParameter(kernel)
    return parameter.real.numpy(), parameter.imag.numpy()


def rdft_synthesise(real, imag, shape, dkernel):
    parameter = RDFTParameter(None, shape=shape)
    parameter.real.assign(real)
    parameter.imag.assign(imag)
    with tf.GradientTape() as tape:
        kernel = parameter()
        loss = tf.reduce_sum(kernel * dkernel)
    dreal, dimag = tape.gradient(loss, [parameter.real, parameter.imag])
    return {"kernel": kernel.numpy(), "dreal": dreal.numpy(), "dimag": dimag.numpy()}


def make_layer(layer, args):
    name = {"Conv3D": "ComplexConv3D"}.get(layer, layer)
    return getattr(layers, name)(**args)


def expect_raise(layer, args, input_shape):
    make_layer(layer, args)(np.ones(input_shape, np.float32))


def built(layer, shape, **weights):
    """Builds the layer for an input shape and gives its variables these values; returns them."""
    layer.build(shape)
    variables = {n: getattr(layer, n) for n in weights if weights[n] is not None}
    for name, v in variables.items():
        v.assign(weights[name])
    return variables


def complex_conv(rank, filters, kernel_size, args, dtype, x, kernel, bias, dy):
    if rank != 3:
        raise NotImplementedError("only ComplexConv3D is built")
    layer = layers.ComplexConv3D(filters, kernel_size, use_bias=bias is not None, dtype=dtype,
                                 **args)
    return outcome(layer, x, dy, **built(layer, x.shape, kernel=kernel, bias=bias))


def complex_init(name, shape, dtype, seed):
    initializer = tf.keras.initializers.get({"class_name": name, "config": {"seed": seed}})
    return complex_initializer("kernel_initializer", initializer)(shape, dtype).numpy()


def separable_conv(rank, filters, kernel_size, depth_multiplier, args, x, dw, pw, bias, dy):
    cls = getattr(layers, f"SeparableConv{rank}D")
    layer = cls(filters, kernel_size, depth_multiplier=depth_multiplier,
                use_bias=bias is not None, **args)
    v = built(layer, x.shape, depthwise_kernel=dw, pointwise_kernel=pw, bias=bias)
    return outcome(layer, x, dy, dw=v["depthwise_kernel"], pw=v["pointwise_kernel"],
                   bias=v.get("bias"))


KERNELS = {"wxg": "input_gates", "whg": "state_gates", "bg": "gate_bias",
           "wxc": "input_candidate", "whc": "state_candidate", "bc": "candidate_bias"}
NORMS = {"bnx": "input", "bnh": "state", "bna": "candidate"}
OPTIONS = {"add_x_bn": "normalise_input", "add_h_bn": "normalise_state",
           "add_a_bn": "normalise_candidate", "min_mini_batch": "min_mini_batch",
           "resgrux": "residual_input", "resgruh": "residual_state", "strides": "strides",
           "periodic_convolution_x": "circular_input", "gate": "gate_activation",
           "periodic_convolution_h": "circular_state", "crnn_activation": "activation",
           "use_bernoulli": "bernoulli", "use_dropconnect_on_state": "dropconnect_candidate"}


def cell_options(options):
    out = {OPTIONS[n]: v for n, v in options.items() if n in OPTIONS}
    out["reset"] = {False: "after", True: "before_all", "textbook": "before"}[
        options.get("put_r_back", False)]
    return out


def cell_variables(cell):
    """The cell's variables by the golden cases' names."""
    out = {short: getattr(cell, name) for short, name in KERNELS.items()}
    for short, part in NORMS.items():
        if part in cell.norms:
            norm = cell.norms[part]
            names = (f"{short}_{n}" for n in ("scale", "pop_mean", "pop_var"))
            out |= dict(zip(names, (norm.scale, *norm.kept)))
    return out


def recurrent(run, x, h0, dy, weights, variables):
    for name, value in weights.items():
        variables[name].assign(value)
    watched = {n: v for n, v in variables.items() if v.trainable}
    given = {"x": tf.constant(x), **({} if h0 is None else {"h0": tf.constant(h0)})}
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = run(*given.values())
        loss = tf.reduce_sum(y * dy) if dy is not None else None
    out = {"y": y.numpy()}
    if dy is not None:
        for name, g in tape.gradient(loss, {**given, **watched}).items():
            out[f"d{name}" if name in given else f"d_{name}"] = g.numpy()
    return out | {f"new_{n}": v.numpy() for n, v in variables.items() if "_pop_" in n}


def cgru_cell(num_units, filter_size_x, filter_size_h, options, weights, factors, x, h0, training,
              dy):
    cell = layers.ConvGRUCell(num_units, filter_size_x, filter_size_h, **cell_options(options))
    cell.build((*x.shape[:-2], x.shape[-1]))
    parts = "gc" if options.get("use_dropconnect_on_state") else "g"
    factors = {KERNELS["w" + n[3:]]: v for n, v in factors.items() if n[-1] in parts}

    def run(x, h):
        return cell.sweep(x, h, training=training, factors=factors)
    return recurrent(run, x, h0, dy, weights, cell_variables(cell))


def mdgru(num_hidden, filter_size_x, filter_size_h, dimensions, options, weights, x, training, dy):
    merge = "sum" if options.get("legacy_cgru_addition") else (
        "concat" if options.get("return_cgru_results") else "mean")
    layer = layers.ConvGRU(num_hidden, filter_size_x, filter_size_h, dimensions, merge=merge,
                           **cell_options(options))
    layer.build(x.shape)
    names = {key: key.replace("_", "/") for key in layer.cells}
    variables = {f"{names[key]}/{n}": v for key, cell in layer.cells.items()
                 for n, v in cell_variables(cell).items()}
    given = {f"{way}/{n}": v for way, group in weights.items() for n, v in group.items()}
    return recurrent(lambda x: layer(x, training=training), x, None, dy, given, variables)


def orthogonal_init(shape, seed):
    return orthogonal(shape, seed=seed).numpy()


def dropconnect_factor(shape, keep_rate, bernoulli, seed):
    return conv_gru.dropconnect_factor(shape, keep_rate, bernoulli, seed).numpy()
