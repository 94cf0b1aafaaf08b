"""Model name -> configuration -> model with weights. Imports no TensorFlow unless asked to build.

An installed model is a folder:

    model.json            configuration, costs, SHA-256 of the weights and of the graphs
    params.safetensors    float16 weights: what turns latents into pictures
    coding.safetensors    integers: what turns bits into latents, exactly; and, for encoders, what
                          errors of latents amount to
    transforms.zip        graphs that run the former without TensorFlow (models.graphs)
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load

from codec.models import graphs
from codec.models.integer import Cell, IntegerNetwork
from codec.models.priors import MEAN_BITS, SCALES, Tables, compand

WEIGHTS = Path(__file__).parent / "weights"
SEARCH_VARIABLE = "CODEC_MODELS"        # more folders of models, separated as PATH is
QUARTERS = ((0, 0), (1, 1), (0, 1), (1, 0))     # row and column of every 2x2, in coding order
FILES = ("params.safetensors", "coding.safetensors")
GRAPHS = "transforms.zip"
CELL = 16                               # pixels that a latent spans
LATENT_STEP = 5.0       # scales the DCT so that rounding is the right step for lambda = 0.01
PIXEL_STEP = 255 / LATENT_STEP          # of 8-bit levels


class ModelError(Exception):
    """A model is missing or damaged; the text is one line."""


class Step(NamedTuple):
    """Latents that are coded together: their channels, their cells (which row and which column of
    every 2x2; None: all cells), and how many channels of latents the network before it sees."""

    part: slice
    cell: Cell | None
    known: int

    @property
    def cells(self) -> tuple[slice, slice]:
        """What picks its cells out of a grid [height, width, ...]."""
        if self.cell is None:
            return slice(None), slice(None)
        row, column = self.cell
        return slice(row, None, 2), slice(column, None, 2)


@dataclass(frozen=True)
class PictureConfig:
    """What a picture model is made of.

    family: "photo" or "balle" transforms; hyper: "mean-scale", "scale" or "none" (factorized);
    channels: of the transforms (photo: at 1/8 scale, and of its inverse GDN at 1/16); latents M,
    hyper-latents N; slices: how many latents are coded before the next ones see them (empty: all at
    once); quarters: whether the first slice is coded a quarter of its cells at a time; context: the
    width of the networks that look; gains: number of gain vectors; rdoq: what bits count against
    error where symbols are chosen, 1 as in the loss (0: symbols are rounded); feedback: how far
    latents follow the errors that the coded picture shows, before they are coded once more (0: they
    are coded once); lambdas: of quality 1 and 100, in bpp per squared 8-bit error.
    """

    name: str
    family: str = "photo"
    hyper: str = "mean-scale"
    channels: tuple[int, ...] = (160, 320)
    latents: int = 384
    hyper_latents: int = 128
    slices: tuple[int, ...] = ()
    quarters: bool = False
    context: int = 128
    gains: int = 8
    rdoq: float = 0.0
    feedback: float = 0.0
    lambdas: tuple[float, float] = (0.00012, 0.18)

    def quality_lambda(self, q):
        """lambda at q in 0..1 (quality 1..100; number, array or tensor): geometric between the two
        ends.

        >>> round(float(CONFIGS["photo"].quality_lambda(0.5)), 5)
        0.00465
        """
        low, high = self.lambdas
        return low * (high / low)**q

    @property
    def steps(self) -> list[Step]:
        """The order in which latents are coded; before every step but the first runs a network."""
        sizes = self.slices or (self.latents,)
        if sum(sizes) != self.latents:
            raise ValueError(f"slices are {sizes}; their sum must be {self.latents}, the latents")
        ends = np.cumsum(sizes).tolist()
        parts = [slice(end - size, end) for size, end in zip(sizes, ends)]
        steps = [Step(part, None, part.start) for part in parts]
        if self.quarters:
            first = parts[0]
            steps[:1] = [Step(first, cell, first.stop) for cell in QUARTERS]
        return steps

    @property
    def contexts(self) -> list[str]:
        """The names of the networks of all steps but the first."""
        quarters = [f"quarter_{i}" for i in range(1, len(QUARTERS))] if self.quarters else []
        return [*quarters, *(f"context_{i}" for i in range(len(self.slices) - 1))]


def _balle(name: str, hyper: str) -> PictureConfig:
    return PictureConfig(name, "balle", hyper, (128,), 192, 128)


# Each paper's transforms and priors; the gain vectors that make the rate variable are ours, and
# hyper-synthesis is the integer network of HyperSynthesis in all of them.
CONFIGS = {
    "photo": PictureConfig("photo", slices=(16, 48, 96, 224), quarters=True, rdoq=0.5,
                           feedback=0.7),
    # Balle, Laparra and Simoncelli, "End-to-end optimized image compression" (ICLR 2017)
    "factorized": _balle("factorized", "none"),
    # Balle, Minnen, Singh, Hwang and Johnston, "Variational image compression with a scale
    # hyperprior" (ICLR 2018)
    "hyperprior": _balle("hyperprior", "scale"),
    # Minnen, Balle and Toderici, "Joint autoregressive and hierarchical priors for learned image
    # compression" (NeurIPS 2018), without the autoregressive context
    "mean-scale": _balle("mean-scale", "mean-scale"),
}


@dataclass(frozen=True)
class InstalledModel:
    """A model folder: what coding needs, in NumPy; networks are run by an engine."""

    path: Path
    info: dict = field(repr=False)

    @property
    def name(self) -> str:
        return self.info["name"]

    @property
    def digest(self) -> bytes:
        """The first four bytes of the weights' SHA-256, as a file's header has them."""
        return bytes.fromhex(self.info["sha256"])[:4]

    def check(self) -> None:
        """ModelError if the weights are missing or not those that model.json names."""
        if self._found != self.info["sha256"]:
            raise ModelError(f"model {self.path}: weights are damaged (SHA-256 differs)")

    @cached_property
    def config(self) -> PictureConfig:
        given = {"slices": (), **self.info["config"]}
        for key in ("channels", "slices", "lambdas"):
            given[key] = tuple(given[key])
        return PictureConfig(**given)

    @cached_property
    def _blobs(self) -> list[bytes]:
        return [self._read(name) for name in FILES]

    @cached_property
    def _found(self) -> str:
        return sha256(*self._blobs)

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise ModelError(f"model {self.path}: {error.strerror}: {error.filename}") from None

    @cached_property
    def params(self) -> dict[str, np.ndarray]:
        """Weights by name, float16."""
        return load(self._blobs[0])

    @cached_property
    def _coding(self) -> dict[str, np.ndarray]:
        return load(self._blobs[1])

    def _coding_part(self, part: str) -> dict[str, np.ndarray]:
        return {k[len(part) + 1:]: v for k, v in self._coding.items() if k.startswith(part + "/")}

    @cached_property
    def hyper_synthesis(self) -> IntegerNetwork | None:
        """h_s in exact integers; None for a factorized model."""
        arrays = self._coding_part("hyper_synthesis")
        return IntegerNetwork.from_arrays(arrays) if arrays else None

    @cached_property
    def contexts(self) -> list[IntegerNetwork]:
        """The networks that correct the parameters of every step but the first."""
        if not self.hyper_synthesis:
            return []
        return [IntegerNetwork.from_arrays(self._coding_part(name))
                for name in self.config.contexts]

    @property
    def has_graphs(self) -> bool:
        return "graphs" in self.info

    def graph(self, name: str) -> bytes:
        """A transform (analysis, hyper_analysis, synthesis) as a LiteRT flatbuffer.

        Raises:
            ModelError: if the model has none, or they are damaged.
        """
        if not self.has_graphs:
            raise ModelError(f"model {self.path}: has no graphs for LiteRT")
        blob = self._read(GRAPHS)
        if sha256(blob) != self.info["graphs"]:
            raise ModelError(f"model {self.path}: {GRAPHS} is damaged (SHA-256 differs)")
        return graphs.fill(blob, name, self.params)

    @cached_property
    def latent_tables(self) -> Tables:
        return Tables.from_arrays(self._coding_part("latents"))

    @cached_property
    def hyper_latent_tables(self) -> Tables:
        return Tables.from_arrays(self._coding_part("hyper_latents"))

    def gain(self, quality: float, inverse: bool = False) -> np.ndarray:
        """Factors [M] of the latents at a quality in 1..100 (inverse: of the decoded ones)."""
        table = self.params["inverse_gain" if inverse else "gain"].astype(np.float32)
        place = (quality - 1) / 99 * (len(table) - 1)
        left = min(int(place), len(table) - 2)
        share = np.float32(place - left)
        return np.exp(table[left] * (1 - share) + table[left + 1] * share)

    def distribution(self, parameters: np.ndarray, part: slice, correction=None):
        """h_s's outputs and a context network's -> of some channels: index uint8, mean float32.

        parameters [..., 2M], correction [..., 2 channels]; means are exact sixteenths.
        """
        kinds = np.split(parameters, 2, -1) if self.config.hyper == "mean-scale" else [parameters]
        own = np.concatenate([kind[..., part] for kind in kinds], -1)
        if correction is not None:
            own = own + correction
        index, *mean = np.split(own, len(kinds), -1)
        index = np.clip(index, 0, SCALES - 1).astype(np.uint8)
        sixteenths = mean[0] if mean else np.zeros_like(own)
        return index, sixteenths.astype(np.float32) * np.float32(2.0**-MEAN_BITS)

    def step_error(self, quality: float) -> np.ndarray | None:
        """What a squared error of one step in each latent is worth, in bits: [M], or None where
        symbols are simply rounded."""
        if not self.config.rdoq:
            return None
        weight = self.config.quality_lambda((quality - 1) / 99) / (3 * self.config.rdoq)
        return weight * self._coding["energy"] * self.gain(quality, inverse=True)**2

    def correction(self, error: np.ndarray, lost: np.ndarray, quality: float) -> np.ndarray:
        """What to add to latents for what a first coding of them did to the picture, float32
        [h, w, M], in steps.

        error [16h, 16w, 3]: of the picture that it shows, original less decoded, in 8-bit levels;
        lost [h, w, M]: latents less decoded latents. It is a share of one step of Jacobi's method
        for least squares on the linear path: errors that other latents, or the network, have made
        and this one can make good. Its own rounding is not an error to be made good.
        """
        height, width, latents = lost.shape
        linear = self.params["synthesis/linear"].astype(np.float32) * PIXEL_STEP
        blocks = error.reshape(height, CELL, width, CELL, 3).swapaxes(1, 2).reshape(-1, CELL**2 * 3)
        gain = self.gain(quality, inverse=True)
        towards = (blocks.astype(np.float32) @ linear.T).reshape(height, width, latents) * gain
        energy = self._coding["energy"] * gain**2
        weight = self.config.feedback / np.maximum(energy, energy.mean())
        return weight * (towards - energy * lost)

    def quantise(self, value: np.ndarray, index: np.ndarray, step_error: np.ndarray | None
                 ) -> np.ndarray:
        """Symbols int32: rounded values, or one nearer to zero where that saves more bits than its
        error is worth (rate-distortion optimised quantisation).

        value [..., C], index of tables likewise, step_error [C].
        """
        symbols = np.rint(value).astype(np.int32)
        if step_error is None:
            return symbols
        at = np.nonzero(symbols)
        nearest, index, value = symbols[at], index[at], value[at]
        inner = nearest - np.sign(nearest)
        saved = self.latent_tables.bits(nearest, index) - self.latent_tables.bits(inner, index)
        error = (value - inner)**2 - (value - nearest)**2
        symbols[at] = np.where(saved > step_error[at[-1]] * error, inner, nearest)
        return symbols

    def shown(self, symbols: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """What context networks see of latents that are coded already."""
        latents = np.clip(symbols, -(2**15), 2**15) * 2**MEAN_BITS
        return compand(latents + (mean * 2**MEAN_BITS).astype(np.int32))


def sha256(*blobs: bytes) -> str:
    return hashlib.sha256(b"".join(blobs)).hexdigest()


@lru_cache
def _open(path: Path) -> InstalledModel:
    try:
        info = json.loads((path / "model.json").read_text())
        model = InstalledModel(path, info)
        if len(bytes.fromhex(info["sha256"])) != 32 or not (model.name and model.config.steps):
            raise ValueError
        return model
    except OSError:
        raise ModelError(f"{path}: no model here (model.json is missing)") from None
    except (KeyError, TypeError, ValueError):
        raise ModelError(f"{path}: model.json is damaged") from None


def installed() -> list[InstalledModel]:
    """Every model that can be found by name, those of CODEC_MODELS first."""
    roots = [Path(p) for p in os.environ.get(SEARCH_VARIABLE, "").split(os.pathsep) if p]
    return [_open(path.parent) for root in [*roots, WEIGHTS]
            for path in sorted(root.glob("**/model.json"))]


def find(name: str) -> InstalledModel:
    """The model of this name, or in this folder.

    Raises:
        ModelError: if there is none, with the names there are.
    """
    if Path(name, "model.json").exists():
        return _open(Path(name))
    models = installed()
    for model in models:
        if model.name == name:
            return model
    names = ", ".join(m.name for m in models) or "none"
    raise ModelError(f"model {name!r} is not installed; installed: {names}")


def find_digest(name: str, digest: bytes, extra: str | None = None) -> InstalledModel:
    """The installed model whose weights have this digest; `extra` names one more folder."""
    models = ([find(extra)] if extra else []) + installed()
    for model in models:
        if model.digest == digest:
            return model
    raise ModelError(f"made by model {name!r} with weights {digest.hex()}, "
                     "which are not installed")


def build(config: PictureConfig, weights: dict[str, np.ndarray] | None = None):
    """The TensorFlow model of a configuration, untrained or with weights by name."""
    from codec.models.image import PictureModel
    model = PictureModel(config)
    for name, variable in model.weights().items():
        if weights is not None:
            variable.assign(weights[name].astype(np.float32))
    return model


def export(model, folder: str | Path, **facts) -> InstalledModel:
    """Writes a TensorFlow model as an installed one: weights, integer network, tables.

    All weights are first rounded to float16, so that what is trained, exported and loaded again
    is one and the same function. facts go into model.json as they are.

    Raises:
        ValueError: if the integer network could leave exact arithmetic.
    """
    from safetensors.numpy import save

    from codec.models import macs, priors
    params = {}
    for name, variable in model.weights().items():
        params[name] = variable.numpy().astype(np.float16)
        variable.assign(params[name].astype(np.float32))
    coding: dict[str, np.ndarray] = {}
    groups: dict[str, dict[str, np.ndarray]] = {}
    own = priors.factorized_tables(model.prior)
    if model.config.hyper == "none":
        groups["latents"] = own.arrays()
    else:
        groups["latents"] = priors.logistic_tables().arrays()
        groups["hyper_latents"] = own.arrays()
        for network in [model.hyper_synthesis, *model.contexts]:
            groups[network.name] = network.export().arrays()
    if model.config.rdoq or model.config.feedback:
        coding["energy"] = model.synthesis.energy().numpy()
    for group, arrays in groups.items():
        coding |= {f"{group}/{name}": array for name, array in arrays.items()}
    blobs = save(params), save(coding)
    encode, decode = macs.per_pixel(model)
    info = {"name": model.config.name, "media": "picture", "config": asdict(model.config),
            "kmac_per_pixel": {"encode": round(encode / 1e3, 2), "decode": round(decode / 1e3, 2)},
            "sha256": sha256(*blobs), **facts}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, blob in zip(FILES, blobs):
        (folder / name).write_bytes(blob)
    plain = build(model.config, params)         # whatever the arithmetic of the trained one
    blob = graphs.pack(plain, params)
    (folder / GRAPHS).write_bytes(blob)
    info["graphs"] = sha256(blob)
    (folder / "model.json").write_text(json.dumps(info, indent=1) + "\n")
    _open.cache_clear()
    return _open(folder)


