"""A trained model -> an installed one: float16 weights, integers, tables, graphs, costs."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from safetensors.numpy import save

from codec.models import integer_synthesis, priors, zoo
from codec.models.autoencoder import FAMILIES, Autoencoder, build
from codec.models.config import Step
from codec.models.layers import SignalConv1D, SignalConv2D, SignalConv3D

FORM_SIGNALS = 96       # that tell how large numbers get
KNOWN = 200.0           # symbols that a logistic table counts for, beside those that were seen
LEAST = 64              # samples: what is smaller stays in the graph
ORDERS: dict[int, list[tuple[int, ...]]] = {
    # by rank, the axes that kernels have in a graph: matrices, and kernels of 1, 2, 3 axes
    2: [(1, 0), (0, 1)], 3: [(2, 0, 1)], 4: [(3, 0, 1, 2), (2, 0, 1, 3)],
    5: [(0, 1, 2, 3, 4), (4, 0, 1, 2, 3)]}
SIDE = {1: 1 << 16, 2: 512, 3: 64}      # of the signal that products are counted on, by rank


def export(model: Autoencoder, folder: str | Path, base: zoo.InstalledModel | None = None,
           signals: np.ndarray | None = None, lean: bool = False, **facts
           ) -> zoo.InstalledModel:
    """Writes a model as an installed one and returns it; the model's own weights stay as they are.
    base: a model that it shares weights with; signals: some of those it was trained on, from which
    tables have how often symbols occur (else they are logistic), and a synthesis in integers how
    large numbers get (else it is a rough one); lean: whether weights of exact networks, whose
    integers are kept anyway, are left out, as they are beside a base.

    Weights are rounded to float16 first, so that what is exported and loaded again is one and the
    same function. facts go into model.json as they are.

    Raises:
        ValueError: if an integer network could leave exact arithmetic.
    """
    params = {name: v.numpy().astype(np.float16) for name, v in model.weights().items()}
    plain = build(model.config, params)         # whatever the arithmetic of the trained one
    own, shared = _apart(plain, params, base, lean)
    coding = _coding(plain, signals)
    if base and plain.sees_prediction:
        coding |= _forms(plain, params, base, None if signals is None else signals[:FORM_SIGNALS])
    blobs = save(own), save(coding)
    encode, decode = per_sample(plain)
    packed = _graphs(plain, params, shared)
    hashed = [*blobs]
    if base:
        hashed.append(bytes.fromhex(base.info["sha256"]))
        facts["base"] = {"name": base.name, "sha256": base.info["sha256"], "graphs": shared}
    medium = FAMILIES[model.config.family].rpartition(".")[2]
    info = {"name": model.config.name, "media": medium, "config": asdict(model.config),
            "kmac_per_pixel": {"encode": round(encode / 1e3, 2), "decode": round(decode / 1e3, 2)},
            "sha256": zoo.sha256(*hashed), **facts, "graphs": zoo.sha256(packed)}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, blob in zip((*zoo.FILES, zoo.GRAPHS), (*blobs, packed)):
        (folder / name).write_bytes(blob)
    (folder / "model.json").write_text(json.dumps(info, indent=1) + "\n")
    zoo.open_folder.cache_clear()
    return zoo.open_folder(folder)


def _apart(model: Autoencoder, params: dict[str, np.ndarray], base: zoo.InstalledModel | None,
           lean: bool) -> tuple[dict[str, np.ndarray], list[str]]:
    """The weights that are to be kept: all, or all but those of exact networks and of a base; and
    the transforms that are all the base's."""
    own = {name: v for name, v in params.items()
           if not (lean or base) or name.partition("/")[0] not in model.exact}
    if base is None:
        return own, []
    own = {name: v for name, v in own.items() if not (
        name in base.params and np.array_equal(base.params[name], v))}
    shared = [name for name in model.transforms()
              if not any(weight.startswith(name + "/") for weight in own)]
    return own, shared


def _coding(model: Autoencoder, signals: np.ndarray | None) -> dict[str, np.ndarray]:
    """The arrays of coding.safetensors."""
    own = (priors.hyper_tables() if model.config.prediction else
           priors.factorized_tables(model.prior)).arrays()
    if model.config.hyper == "none":
        groups = {"latents": own}
    else:
        groups = {"latents": _tables(model, signals).arrays(), "hyper_latents": own,
                  **{name: network.export().arrays() for name, network in model.exact.items()}}
    coding = {f"{group}/{name}": array for group, arrays in groups.items()
              for name, array in arrays.items()}
    if model.config.rdoq or model.config.feedback:
        coding["energy"] = model.synthesis.energy().numpy()
    return coding


def _tables(model: Autoencoder, signals: np.ndarray | None) -> priors.Tables:
    """Those of latents: logistic ones, made more like what signals have shown."""
    tables = priors.logistic_tables()
    if signals is None:
        return tables
    counts: np.ndarray = np.zeros(sum(map(len, tables.frequencies)), np.int64)

    def count(step: Step, index, symbols) -> None:
        at = slice(None), *step.cells
        told = tables.flat(index.numpy()[at].astype(int), symbols.numpy()[at].astype(int))
        counts[:] += np.bincount(told.ravel(), minlength=len(counts))
    for x, q, beside in _batches(model, signals, 16):
        model.coded(x, q, prediction=beside, tell=count)
    return tables.observed(counts, KNOWN)


def _batches(model: Autoencoder, signals: np.ndarray, size: int):
    """(x, q, prediction) of so many signals at a time: their qualities where they have one, or else
    all of them in turn."""
    qualities = (np.arange(len(signals), dtype=np.float32) + 0.5) / len(signals)
    for i in range(0, len(signals), size):
        yield model.parts(signals[i:i + size].astype(np.float32), qualities[i:i + size])


def _forms(model: Autoencoder, params: dict[str, np.ndarray], base: zoo.InstalledModel,
           signals: np.ndarray | None) -> dict[str, np.ndarray]:
    """The forms of synthesis in integers, of residual and of key pictures."""
    found = {"synthesis": integer_synthesis.LOOSE, "key_synthesis": integer_synthesis.LOOSE}
    if signals is not None:
        pictures = build(base.config, base.params)

        def samples(key: bool):
            own, given = (pictures, signals[..., 3:6]) if key else (model, signals)
            for x, q, beside in _batches(own, given, 1):
                _, y = own.coded(x, q, prediction=beside)
                yield np.rint(y[0].numpy() * 2.0**integer_synthesis.LATENT_BITS), (
                    None if beside is None else np.asarray(beside)[0].astype(np.uint8))
        found = {"synthesis": integer_synthesis.forms(params, samples(False)),
                 "key_synthesis": integer_synthesis.forms(base.params, samples(True))}
    return {f"{name}/forms": np.array(forms, np.int32) for name, forms in found.items()}


# ---- graphs

def _graphs(model: Autoencoder, weights: dict[str, np.ndarray], but: list[str]) -> bytes:
    """The bytes of transforms.zip: what it is, `zoo` says; but: transforms that it is not to have.
    """
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        def add(name: str, data: bytes | str):      # without the time of day: same in, same out
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)

        for name, (function, channels) in model.transforms().items():
            if name in but:
                continue
            graph = bytearray(_convert(function, channels, model))
            places = list(_take_out(graph, {
                weight[len(name) + 1:]: values for weight, values in weights.items()
                if weight.startswith(name + "/") and values.size >= LEAST}))
            add(f"{name}.tflite", bytes(graph))
            add(f"{name}.json", json.dumps([[f"{name}/{weight}", *rest]
                                            for weight, *rest in places]))
    return out.getvalue()


def _convert(function: Callable, channels: int, model: Autoencoder) -> bytes:
    for module in model.submodules:
        if isinstance(module, (SignalConv1D, SignalConv2D, SignalConv3D)):
            module.in_phases = True
    signature = [tf.TensorSpec([1, *model.config.rank * [None], channels], tf.float32)]
    concrete = tf.function(function, input_signature=signature).get_concrete_function()
    used = tf.Module()      # all that is converted: of a whole model every layer is traced anew
    used.held = list(concrete.graph.variables)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], used).convert()


def _take_out(graph: bytearray, weights: dict[str, np.ndarray]) -> Iterator[tuple]:
    """Puts zeros where a flatbuffer holds weights; yields (weight, order, offset, factor) of each.

    A tensor has the name of the layer that uses it, or those of all that it was fused of, and a
    weight has its layer's. The converter folds a factor behind a kernel into it; what it has folded
    into something new stays where it is.
    """
    whole = np.frombuffer(graph, np.uint8)
    model = schema.Model.GetRootAsModel(graph, 0)
    for i in range(model.Subgraphs(0).TensorsLength()):
        tensor = model.Subgraphs(0).Tensors(i)
        buffer = model.Buffers(tensor.Buffer())
        if tensor.Type() != schema.TensorType.FLOAT32 or buffer.DataLength() < 4 * LEAST:
            continue
        held = buffer.DataAsNumpy()
        offset = held.ctypes.data - whole.ctypes.data
        names = [name.removeprefix("network/") for name in tensor.Name().decode().split(";")]
        for weight, values in weights.items():
            layer = (weight.rpartition("/")[0] or weight) + "/"
            its = any(name.startswith(layer) for name in names)
            if its and (found := _placed_part(values, held.view(np.float32))):
                whole[offset:offset + held.size] = 0
                order, factor, *part = found
                yield weight, order, offset, factor, *part
                break


def _placed_part(values: np.ndarray, held: np.ndarray) -> tuple | None:
    """(order of axes, factor) as `_placed`, or, of a kernel of volumes that is there by planes, of
    the one at a tap of depth, and which that is."""
    if (found := _placed(values, held)) or values.ndim < 5:
        return found
    return next(((*found, tap) for tap, plane in enumerate(values)
                 if (found := _placed(plane, held))), None)


def _placed(values: np.ndarray, held: np.ndarray) -> tuple[tuple[int, ...], float] | None:
    """(order of axes, factor) by which weights give just what a tensor holds, if there are any."""
    if values.size != held.size or not values.any():
        return None
    for order in ORDERS.get(values.ndim, [(0,)]):
        own = values.transpose(order).astype(np.float32).ravel()
        at = np.argmax(np.abs(own))
        near = held[at] / own[at]           # to the last bit or one beside it: a product is rounded
        for factor in (near, np.nextafter(near, -near), np.nextafter(near, 2 * near)):
            if (own * factor == held).all():
                return order, float(factor)
    return None


# ---- costs

def per_sample(model: Autoencoder) -> tuple[float, float]:
    """(encoder, decoder) multiply-accumulates for a pixel of a large picture (sample of a signal).

    The encoder runs g_a, h_a, h_s and the context networks; the decoder g_s for the first two. With
    feedback the encoder also decodes once, and projects errors on the linear path.
    Convolutions and matrix products are counted, elementwise work is not; networks that give one
    parity of the cells run for those alone, though training runs them for all.
    """
    c = model.config
    signal = [1, *c.rank * [SIDE[c.rank]], c.samples]
    grid = [n // side for n, side in zip(signal[1:], c.cell)]
    encoder = _count(model.analysis, signal)
    seen = [signal] if model.sees_prediction else []
    decoder = _count(model.synthesis, [1, *grid, c.latents], *seen)
    if c.hyper != "none":
        exact = _exact(model, grid)
        decoder += exact
        encoder += exact + _count(model.hyper_analysis, [1, *grid, c.latents])
    if c.feedback:
        encoder += decoder + _count(model.synthesis.towards, signal)
    samples = math.prod(signal[1:-1])
    return encoder / samples, decoder / samples


def _exact(model: Autoencoder, grid: list[int]) -> float:
    """Products of h_s and the other exact networks for a grid of latents."""
    c = model.config
    hyper_grid = [n // side for n, side in zip(grid, c.hyper_cell)]

    def seen(network, layer: int) -> list[int]:
        return [1, *grid, network.kernels[layer].shape[-2]]
    total = _count(model.hyper_synthesis.hidden, [1, *hyper_grid, c.hyper_latents])
    total += _count(model.hyper_synthesis.output, seen(model.hyper_synthesis, -1))
    if c.prediction:
        total += _count(model.prediction, seen(model.prediction, 0))
        total += _count(model.hyper_prediction, [
            1, *hyper_grid, model.hyper_prediction.kernels[0].shape[-2]])
        total += math.prod(grid) * math.prod(c.cell) * c.samples * c.steps[-1].known
    for step, network in zip(c.steps[1:], model.contexts):
        cost = _count(network, seen(network, 0))
        total += cost / 2**c.rank if step.cell else cost
    return total


def _count(function, *shapes: list[int]) -> float:
    """Products in the graph that really runs."""
    graph = tf.function(function).get_concrete_function(*map(tf.TensorSpec, shapes)).graph
    total = 0.0
    for op in graph.get_operations():
        if op.type == "MatMul":
            total += math.prod(op.outputs[0].shape) * op.inputs[0].shape[-1]
        elif op.type in ("Conv2D", "Conv3D", "DepthwiseConv2dNative"):
            *taps, inputs, _ = op.inputs[1].shape
            depthwise = op.type == "DepthwiseConv2dNative"
            total += math.prod(op.outputs[0].shape) * math.prod(taps) * (1 if depthwise else inputs)
        elif op.type in ("Conv2DBackpropInput", "Conv3DBackpropInputV2"):   # transposed
            total += math.prod(op.inputs[2].shape) * math.prod(op.inputs[1].shape[:-1])
    return total
