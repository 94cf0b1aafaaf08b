"""Latents and sections. One file, the same symbols: whoever computes, however threaded, whatever
compiled."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

import codec
from codec import bitstream, entropy_coder, latents, parallel, windows
from codec.bitstream import Header, Unit
from codec.media import picture
from codec.models import zoo
from tests.codec.definition import Definition

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
PINS = json.loads((GOLDEN / "digests.json").read_text())

PROGRAM = """
import sys, numpy as np, tensorflow as tf
mode, threads, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
tf.config.threading.set_intra_op_parallelism_threads(threads)
import codec
from codec import bitstream, latents
from codec.models.autoencoder import build

def compiled(function):
    function = {"eager": function, "function": tf.function(function, reduce_retracing=True),
                "xla": tf.function(function, jit_compile=True)}[mode]
    return lambda x: function(tf.constant(x[None], tf.float32))[0].numpy().astype(np.int32)

class ByTensorFlow:
    def __init__(self, network):
        self.hidden, self.output = compiled(network.hidden), compiled(network.output)
        self.whole = compiled(network)

    def __call__(self, seen, cell=None):
        return self.whole(seen)[(slice(cell[0], None, 2), slice(cell[1], None, 2)) if cell else ...]

with open(path, "rb") as file:
    sections = iter(bitstream.Reader(file))
    header = bitstream.read_header(sections)
    model = codec.find_model(header.model)
    network = build(model.config, model.params)
    coding = model.coding._replace(hyper_synthesis=ByTensorFlow(network.hyper_synthesis),
                                   contexts=tuple(map(ByTensorFlow, network.contexts)))
    units = bitstream.units(sections, header.tiles, {})
    print(latents.digest(units, header, coding, threads)["sha256"])
"""


def read(blob: bytes) -> tuple[Header, list[Unit]]:
    sections = iter(bitstream.Reader(BytesIO(blob)))
    header = bitstream.read_header(sections)
    return header, list(bitstream.units(sections, header.tiles, {}))


@pytest.mark.parametrize("name", PINS)
def test_golden_streams_decode_to_pinned_symbols(name):
    assert codec.verify(GOLDEN / name)["sha256"] == PINS[name]
    assert codec.decompress(GOLDEN / name).pixels.shape[2] == 3


@pytest.mark.parametrize("name", PINS)
def test_the_definition_in_int64_gives_the_same(name):
    header, units = read((GOLDEN / name).read_bytes())
    coding = codec.find_model(header.model).coding
    definition = coding._replace(hyper_synthesis=Definition(coding.hyper_synthesis),
                                 contexts=tuple(map(Definition, coding.contexts)))
    assert latents.digest(units, header, definition)["sha256"] == PINS[name]


@pytest.mark.parametrize("name", PINS)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_gives_the_same(name, threads):
    header, units = read((GOLDEN / name).read_bytes())
    coding = codec.find_model(header.model).coding
    assert latents.digest(units, header, coding, threads)["sha256"] == PINS[name]


@pytest.mark.parametrize("mode, onednn, threads", [
    ("eager", "1", 1), ("function", "0", 2), ("xla", "1", 2), ("function", "1", 1)])
def test_tensorflow_gives_the_same(mode, onednn, threads, tensorflow):
    name = next(iter(PINS))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode, str(threads), str(GOLDEN / name)], check=True,
        capture_output=True, text=True, env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": onednn})
    assert done.stdout.split()[-1] == PINS[name]


def test_trained_and_exported_networks_are_one_function(tensorflow):
    from codec.models.autoencoder import build
    model = zoo.find("photo")
    trained, coding = build(model.config, model.params), model.coding
    assert len(coding.contexts) == len(model.config.steps) - 1
    for network, exported in zip([trained.hyper_synthesis, *trained.contexts],
                                 [coding.hyper_synthesis, *coding.contexts]):
        inputs = exported.layers[0].kernel.shape[2]
        x = np.random.default_rng(0).integers(-200, 200, [5, 7, inputs])
        expected = exported(x, np.int64)
        assert (network(x[None].astype(np.float32))[0].numpy() == expected).all()
        assert (exported(x) == expected).all()
        for ours, theirs in zip(network.export().layers, exported.layers):
            assert (ours.kernel == theirs.kernel).all() and (ours.bias == theirs.bias).all()


# ---- tiles

def test_boxes_of_tiles_follow_the_header():
    header = Header(0, (1025, 2100), 1024, 50, b"abcd", "m")
    coding = codec.find_model("photo").coding
    assert latents.tile_boxes(header, coding)[:3] == [
        (slice(0, 64), slice(0, 64)), (slice(0, 64), slice(64, 128)),
        (slice(0, 64), slice(128, 132))]
    assert len(latents.tile_boxes(header, coding)) == 6 == header.tiles
    assert latents.grid(header, coding) == (65, 132)


def test_a_tile_spans_a_latent_at_least():
    coding = codec.find_model("photo").coding
    coding = coding._replace(config=coding.config.from_json({"name": "wide", "cell": [128, 32]}))
    header = Header(0, (200, 100), 64, 50, b"abcd", "wide")
    assert latents.tile_boxes(header, coding) == [
        (slice(0, 1), slice(0, 2)), (slice(0, 1), slice(2, 4)),
        (slice(1, 2), slice(0, 2)), (slice(1, 2), slice(2, 4))]


def test_only_the_tiles_of_an_area_are_decoded(photo, monkeypatch):
    monkeypatch.setattr(picture, "TILE", 64)
    header, [unit] = read(codec.compress(photo, quality=60))
    coding = codec.find_model(header.model).coding
    whole = latents.decode(unit, header, coding)
    area = slice(5, 7), slice(8, 9)
    boxes = [box for box, _, _ in latents.Decoder(unit, header, coding).symbols(area)]
    assert boxes == [(slice(4, 8), slice(8, 12))]
    part = latents.decode(unit, header, coding, area)
    assert (part[boxes[0]] == whole[boxes[0]]).all()
    part[boxes[0]] = 0
    assert not part.any() and part.shape == whole.shape == (13, 19, 384)


def without_feedback(folder: Path) -> str:
    """The model `photo` with this option of its encoder off."""
    model = zoo.find("photo")
    for path in model.path.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    info = model.info | {"config": model.info["config"] | {"feedback": 0}}
    (folder / "model.json").write_text(json.dumps(info))
    return str(folder)


@pytest.mark.parametrize("feedback, tile, reach", [(False, 256, 6), (True, 512, 6 + 4 + 6)])
def test_what_the_edge_of_a_tile_changes(feedback, tile, reach, photo, monkeypatch, tmp_path):
    """Each of the six context networks sees one latent further than the one before: inside of that,
    symbols are equal. Feedback sees by way of synthesis, and is coded by the six again."""
    side = 2 * tile
    pixels = np.tile(photo, [-(-side // 200), -(-side // 300), 1])[:side, :side]
    model = codec.find_model("photo" if feedback else without_feedback(tmp_path))

    def tiles():
        header, [unit] = read(codec.compress(pixels, quality=60, model=str(model.path)))
        decoder = latents.Decoder(unit, header, model.coding, threads=parallel.cores())
        return list(decoder.symbols())
    monkeypatch.setattr(picture, "TILE", 2 * tile)
    [(_, whole, _)] = tiles()
    monkeypatch.setattr(picture, "TILE", tile)
    found = tiles()
    assert len(model.coding.contexts) == 6 and len(found) == 4
    for box, symbols, _ in found:
        ends = [(reach * (s.start > 0), s.stop - s.start - reach * (s.stop < n))
                for s, n in zip(box, whole.shape)]
        inside = tuple(slice(start, stop) for start, stop in ends)
        expected = whole[box][inside]
        assert expected.size and (symbols[inside] == expected).all()


def test_tiles_leave_no_seams(photo, small_models, monkeypatch):
    """Without context networks small tiles give the picture of one, but for float rounding."""
    pixels, folder = np.tile(photo, [2, 2, 1]), str(small_models["mean-scale"])
    blob = codec.compress(pixels, quality=60, model=folder)
    shown = codec.decompress(blob, model=folder).pixels
    monkeypatch.setattr(picture, "TILE", 128)
    blob = codec.compress(pixels, quality=60, model=folder)
    assert codec.info(blob)["tiles"] == 20
    again = codec.decompress(blob, model=folder).pixels
    assert np.abs(again.astype(int) - shown).max() <= 2
    assert (again != shown).mean() < 0.02


def test_small_tiles_cost_little(photo, monkeypatch):
    pixels = np.tile(photo, [2, 2, 1]).astype(int)

    def errors():
        blob = codec.compress(pixels.astype(np.uint8), quality=60)
        return len(blob), np.abs(codec.decompress(blob).pixels - pixels).mean(-1)
    size, whole = errors()
    monkeypatch.setattr(picture, "TILE", 128)
    tiled_size, tiled = errors()
    assert tiled_size < 1.05 * size
    assert tiled.mean() == pytest.approx(whole.mean(), rel=0.01)
    for at in 128, 256, 384:                            # beside the edges as anywhere
        assert tiled[:, at - 2:at + 2].mean() == pytest.approx(whole[:, at - 2:at + 2].mean(),
                                                               rel=0.1)


def test_an_encoder_knows_what_decoders_will_have():
    """Without the detour by bytes, as feedback and a target PSNR look at it."""
    model = codec.find_model("photo")
    header = Header(0, (70, 90), 64, 50, model.digest, model.name)
    random = np.random.default_rng(0)
    y = random.normal(0, 3, [5, 6, 384]).astype(np.float32)
    z = random.integers(-3, 4, [2, 2, 128]).astype(np.int32)
    given = y, z, header, model.coding, model.chooser(50)
    [hyper, *tiles] = latents.encode(*given)
    unit = Unit(hyper.payload, [tile.payload for tile in tiles])
    decoded = latents.decode(unit, header, model.coding)
    assert (latents.rounded(*given, threads=2) == decoded).all() and decoded.any()
    assert decoded.shape == (*windows.cells((70, 90), (16, 16)), 384)


def test_nothing_shorter_than_the_fewest_bytes_is_ever_written(small_models):
    for name, folder in small_models.items():
        model = zoo.open_folder(folder)
        tables = model.coding.hyper_latents or model.coding.latents
        for value in 0, 128, 255:
            pixels = np.full([256, 256, 3], value, np.uint8)
            sections = list(bitstream.Reader(BytesIO(codec.compress(
                pixels, quality=1, model=str(folder)))))
            cells = 16 if model.coding.hyper_latents else 256
            payload = sections[1].payload
            assert 8 * len(payload) + 8 > cells * entropy_coder.fewest_bits(tables), name
