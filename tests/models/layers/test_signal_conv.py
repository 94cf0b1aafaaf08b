import numpy as np
import pytest
import tensorflow as tf
import tensorflow_compression as tfc
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codec.models import layers
from codec.models.layers.parameters import RDFTParameter


def seen(n, support, up, down, corr, padding, extra):
    """[outputs, taps, n]: which input each tap of each output meets, straight from the definition.

    The input is extended to all integers, then interleaved with zeros, filtered and sampled.
    """
    centre, length = support // 2, n * up if extra else (n - 1) * up + 1
    offsets = [k - centre if corr else centre - k for k in range(support)]
    places = [p for p in range(length)
              if padding != "valid" or all(0 <= p + o < length for o in offsets)][::down]
    out = np.zeros([len(places), support, n])
    for m, p in enumerate(places):
        for k, o in enumerate(offsets):
            sample, rest = divmod(p + o, up)
            if rest:
                continue
            if padding == "same_reflect" and n > 1:
                sample %= 2 * (n - 1)
                sample = min(sample, 2 * (n - 1) - sample)
            if 0 <= sample < n:
                out[m, k, sample] = 1
    return out


@st.composite
def maps(draw):
    rank = draw(st.integers(1, 3))
    numbers = st.tuples(*[st.integers(1, 5 if rank < 3 else 3)] * rank)
    supports, ups, downs = draw(numbers), draw(numbers), draw(numbers)
    padding = draw(st.sampled_from(["valid", "same_zeros", "same_reflect"]))
    options = dict(kernel_support=supports, strides_up=ups, strides_down=downs, padding=padding,
                   extra_pad_end=draw(st.sampled_from([None, True, False])),
                   corr=draw(st.booleans()), channel_separable=draw(st.booleans()),
                   data_format=draw(st.sampled_from(["channels_last", "channels_first"])))
    return rank, options, tuple(draw(st.integers(5, 7)) for _ in range(rank)), draw(st.booleans())


@settings(max_examples=60)
@example((2, dict(kernel_support=(3, 1), strides_up=(1, 1), strides_down=(4, 4), corr=False,
                  padding="same_reflect", extra_pad_end=True, channel_separable=True,
                  data_format="channels_last"), (7, 5), True))      # aborted TensorFlow
@given(maps())
def test_every_combination_is_the_definition(drawn):
    rank, options, sizes, dynamic = drawn
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((*options["kernel_support"], 2, 3)).astype("f")
    bias = rng.standard_normal(6 if options["channel_separable"] else 3).astype("f")
    layer = getattr(layers, f"SignalConv{rank}D")(
        3, kernel_parameter=kernel, bias_parameter=bias, use_bias=True, **options)
    x = rng.standard_normal((2, *sizes, 2)).astype("f")
    extra = options["extra_pad_end"]
    extra = options["padding"] != "valid" if extra is None else extra
    at = [seen(n, k, u, d, options["corr"], options["padding"], extra) for n, k, u, d in zip(
        sizes, options["kernel_support"], options["strides_up"], options["strides_down"])]
    places, taps, samples = "PQR"[:rank], "KLM"[:rank], "IJH"[:rank]
    terms = [p + k + s for p, k, s in zip(places, taps, samples)]
    out = "cf" if options["channel_separable"] else "f"
    want = np.einsum(f"B{samples}c,{','.join(terms)},{taps}cf->B{places}{out}", x, *at, kernel,
                     optimize=True)
    want = want.reshape(*want.shape[:rank + 1], -1) + bias
    first = options["data_format"] == "channels_first"
    x, want = (np.moveaxis(v, -1, 1) if first else v for v in (x, want))
    run = layer
    if dynamic:
        unknown = [None] * (rank + 2)
        unknown[1 if first else -1] = 2
        run = tf.function(layer, input_signature=[tf.TensorSpec(unknown)])
    got = run(tf.constant(x))
    assert got.shape == want.shape
    assert layer.compute_output_shape(x.shape) == got.shape
    np.testing.assert_allclose(got, want, atol=1e-4)


@pytest.mark.parametrize("rank, channels, filters, support", [
    (2, 8, 32, 5), (2, 40, 40, 4), (2, 3, 64, 3), (3, 3, 4, 3), (3, 2, 8, 4), (1, 4, 8, 9)])
@pytest.mark.parametrize("up", [2, 3])
@pytest.mark.parametrize("padding", ["same_zeros", "same_reflect"])
def test_upsampling_equals_tfc(rank, channels, filters, support, up, padding):
    options = dict(strides_up=up, padding=padding, use_bias=True, activation=tf.nn.relu,
                   bias_initializer="random_normal", kernel_parameter="variable")
    ours, theirs = (getattr(module, f"SignalConv{rank}D")(filters, support, **options)
                    for module in (layers, tfc))
    x = tf.random.stateless_normal([2, *[6, 5, 4][:rank], channels], [1, 2])
    ours(x)
    theirs(x)
    theirs.set_weights(ours.get_weights())
    want = theirs(x).numpy()
    np.testing.assert_allclose(ours(x), want, atol=1e-5 * abs(want).max())


def test_the_phase_form_is_taken_where_it_is_faster():
    def runs(layer, shape):
        graph = tf.function(layer).get_concrete_function(tf.TensorSpec(shape)).graph
        return {op.type for op in graph.get_operations()} & {"Conv2D", "Conv2DBackpropInput"}
    up = dict(strides_up=2, padding="same_zeros", kernel_parameter="variable")
    assert runs(layers.SignalConv2D(128, 5, **up), [1, 8, 8, 128]) == {"Conv2D"}
    assert runs(layers.SignalConv2D(3, 5, **up), [1, 8, 8, 128]) == {"Conv2DBackpropInput"}
    assert runs(layers.SignalConv2D(3, 4, corr=True, **up), [1, 8, 8, 128]) == {"Conv2D"}


def test_the_kernel_is_centred_at_half_its_support():
    """The six of tfc's documentation: one map, written with odd and even supports."""
    x = tf.reshape(tf.range(1.0, 8.0)**2, [1, 7, 1])
    results = []
    for corr, kernels in [(False, ([1, 2, 3], [0, 1, 2, 3, 0], [0, 1, 2, 3])),
                          (True, ([3, 2, 1], [0, 3, 2, 1, 0], [0, 3, 2, 1]))]:
        for taps in kernels:
            kernel = tf.reshape(tf.constant(taps, tf.float32), [-1, 1, 1])
            layer = layers.SignalConv1D(1, len(taps), corr=corr, padding="same_zeros",
                                        kernel_parameter=kernel)
            results.append(layer(x)[0, :, 0].numpy().tolist())
    assert results == 6 * [[6, 20, 46, 84, 134, 196, 206]]


def test_even_correlation_by_its_definition():
    """out[m] = sum_k kernel[k] upsampled[m + k - 1]: each sample becomes two by two."""
    layer = layers.SignalConv2D(1, 2, corr=True, strides_up=2, padding="same_zeros",
                                kernel_parameter=tf.reshape(tf.range(1.0, 5.0), [2, 2, 1, 1]))
    out = layer(tf.constant([[[[1.0], [10.0]]]]))
    assert out[0, ..., 0].numpy().tolist() == [[4, 3, 40, 30], [2, 1, 20, 10]]


def test_no_batch_and_no_output():
    layer = layers.SignalConv2D(3, 3, corr=True, strides_down=2)
    assert layer(tf.zeros([0, 5, 5, 2])).shape == [0, 2, 2, 3]
    assert layers.SignalConv1D(3, 3)(tf.zeros([1, 2, 1])).shape == [1, 0, 3]


def test_rdft_is_the_transform_that_tfc_trains():
    kernel = np.random.default_rng(0).standard_normal((4, 5, 2, 3)).astype("f")
    ours, theirs = RDFTParameter(kernel), tfc.RDFTParameter(kernel)
    np.testing.assert_allclose(ours.real, theirs.real, atol=1e-6)
    np.testing.assert_allclose(ours.imag, theirs.imag, atol=1e-6)
    assert ours(tf.bfloat16).dtype == tf.bfloat16


@pytest.mark.parametrize("made", ["tensor", "variable", "function"])
def test_a_kernel_may_be_given(made):
    kernel = tf.Variable(np.random.default_rng(0).standard_normal((3, 2, 2)).astype("f"))
    given_ = {"tensor": tf.constant(kernel), "variable": kernel, "function": lambda: 2 * kernel}
    layer = layers.SignalConv1D(2, 3, padding="same_zeros", kernel_parameter=given_[made])
    x = tf.ones([1, 4, 2])
    with tf.GradientTape() as tape:
        y = tf.function(layer)(x)
    plain = layers.SignalConv1D(2, 3, padding="same_zeros", kernel_parameter=kernel)(x)
    np.testing.assert_allclose(y, plain * (2 if made == "function" else 1), rtol=1e-6)
    assert (tape.gradient(y, kernel) is None) == (made == "tensor")
    assert len(layer.trainable_variables) == (1 if made == "variable" else 0)
    if made == "function":
        with pytest.raises(ValueError, match="kernel_parameter is a function"):
            layer.get_config()
    else:
        again = layers.SignalConv1D.from_config(layer.get_config())
        again(x)
        again.set_weights(layer.get_weights())
        assert np.array_equal(again(x), y)


def test_attributes_are_fixed_once_built():
    layer = layers.SignalConv1D(2, 3, use_bias=True)
    with pytest.raises(RuntimeError, match=r"call build\(\) first"):
        _ = layer.kernel
    layer.filters = 4
    layer(tf.zeros([1, 5, 1]))
    assert (layer.kernel.shape, layer.bias.shape) == ([3, 1, 4], [4])
    with pytest.raises(RuntimeError, match="built"):
        layer.filters = 5


def test_an_activation_that_is_a_layer_is_saved_with_it(tmp_path):
    model = tf.keras.Sequential([
        tf.keras.Input((6, 6, 2)), layers.SignalConv2D(3, 3, padding="same_zeros", use_bias=True,
                                                       activation=layers.GDN())])
    for v in model.variables:
        v.assign(v + 0.25)
    model.save_weights(tmp_path / "x.weights.h5")
    x = tf.random.stateless_normal([1, 6, 6, 2], [1, 2])
    before = model(x).numpy()
    for v in model.variables:
        v.assign(tf.zeros_like(v))
    model.load_weights(tmp_path / "x.weights.h5")
    assert np.array_equal(model(x), before)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("exponents", [(1, 1), (2, 0.5), (None, None)])
def test_gdn_equals_tfc_without_control_flow(inverse, exponents):
    x = tf.random.stateless_normal([2, 3, 4, 6], [3, 4])
    ours, theirs = (cls(inverse=inverse, alpha_parameter=exponents[0],
                        epsilon_parameter=exponents[1]) for cls in (layers.GDN, tfc.GDN))
    np.testing.assert_allclose(ours(tf.abs(x)), theirs(tf.abs(x)), rtol=1e-6)
    if exponents[0]:
        graph = tf.function(ours).get_concrete_function(tf.TensorSpec([1, None, None, 6])).graph
        assert not {op.type for op in graph.get_operations()} & {"If", "StatelessIf", "Switch"}


def test_phases_and_gdn_export_to_litert():
    """With unknown sizes, and without TensorFlow's own operations beside LiteRT's."""
    stack = tf.keras.Sequential([
        layers.SignalConv2D(32, 5, corr=True, strides_down=2, padding="same_zeros"), layers.GDN(),
        layers.SeparableConv2D(32, 3, padding="same_zeros"), layers.GDN(inverse=True),
        layers.SignalConv2D(32, 5, strides_up=2, padding="same_zeros", use_bias=True),
        layers.SignalConv2D(32, 2, corr=True, strides_up=2, padding="same_zeros")])
    x = tf.random.stateless_normal([1, 8, 12, 3], [1, 2])
    want = stack(x)
    graph = tf.function(stack, input_signature=[tf.TensorSpec([1, None, None, 3])])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.get_concrete_function()],
                                                                stack)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.resize_tensor_input(0, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(got, want, atol=1e-5)
