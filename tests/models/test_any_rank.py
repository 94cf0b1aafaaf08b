"""Models of one and of three axes, before the media that need them: all that a picture's does,
from training to files that every engine decodes to the same symbols."""

from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf

from codec import bitstream, engines, latents, windows
from codec.bitstream import Header
from codec.models import autoencoder
from codec.models.autoencoder import Autoencoder
from codec.models.export import export
from codec.models.training import data, loop
from tests.models import tiny

SHAPES = {"signal": (16 * 33 + 5,), "volume": (13, 30, 41)}
PATCHES = {"signal": (128,), "volume": (8, 16, 16)}


def config_of(name):
    return {"signal": tiny.SIGNAL, "volume": tiny.VOLUME}[name]


def signal(name: str, seed: int = 0) -> np.ndarray:
    """Waves in noise, float32 0..255, [*spatial, C]."""
    config, random = config_of(name), np.random.default_rng(seed)
    axes = np.meshgrid(*(np.arange(n) for n in SHAPES[name]), indexing="ij")
    wave = 128 + 80 * np.sin(sum(axis / (5 + i) for i, axis in enumerate(axes)))
    return np.clip(wave[..., None] + random.normal(0, 4, [*SHAPES[name], config.samples]),
                   0, 255).astype(np.float32)


@pytest.fixture(scope="module", params=["signal", "volume"])
def trained(request, tmp_path_factory):
    """(name, model after forty steps, the installed model, losses before and after)."""
    patch = pytest.MonkeyPatch()
    patch.setitem(autoencoder.FAMILIES, "tiny", "tests.models.tiny")
    name = request.param
    config = config_of(name)
    tf.keras.utils.set_random_seed(1)
    trainer = loop.Trainer(Autoencoder(config), 1e-2, 1e-2)
    samples, table, channels = data.pack([signal(name, seed) for seed in range(3)], PATCHES[name])
    samples, table = tf.constant(samples), tf.constant(table)

    @tf.function
    def step(i):
        key = trainer.key(1, i)
        crops = data.crops(samples, table, channels, key, 2, PATCHES[name])
        return trainer.step(crops, i, 1, tf.constant(1.0), tf.constant(0.9))
    def loss() -> float:
        crops = data.crops(samples, table, channels, tf.constant([7, 7]), 8, PATCHES[name])
        crops, q = tf.cast(crops, tf.float32), tf.fill([8], 0.5)
        bpp, shown = trainer.model(crops, q)
        return float(loop.rate_distortion(bpp, loop.squared_error(crops, shown),
                                          config.quality_lambda(q)))
    losses = [loss()]
    for i in range(40):
        step(tf.constant(i))
    losses.append(loss())
    random = np.random.default_rng(1)
    for network in trainer.model.contexts:          # after forty steps they correct next to nothing
        network.kernels[-1].assign(random.normal(0, 0.1, network.kernels[-1].shape))
    yield name, trainer.model, export(trainer.model, tmp_path_factory.mktemp(name)), losses
    patch.undo()


def test_they_learn(trained):
    *_, (before, after) = trained
    assert after < 0.8 * before


def test_muon_takes_their_kernels(trained):
    name, model, *_ = trained
    taken = {n: model.weights()[n].shape.rank for n, how in model.learning().items() if how.muon}
    assert set(taken.values()) == {{"signal": 3, "volume": 5}[name]}
    assert "analysis/down_1/kernel" in taken and "hyper_synthesis/kernel_1" in taken
    assert model.learning()["hyper_synthesis/kernel_1"].phases == {"signal": 2, "volume": 8}[name]


def test_products_are_counted(trained):
    name, _, installed, _ = trained
    c = config_of(name)
    encode, decode = installed.info["kmac_per_pixel"]["encode"], installed.info["kmac_per_pixel"][
        "decode"]
    wide, m = c.channels[0], c.latents
    if name == "signal":        # taps x inputs x outputs a sample, at 1/4 and at 1/8
        analysis = 9 * 2 * wide / 4 + (3 * wide + wide * wide) / 4 + 5 * wide * m / 8
    else:                       # at 1/4 and at 1/32; GDN is a product of matrices at 1/4
        analysis = 27 * wide / 4 + wide * wide / 4 + 27 * wide * m / 32
    assert analysis / 1000 < encode < 3 * analysis / 1000 and 0 < decode < 2 * encode


def test_their_weights_are_in_the_graphs_by_name(trained):
    _, _, installed, _ = trained
    import json
    import zipfile
    with zipfile.ZipFile(installed.path / "transforms.zip") as archive:
        placed = {weight for name in ("analysis", "hyper_analysis")
                  for weight, *_ in json.loads(archive.read(f"{name}.json"))}
    assert {"analysis/down_0/kernel", "analysis/down_1/kernel",
            "hyper_analysis/down_0/kernel"} <= placed


def coded(y, z, header, model) -> bytes:
    out = BytesIO()
    bitstream.write(out, [
        bitstream.Section("H", header.pack()),
        *latents.encode(y, z, header, model.coding, model.chooser(50), threads=2)])
    return out.getvalue()


class ByTensorFlow:
    """An integer network as it is trained, called as the definition is."""

    def __init__(self, network):
        self.network = network

    def _run(self, function, x):
        return function(tf.constant(x[None], tf.float32))[0].numpy().astype(np.int32)

    def hidden(self, z):
        return self._run(self.network.hidden, z)

    def output(self, hidden):
        return self._run(self.network.output, hidden)

    def __call__(self, seen, cell=None):
        at = (...,) if cell is None else tuple(slice(i, None, 2) for i in cell)
        return self._run(self.network, seen)[at]


def test_there_and_back_by_both_engines(trained):
    name, _, model, _ = trained
    c, x = config_of(name), signal(name, 9)
    grid = windows.cells(x.shape[:-1], c.cell)
    padded = np.pad(x, [*((0, n * s - size) for n, s, size in zip(grid, c.cell, x.shape)), (0, 0)],
                    mode="edge")
    light, reference = (engines.load(model, 2, kind) for kind in ("litert", "tensorflow"))
    y = light.run("analysis", padded)
    assert y.shape == (*grid, c.latents)
    assert np.abs(y - reference.run("analysis", padded)).max() < 1e-3
    z = np.rint(light.run("hyper_analysis", y)).astype(np.int32)
    header = Header(0, x.shape[:-1], 64, 50, model.digest, model.name)
    blob = coded(y, z, header, model)
    sections = iter(bitstream.Reader(BytesIO(blob)))
    next(sections)
    [unit] = bitstream.units(sections, header.tiles, {})
    decoded = latents.decode(unit, header, model.coding, threads=2)
    assert (decoded == latents.rounded(y, z, header, model.coding, model.chooser(50))).all()
    network = autoencoder.build(c, model.params)
    by_tensorflow = model.coding._replace(
        hyper_synthesis=ByTensorFlow(network.hyper_synthesis),
        contexts=tuple(map(ByTensorFlow, network.contexts)))
    assert latents.digest([unit], header, by_tensorflow) == latents.digest(
        [unit], header, model.coding)
    shown = [engine.run("synthesis", decoded) for engine in (light, reference)]
    assert shown[0].shape == padded.shape and np.abs(shown[0] - shown[1]).max() < 1e-2


def test_windows_with_their_halo_leave_no_seams(trained):
    """To the last bit of the same arithmetic; a smaller halo shows."""
    name, _, model, _ = trained
    c = config_of(name)
    grid = {"signal": (60,), "volume": (14, 12, 13)}[name]
    y = np.random.default_rng(3).normal(0, 9, [*grid, c.latents]).astype(np.float32)
    engine = engines.load(model, 1, "litert")
    whole = engine.run("synthesis", y)
    tile = {"signal": (7,), "volume": (5, 6, 6)}[name]
    for halo, seam in ((c.halo["synthesis"], False), (0, True)):
        out = np.zeros_like(whole)
        for box, part in windows.run(lambda part: engine.run("synthesis", part), y,
                                     windows.whole(grid), tile, halo, (1,) * c.rank, c.cell):
            out[windows.samples(box, c.cell)] = part
        assert (np.abs(out - whole).max() > 1e-3) == seam
