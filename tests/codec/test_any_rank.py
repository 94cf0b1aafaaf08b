"""Latents <-> sections of grids of 1, 2 and 3 axes: parities, slices, tiles, units."""

from functools import lru_cache
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import bitstream, latents, windows
from codec.bitstream import Header, Section
from codec.models.coding import Coding
from codec.models.config import Config
from codec.models.errors import CodecError
from codec.models.integer import IntegerLayer, IntegerNetwork
from codec.models.priors import Tables
from tests.codec.definition import Definition

M, N = 6, 3


@lru_cache
def coding(rank: int, slices: tuple[int, ...], quarters: bool) -> Coding:
    """Random integer networks of these steps, 4 samples a cell, and tables that make escapes."""
    random = np.random.default_rng(rank)
    config = Config("random", latents=M, hyper_latents=N, slices=slices, quarters=quarters,
                    context=5, cell=rank * (4,), hyper_cell=rank * (4,))

    def layer(support: int, inputs: int, outputs: int, clip, up: int = 1) -> IntegerLayer:
        kernel = random.integers(-9, 10, [*rank * [support], inputs, outputs])
        return IntegerLayer(kernel, random.integers(0, 99, outputs), np.full(outputs, 3), clip, 127,
                            rank * (up,))
    hidden, last = (0, 127), (-300, 300)
    wide = N * 2**rank
    networks = [IntegerNetwork((layer(1, N, wide, hidden, 2), layer(3, N, wide, hidden, 2),
                                layer(1, N, 2 * M, last)))]
    for step in config.steps[1:]:
        size = step.part.stop - step.part.start
        networks.append(IntegerNetwork((layer(3, N + step.known, 5, hidden),
                                        layer(1, 5, 2 * size, last))))
    rows = [np.full(2 * k + 1, 0.9 / (2 * k + 1)) for k in range(1, 65)]
    tables = Tables.from_probabilities(rows, [-k for k in range(1, 65)])
    return Coding(config, networks[0], tuple(networks[1:]), tables,
                  Tables.from_probabilities(rows[:N], [-1, -2, -3]))


def rounded(value, index, part):
    return np.rint(value).astype(np.int32)


@st.composite
def cases(draw):
    rank = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, {1: 900, 2: 150, 3: 80}[rank])) for _ in range(rank))
    slices = draw(st.sampled_from([(), (6,), (2, 4), (1, 2, 3)]))
    return rank, shape, slices, draw(st.booleans()), draw(st.integers(0, 2**32 - 1))


def latents_of(shape, config, seed):
    random, grid = np.random.default_rng(seed), windows.cells(shape, config.cell)
    y = random.normal(0, 30, [*grid, M]).astype(np.float32)
    y.ravel()[random.integers(y.size)] = 1e6            # far outside every table
    z = random.integers(-6, 7, [*windows.cells(grid, config.hyper_cell), N]).astype(np.int32)
    return y, z


def read_back(blob: bytes, header: Header) -> list[bitstream.Unit]:
    sections = iter(bitstream.Reader(BytesIO(blob)))
    assert bitstream.read_header(sections).pack()[1:] != b""
    return list(bitstream.units(sections, header.tiles, {}))


def file_of(*sections: Section) -> bytes:
    out = BytesIO()
    bitstream.write(out, sections)
    return out.getvalue()


@settings(max_examples=60)
@given(cases())
def test_latents_of_any_rank_come_back(case):
    rank, shape, slices, quarters, seed = case
    exact = coding(rank, slices, quarters)
    header = Header(0, shape, 64, 50.0, b"abcd", "random")     # tiles of 16 latents
    y, z = latents_of(shape, exact.config, seed)
    sections = list(latents.encode(y, z, header, exact, rounded, threads=2))
    assert len(sections) == 1 + header.tiles
    unit = bitstream.Unit(sections[0].payload, [s.payload for s in sections[1:]])
    decoded = latents.decode(unit, header, exact, threads=2)
    assert (decoded == latents.rounded(y, z, header, exact, rounded)).all()
    assert np.abs(decoded - y).max() <= 0.5                    # means are exact sixteenths
    definition = exact._replace(
        hyper_synthesis=Definition(exact.hyper_synthesis),
        contexts=tuple(map(Definition, exact.contexts)))
    assert latents.digest([unit], header, definition) == latents.digest([unit], header, exact)
    area = tuple(slice(n // 2, n // 2 + 1) for n in latents.grid(header, exact))
    assert (latents.decode(unit, header, exact, area)[area] == decoded[area]).all()


@pytest.mark.parametrize("rank, parities", [(1, 2), (2, 4), (3, 8)])
def test_every_cell_is_coded_once_whatever_the_parities(rank, parities):
    config = coding(rank, (2, 4), True).config
    assert len(config.steps) == parities + 1 and len(config.contexts) == parities
    seen = np.zeros([*rank * [5], M], int)
    for step in config.steps:
        seen[(*step.cells, step.part)] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_units_cannot_be_swapped(rank):
    shape = {1: (500,), 2: (70, 90), 3: (20, 70, 30)}[rank]
    exact = coding(rank, (2, 4), True)
    header = Header(0, shape, 64, 50.0, b"abcd", "random")
    head = Section(bitstream.HEADER, Header(0, (1, 1), 64, 50.0, b"abcd", "random").pack())
    y, z = zip(*(latents_of(shape, exact.config, seed) for seed in (1, 2)))
    first, second = (list(latents.encode(y[i], z[i], header, exact, rounded, number=i))
                     for i in (0, 1))
    units = read_back(file_of(head, *first, *second), header)
    for i, unit in enumerate(units):
        assert np.abs(latents.decode(unit, header, exact, number=i) - y[i]).max() <= 0.5
    swapped = read_back(file_of(head, *second, *first), header)
    for i, unit in enumerate(swapped):
        with pytest.raises(CodecError, match="latents differ from those that were written"):
            latents.decode(unit, header, exact, number=i)
    with pytest.raises(CodecError, match="latents differ"):
        latents.digest(swapped, header, exact)
