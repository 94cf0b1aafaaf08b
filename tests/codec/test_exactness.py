"""One stream, the same symbols: whoever computes, however threaded, whatever compiled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codec
from codec import engines, pipeline
from codec.models import zoo

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
PINS = json.loads((GOLDEN / "digests.json").read_text())

PROGRAM = """
import sys, numpy as np, tensorflow as tf
mode, threads, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
tf.config.threading.set_intra_op_parallelism_threads(threads)
import codec
from codec import engines, pipeline
from codec.models import zoo
stream = pipeline.parse(open(path, "rb").read())
model = codec.find_model(stream.header.model)
network = zoo.build(model.config, model.params)

def run(function):
    compiled = {"eager": function, "function": tf.function(function, reduce_retracing=True),
                "xla": tf.function(function, jit_compile=True)}[mode]
    return lambda x: compiled(tf.constant(x[None], tf.float32))[0].numpy().astype(np.int32)

hidden, output = run(network.hyper_synthesis.hidden), run(network.hyper_synthesis.output)
contexts = [run(network) for network in network.contexts]
engine = engines.Engine(model)
engine.hyper_synthesis = lambda z: (hidden(z), output(hidden(z)))
engine.context = lambda i, seen, cell: contexts[i](seen)[
    (slice(cell[0], None, 2), slice(cell[1], None, 2)) if cell else ...]
print(pipeline.symbols_sha256(stream, engine)[1])
"""


@pytest.mark.parametrize("name", PINS)
def test_golden_streams_decode_to_pinned_symbols(name):
    assert codec.verify(GOLDEN / name)["sha256"] == PINS[name]
    assert codec.decompress(GOLDEN / name).pixels.shape[2] == 3


@pytest.mark.parametrize("name", PINS)
def test_the_definition_in_int64_gives_the_same(name):
    stream = pipeline.parse((GOLDEN / name).read_bytes())
    model = codec.find_model(stream.header.model)
    engine = engines.Engine(model)
    h_s = model.hyper_synthesis
    engine.hyper_synthesis = lambda z: (h_s.hidden(z, np.int64), h_s(z, np.int64))
    engine.context = lambda i, seen, cell: model.contexts[i](seen, np.int64, cell)
    assert pipeline.symbols_sha256(stream, engine)[1] == PINS[name]


@pytest.mark.parametrize("mode, onednn, threads", [
    ("eager", "1", 1), ("function", "0", 2), ("xla", "1", 2), ("function", "1", 1)])
def test_tensorflow_gives_the_same(mode, onednn, threads, tensorflow):
    name = next(iter(PINS))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode, str(threads), str(GOLDEN / name)], check=True,
        capture_output=True, text=True, env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": onednn})
    assert done.stdout.split()[-1] == PINS[name]


def test_trained_and_exported_networks_are_one_function(tensorflow):
    model = zoo.find("photo")
    trained = zoo.build(model.config, model.params)
    assert len(model.contexts) == len(model.config.steps) - 1
    for network, exported in zip([trained.hyper_synthesis, *trained.contexts],
                                 [model.hyper_synthesis, *model.contexts]):
        inputs = exported.layers[0].kernel.shape[2]
        x = np.random.default_rng(0).integers(-200, 200, [5, 7, inputs])
        expected = exported(x, np.int64)
        assert (network(x[None].astype(np.float32))[0].numpy() == expected).all()
        assert (exported(x) == expected).all()
        for ours, theirs in zip(network.export().layers, exported.layers):
            assert (ours.kernel == theirs.kernel).all() and (ours.bias == theirs.bias).all()
