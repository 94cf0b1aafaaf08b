"""One slab of a volume <-> latents <-> its sections: levels float32 [planes, height, width]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from codec import latents, windows
from codec.bitstream import Header, Section, Unit
from codec.engines import Engine
from codec.models.errors import CodecError
from codec.windows import Box

WINDOW = 8, 20, 20      # cells a window of the transforms spans


class Slab(NamedTuple):
    """A unit: its number, its box [stack, planes, height, width], where stacks are those of one
    channel after those of another, and the header of a file that held nothing else."""

    number: int
    box: Box
    header: Header


def _padded(levels: np.ndarray, grid: tuple[int, ...], cell: tuple[int, ...], mode: str
            ) -> np.ndarray:
    """[*grid * cell, 1], continued beyond its borders."""
    pads = [(0, n * side - length) for n, side, length in zip(grid, cell, levels.shape)]
    return np.pad(levels, pads, mode=mode)[..., None]       # type: ignore[call-overload]


def analyse(levels: np.ndarray, engine: Engine) -> np.ndarray:
    """levels float32 [D, H, W] -> latents float32 [*grid, M], before any gain."""
    config = engine.model.config
    grid = windows.cells(levels.shape, config.cell)
    y = np.empty([*grid, config.latents], np.float32)
    for box, part in windows.run(
            lambda window: engine.run("analysis", window),
            _padded(levels, grid, config.cell, "edge"), windows.whole(grid), WINDOW,
            config.halo["analysis"], config.cell, (1, 1, 1)):
        y[box] = part
    return y


def latents_of(y: np.ndarray, levels: np.ndarray, slab: Slab, engine: Engine
             ) -> tuple[np.ndarray, np.ndarray]:
    """What is coded of y: at the quality's gain, corrected for what a first coding did; and z."""
    model, quality, config = engine.model, slab.header.quality, engine.model.config
    grid, scaled = y.shape[:-1], y * model.gain(quality)
    coarse = windows.cells(grid, config.hyper_cell)
    z = np.empty([*coarse, config.hyper_latents], np.int32)
    for box, part in windows.run(
            lambda window: engine.run("hyper_analysis", window), scaled, windows.whole(coarse),
            WINDOW, config.halo["hyper_analysis"], config.hyper_cell, (1, 1, 1)):
        z[box] = np.rint(part)
    if config.feedback:
        decoded = rounded(scaled, z, slab, engine)
        error = levels - synthesise(decoded, windows.whole(levels.shape), quality, engine)
        scaled += model.correction(_padded(error, grid, config.cell, "constant"),
                                   scaled - decoded, quality)
    return scaled, z


def encode(scaled: np.ndarray, z: np.ndarray, slab: Slab, engine: Engine) -> Iterator[Section]:
    """The sections of what `latents_of` gives."""
    yield from latents.encode(scaled, z, slab.header, engine.model.coding, _chooser(slab, engine),
                              number=slab.number, threads=engine.threads)


def shown(scaled: np.ndarray, z: np.ndarray, slab: Slab, engine: Engine) -> np.ndarray:
    """Levels as a decoder of these sections will have them."""
    return synthesise(rounded(scaled, z, slab, engine), windows.whole(slab.header.shape),
                      slab.header.quality, engine)


def _chooser(slab: Slab, engine: Engine) -> latents.Chooser:
    return engine.model.chooser(slab.header.quality)


def rounded(scaled: np.ndarray, z: np.ndarray, slab: Slab, engine: Engine) -> np.ndarray:
    """Latents as a decoder will have them."""
    return latents.rounded(scaled, z, slab.header, engine.model.coding, _chooser(slab, engine),
                           threads=engine.threads)


def decode(unit: Unit, slab: Slab, area: Box, engine: Engine, lost: list[Box] | None) -> np.ndarray:
    """Levels of an area of a slab; lost: gets the boxes of damaged tiles, where they are 0.

    Raises:
        CodecError: if there are such, and nothing takes their boxes.
    """
    config = engine.model.config
    try:
        decoder = latents.Decoder(unit, slab.header, engine.model.coding, number=slab.number,
                                  threads=engine.threads, lost=lost)
    except CodecError:
        if lost is None:
            raise
        lost.append(windows.whole(slab.header.shape))
        return np.zeros([s.stop - s.start for s in area], np.float32)
    grid = decoder.shape[:-1]
    needed = windows.grow(windows.cover(area, config.cell), config.halo["synthesis"], grid)
    return synthesise(decoder.rows(0, grid[0], needed), area, slab.header.quality, engine)


def synthesise(y: np.ndarray, area: Box, quality: float, engine: Engine) -> np.ndarray:
    """Decoded latents of a slab, at the quality's gain -> levels float32 of an area of it."""
    config, gain = engine.model.config, engine.model.gain(quality, inverse=True)
    out = np.empty([s.stop - s.start for s in area], np.float32)
    for box, part in windows.run(
            lambda window: engine.run("synthesis", window * gain), y,
            windows.cover(area, config.cell), WINDOW, config.halo["synthesis"], (1, 1, 1),
            config.cell):
        under = windows.samples(box, config.cell)
        shared = windows.common(under, area)
        out[windows.within(shared, area)] = part[windows.within(shared, under)][..., 0]
    return out
