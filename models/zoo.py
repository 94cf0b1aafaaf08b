"""Installed models: found by name, folder or digest, and what coding needs of them, in NumPy.

A model is a folder:

    model.json            configuration, costs, SHA-256 of the weights and of the graphs; qualities:
                          what people ask for, and what a file's header then has
    params.safetensors    float16 weights: what turns latents into samples
    coding.safetensors    integers: what turns bits into latents, exactly; of a model of residual
                          pictures, what makes synthesis one of integers; and, for encoders, what
                          errors of latents amount to. A model of the family "exact", which has no
                          latents, is this and model.json alone: what turns bits into samples
    transforms.zip        the transforms as LiteRT graphs, for who has no TensorFlow: NAME.tflite
                          with zeros where weights belong, and NAME.json, the list of [weight, order
                          of its axes, offset in the file, factor, and where there is but one tap of
                          depth, which], so that no weight is there twice

A model that shares weights with another one names it in model.json ("base"), which has to be
installed too: what its own files lack, weights and graphs, are those of its base.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load

from codec.models import rules
from codec.models.coding import Coding
from codec.models.config import PEAK, SAMPLE_STEP, Config, position
from codec.models.errors import CodecError
from codec.models.exact import Predictor
from codec.models.integer import space_to_depth

if TYPE_CHECKING:
    from codec.models.integer_synthesis import IntegerSynthesis

WEIGHTS = Path(__file__).parent / "weights"
SEARCH_VARIABLE = "CODEC_MODELS"        # more folders of models, separated as PATH is
BAND = 8                    # rows of cells that are seen at once
FILES = ("params.safetensors", "coding.safetensors")
GRAPHS = "transforms.zip"


@dataclass(frozen=True)
class InstalledModel:
    """A model folder; its networks are run by an engine."""

    path: Path
    info: dict = field(repr=False)

    @property
    def name(self) -> str:
        return self.info["name"]

    @property
    def digest(self) -> bytes:
        """The first four bytes of the weights' SHA-256, as a file's header has them."""
        return bytes.fromhex(self.info["sha256"])[:4]

    @cached_property
    def base(self) -> InstalledModel | None:
        """The model that it shares weights with, if it does.

        Raises:
            CodecError: if that is not installed.
        """
        told = self.info.get("base")
        return find_digest(told["name"], bytes.fromhex(told["sha256"])[:4]) if told else None

    def check(self) -> None:
        """CodecError if the weights are missing or not those that model.json names."""
        if self.base:
            self.base.check()
        if self._found != self.info["sha256"]:
            raise CodecError(f"model {self.path}: weights are damaged (SHA-256 differs)", "damaged")

    @cached_property
    def config(self) -> Config:
        return Config.from_json(self.info["config"])

    @cached_property
    def _blobs(self) -> list[bytes]:
        return [b"" if self.exact and name == FILES[0] else self._read(name) for name in FILES]

    @property
    def exact(self) -> bool:
        """Whether it codes samples themselves: it has a predictor, and nothing that an engine runs.
        """
        return self.config.family == "exact"

    @cached_property
    def _found(self) -> str:
        shared = [bytes.fromhex(self.base.info["sha256"])] if self.base else []
        return sha256(*self._blobs, *shared)

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise CodecError(f"model {self.path}: {error.strerror}: {error.filename}", "missing"
                             ) from None

    @cached_property
    def params(self) -> dict[str, np.ndarray]:
        """Weights by name, float16; where there is a base, without those of what is exact."""
        own = load(self._blobs[0])
        if not self.base:
            return own
        exact = {"prior", *self.base.coding.exact}
        return {name: value for name, value in self.base.params.items()
                if name.partition("/")[0] not in exact} | own

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        return load(self._blobs[1])

    @cached_property
    def coding(self) -> Coding:
        """Its exact half."""
        return Coding.from_arrays(self.config, self._arrays)

    @cached_property
    def predictor(self) -> Predictor:
        """Of a model of the family "exact"."""
        return Predictor.from_arrays(self._arrays)

    @cached_property
    def synthesis(self) -> IntegerSynthesis:
        """Of a model of residual pictures, which keeps it in integers."""
        return self._in_integers("synthesis", self.params)

    @cached_property
    def key_synthesis(self) -> IntegerSynthesis:
        """The same of its base, for the key pictures of clips."""
        assert self.base
        return self._in_integers("key_synthesis", self.base.params)

    def _in_integers(self, name: str, params: dict[str, np.ndarray]) -> IntegerSynthesis:
        from codec.models.integer_synthesis import Form, IntegerSynthesis  # pictures need none
        try:
            forms = self._arrays[f"{name}/forms"].tolist()
        except KeyError:
            raise CodecError(f"model {self.path}: has no synthesis in integers; train or export "
                             "it again", "unsupported") from None
        return IntegerSynthesis(params, (Form(*pair) for pair in forms))

    @property
    def has_graphs(self) -> bool:
        return "graphs" in self.info

    def graph(self, name: str) -> bytes:
        """A transform (analysis, hyper_analysis, synthesis) as a LiteRT flatbuffer.

        Raises:
            CodecError: if the model has none, or they are damaged.
        """
        if self.base and name in self.info["base"]["graphs"]:
            return self.base.graph(name)
        if not self.has_graphs:
            raise CodecError(f"model {self.path}: has no graphs for LiteRT", "missing")
        blob = self._read(GRAPHS)
        if sha256(blob) != self.info["graphs"]:
            raise CodecError(f"model {self.path}: {GRAPHS} is damaged (SHA-256 differs)", "damaged")
        with zipfile.ZipFile(BytesIO(blob)) as archive:
            graph = np.frombuffer(bytearray(archive.read(f"{name}.tflite")), np.uint8)
            places = json.loads(archive.read(f"{name}.json"))
        for weight, order, offset, factor, *tap in places:
            values = self.params[weight][tap[0]] if tap else self.params[weight]
            values = values.transpose(order).astype(np.float32) * np.float32(factor)
            graph[offset:offset + values.nbytes].view(np.float32)[:] = values.ravel()
        return graph.tobytes()

    def coded(self, quality: float) -> float:
        """The quality that a file's header has for one that is asked for: see `eval.qualities`."""
        asked, coded = self._qualities
        return float(np.interp(quality, asked, coded))

    def asked(self, quality: float) -> float:
        """The other way round, to a hundredth."""
        asked, coded = self._qualities
        return round(float(np.interp(quality, coded, asked)), 2)

    @property
    def _qualities(self) -> list[list[float]]:
        return self.info.get("qualities", [[1.0, 100.0], [1.0, 100.0]])

    def gain(self, quality: float, inverse: bool = False) -> np.ndarray:
        """Factors [M] of the latents at a quality in 1..100 (inverse: of the decoded ones)."""
        table = self.params["inverse_gain" if inverse else "gain"].astype(np.float32)
        return rules.gain(table, position(quality))

    def lmbda(self, quality: float) -> float:
        """Bits a pixel for a squared error, at a quality in 1..100."""
        return float(self.config.quality_lambda(position(quality)))

    def seen(self, prediction: np.ndarray, quality: float) -> np.ndarray | None:
        """The features of a prediction [*grid * cell, C], at a quality in 1..100, that entropy
        networks see: int32 [*grid, C]; None where they see none."""
        if self.coding.prediction is None:
            return None
        linear = self.params["analysis/linear"][:, :self.config.steps[-1].known].astype(np.float32)
        rows = BAND * self.config.cell[0]           # not all of it in float32 at once
        octaves = np.concatenate([rules.octaves(space_to_depth(
            prediction[i:i + rows], self.config.cell).astype(np.float32) - 128, linear)
            for i in range(0, len(prediction), rows)])
        own = np.full_like(octaves[..., :1], level(quality))
        return self.coding.prediction(np.concatenate([octaves, own], -1))

    def chooser(self, quality: float) -> Callable[[np.ndarray, np.ndarray, slice], np.ndarray]:
        """How an encoder chooses symbols: choose(value [..., C], index of tables [..., C], channels
        C) -> int32 [..., C]."""
        config, tables = self.config, self.coding.latents
        if not config.rdoq:
            return lambda value, index, part: np.rint(value).astype(np.int32)
        worth = rules.worth(self.lmbda(quality), config.rdoq,
                            self._arrays["energy"], self.gain(quality, inverse=True),
                            config.samples)

        def choose(value: np.ndarray, index: np.ndarray, part: slice) -> np.ndarray:
            symbols = np.rint(value).astype(np.int32)
            at = np.nonzero(symbols)
            tabled = index[at]
            symbols[at] = rules.nearer_zero(
                value[at], symbols[at], lambda symbols: tables.bits(symbols, tabled),
                worth[part][at[-1]])
            return symbols
        return choose

    def correction(self, error: np.ndarray, lost: np.ndarray, quality: float) -> np.ndarray:
        """What to add to latents for what a first coding of them did to the signal, float32
        [*grid, M], in steps: see `rules.correction`.

        error [*grid * cell, samples]: of what it shows, original less decoded, in 8-bit levels;
        lost [*grid, M]: latents less decoded latents.
        """
        inverse = self.gain(quality, inverse=True)
        blocks = space_to_depth(error, self.config.cell).astype(np.float32)
        towards = blocks.reshape(-1, blocks.shape[-1]) @ self._shown.T
        return rules.correction(towards.reshape(lost.shape) * inverse, lost,
                                self._arrays["energy"] * inverse**2, self.config.feedback)

    @cached_property
    def _shown(self) -> np.ndarray:
        """What a unit of each latent shows on the linear path: [M, cell * samples], in levels."""
        return self.params["synthesis/linear"].astype(np.float32) * SAMPLE_STEP


def level(quality: float) -> int:
    """A quality 1..100 as a whole number in 0..255, the nearest (of two: the larger); exact, as
    entropy networks see it.

    >>> level(1), level(17.5), level(50.5), level(100)
    (0, 43, 128, 255)
    """
    return int((2 * PEAK * (quality - 1) + 99) // 198)


def sha256(*blobs: bytes) -> str:
    return hashlib.sha256(b"".join(blobs)).hexdigest()


@lru_cache
def open_folder(path: Path) -> InstalledModel:
    """The model in a folder; CodecError if there is none."""
    try:
        info = json.loads((path / "model.json").read_text())
        model = InstalledModel(path, info)
        asked, coded = model._qualities
        sound = asked[0] == coded[0] == 1 and asked[-1] == coded[-1] == 100 and all(
            (np.diff(numbers) > 0).all() for numbers in (asked, coded))
        if len(bytes.fromhex(info["sha256"])) != 32 or not (
                model.name and model.config.steps and sound and len(asked) == len(coded)):
            raise ValueError
        return model
    except OSError:
        raise CodecError(f"{path}: no model here (model.json is missing)", "missing") from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise CodecError(f"{path}: model.json is damaged", "damaged") from None


def installed() -> list[InstalledModel]:
    """Every model that can be found by name, those of CODEC_MODELS first."""
    roots = [Path(p) for p in os.environ.get(SEARCH_VARIABLE, "").split(os.pathsep) if p]
    return [open_folder(path.parent) for root in [*roots, WEIGHTS]
            for path in sorted(root.glob("**/model.json"))]


def find(name: str) -> InstalledModel:
    """The installed model of this name, or else the one in this folder.

    Raises:
        CodecError: if there is none, with the names there are.
    """
    models = installed()
    for model in models:
        if model.name == name:
            return model
    if Path(name, "model.json").exists():
        return open_folder(Path(name))
    names = ", ".join(m.name for m in models) or "none"
    raise CodecError(f"model {name!r} is not installed; installed: {names}", "missing")


def find_digest(name: str, digest: bytes, extra: str | None = None) -> InstalledModel:
    """The installed model whose weights have this digest; `extra` names one more folder."""
    models = ([find(extra)] if extra else []) + installed()
    for model in models:
        if model.digest == digest:
            return model
    raise CodecError(f"made by model {name!r} with weights {digest.hex()}, "
                     "which are not installed", "missing")
