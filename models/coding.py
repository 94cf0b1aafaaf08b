"""The exact half of a model, in NumPy: integer networks and tables between bits and latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from codec.models import rules
from codec.models.config import Config
from codec.models.integer import IntegerNetwork, space_to_depth
from codec.models.priors import MEAN_BITS, Tables

SEEING = "prediction", "hyper_prediction"


class Coding(NamedTuple):
    """What coding needs of a model; the same integers on every machine.

    hyper_synthesis: h_s, None for a factorized model; contexts: the networks that correct the
    parameters of every step but the first; latents, hyper_latents: their coding tables, the latter
    None without h_s; prediction, hyper_prediction: networks that make features of one, and of
    these distributions of hyper-latents; None where there is none.
    """

    config: Config
    hyper_synthesis: IntegerNetwork | None
    contexts: tuple[IntegerNetwork, ...]
    latents: Tables
    hyper_latents: Tables | None
    prediction: IntegerNetwork | None = None
    hyper_prediction: IntegerNetwork | None = None

    @classmethod
    def from_arrays(cls, config: Config, arrays: dict[str, np.ndarray]) -> Coding:
        """From the arrays of coding.safetensors."""
        def part(name: str) -> dict[str, np.ndarray]:
            return {k[len(name) + 1:]: v for k, v in arrays.items() if k.startswith(name + "/")}
        latents = Tables.from_arrays(part("latents"))
        if config.hyper == "none":
            return cls(config, None, (), latents, None)
        return cls(config, IntegerNetwork.from_arrays(part("hyper_synthesis")),
                   tuple(IntegerNetwork.from_arrays(part(name)) for name in config.contexts),
                   latents, Tables.from_arrays(part("hyper_latents")),
                   *(IntegerNetwork.from_arrays(part(name)) for name in SEEING
                     if config.prediction))

    @property
    def exact(self) -> dict[str, IntegerNetwork]:
        """Its networks by name."""
        if self.hyper_synthesis is None:
            return {}
        seeing = {name: network for name in SEEING if (network := getattr(self, name))}
        return {"hyper_synthesis": self.hyper_synthesis,
                **dict(zip(self.config.contexts, self.contexts)), **seeing}

    def of_hyper_latents(self, shape: tuple[int, ...], seen: np.ndarray | None = None
                         ) -> tuple[np.ndarray, np.ndarray]:
        """(table indexes, what to add to symbols) of hyper-latents, uint16 and int32 [*shape, N]:
        a table a channel and 0; or by seen, the features of a prediction."""
        if seen is None or self.hyper_prediction is None:
            channels = np.arange(self.config.hyper_latents, dtype=np.uint16)
            return np.broadcast_to(channels, (*shape, len(channels))), np.zeros([], np.int32)
        cell = self.config.hyper_cell
        more = [(0, n * side - length) for n, side, length in zip(shape, cell, seen.shape)]
        index, mean = np.split(self.hyper_prediction(space_to_depth(
            np.pad(seen, [*more, (0, 0)]), cell)), 2, -1)
        index = np.clip(index, 0, rules.HYPER_SCALES - 1) * rules.HYPER_PARTS
        whole, part = np.divmod(mean, rules.HYPER_PARTS)
        return (index + part).astype(np.uint16), whole

    def each_step(self, features: np.ndarray | None, parameters: np.ndarray | None,
                  grid: tuple[int, ...], code: Callable) -> tuple[np.ndarray, np.ndarray]:
        """Codes the latents of a grid: (symbols int32 [*grid, M], means float32, in sixteenths).

        features, parameters: what h_s's last layer sees, [*grid, C], and gives, [*grid, kinds * M];
        None without h_s. Calls code(table index, mean, here) -> symbols for the latents of every
        step, which are at `here` in an array of the grid; encoder and decoder differ in nothing
        else.
        """
        size = *grid, self.config.latents
        if features is None or parameters is None:
            index = np.broadcast_to(np.arange(size[-1], dtype=np.uint16), size)
            none = np.zeros([], np.float32)
            return code(index, none, ...), none
        symbols, mean = np.empty(size, np.int32), np.empty(size, np.float32)
        shown = np.zeros(size, np.int32)
        for i, step in enumerate(self.config.steps):
            here, correction = (*step.cells, step.part), None
            if i:
                seen = np.concatenate([features, shown[..., :step.known]], -1)
                correction = self.contexts[i - 1](seen, cell=step.cell)
            index, mean[here] = self._distribution(parameters[step.cells], step.part, correction)
            symbols[here] = code(index, mean[here], here)
            shown[here] = _shown(symbols[here], mean[here])
        return symbols, mean

    def _distribution(self, parameters: np.ndarray, part: slice, correction):
        """h_s's outputs and a context network's -> of some channels: index uint8, mean float32.

        parameters [..., kinds * M], correction [..., kinds * channels]; means are exact sixteenths.
        """
        kinds = np.split(parameters, 2, -1) if self.config.hyper == "mean-scale" else [parameters]
        own = np.concatenate([kind[..., part] for kind in kinds], -1)
        if correction is not None:
            own = own + correction
        index, *mean = np.split(own, len(kinds), -1)
        index = np.clip(index, 0, rules.SCALES - 1).astype(np.uint8)
        sixteenths = mean[0] if mean else np.zeros_like(own)
        return index, sixteenths.astype(np.float32) * np.float32(2.0**-MEAN_BITS)


def _shown(symbols: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """What context networks see of latents that are coded already."""
    latents = np.clip(symbols, -(2**15), 2**15) * 2**MEAN_BITS
    return rules.compand(latents + (mean * 2**MEAN_BITS).astype(np.int32))
