"""The life of a signal, sound or a recording, top to bottom: kept exactly, or within a bound.

    file -> samples [T, C] -> whole numbers -> blocks of time (tiles) -> sections
    sections -> blocks -> whole numbers -> samples -> file

`signal_file` is what happens between files and samples, `codec.whole_numbers` between samples and
whole numbers, `codec.exact_signal` between these and bytes. Blocks are coded each by itself,
several side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from codec import bitstream, exact_signal, exact_tiles, files, parallel, whole_numbers, windows
from codec.bands import Bands
from codec.bitstream import Header, Section, Unit
from codec.engines import Engine
from codec.exact_tiles import OWN, Bound
from codec.media.signal_file import FORMS, MOST_CHANNELS, SUFFIXES, Signal, read, recognises
from codec.media.signal_writing import write
from codec.models.errors import CodecError
from codec.models.exact import Predictor
from codec.rate_control import Target
from codec.raw_files import pack_around, unpack_around
from codec.whole_numbers import Numbers
from codec.windows import Box

__all__ = ["DEFAULT_SUFFIX", "EXACT", "INSTEAD", "KINDS", "MODELS", "SUFFIXES", "Signal", "compare",
           "compress", "decompress", "digest", "exactness", "info", "kept_name", "learned", "read",
           "recognises", "write"]

KINDS = {18: "samples"}
DEFAULT_SUFFIX = ".wav"
MODELS: dict[str, str] = {}
EXACT = "exact-signal"
INSTEAD = ""
MEDIA = 18
BLOCK = 1 << 16         # samples of a channel that are coded by themselves
MOST_TOGETHER = 1 << 22     # samples that are coded side by side by arrays
LARGEST = 1 << 24           # of a block: a decoder takes no more


# ---- compress

def compress(signal: Signal, target: Target, engine: Engine, instead: Engine | None = None
             ) -> Iterator[Section]:
    """A signal -> the sections of its file, block by block. instead: for pictures.

    Raises:
        CodecError: if its samples cannot keep the bound that is given.
    """
    assert target.max_error is not None         # there is no model for anything else
    numbers = whole_numbers.choose(signal.samples, target.max_error)
    length, channels = signal.samples.shape
    model = engine.model
    header = Header(MEDIA, (length,), BLOCK, 100.0, model.digest, model.name)
    bound = Bound(numbers.bound, numbers.depth, channels, OWN)
    yield Section(bitstream.HEADER, header.pack())
    if signal.around:
        yield Section(bitstream.AROUND, pack_around(signal.around))
    yield from whole_numbers.pack(numbers, {
        "form": signal.form, "rate": signal.rate, "bits": signal.bits, "axes": signal.axes})
    yield Section(bitstream.BOUND, bound.pack())

    threads = exact_signal.compiled.threads(length * channels, engine.threads)

    def code(group: list[int]) -> list[bytes]:
        blocks = np.stack([numbers.whole(signal.samples[BLOCK * i:BLOCK * (i + 1)]) for i in group])
        return exact_tiles.encode(blocks, group, header, bound, model.predictor, exact_signal)
    for payloads in parallel.in_order(code, _groups(header, channels, range(header.tiles)),
                                      threads):
        for payload in payloads:
            yield Section(bitstream.SAMPLES, payload)


def _groups(header: Header, channels: int, blocks: range) -> list[list[int]]:
    """Blocks that are coded side by side: of one length, and where loops are not compiled, many."""
    [length] = header.shape
    alone = exact_signal.compiled(length * channels)
    many = 1 if alone else max(1, MOST_TOGETHER // header.tile // channels)
    whole = [i for i in blocks if (i + 1) * header.tile <= length]
    groups = [whole[at:at + many] for at in range(0, len(whole), many)]
    return groups + [[i] for i in blocks if (i + 1) * header.tile > length]


def learned(signal: Signal, exact: bool = True) -> list[np.ndarray]:
    """The whole numbers [T, C] that a model learns from: of floats within two bounds."""
    floats = np.dtype(signal.samples.dtype).kind == "f"
    return [whole_numbers.choose(signal.samples, bound).whole(signal.array)
            for bound in (("0.1%", "0.01%") if floats else (0,))]


# ---- decompress

def info(header: Header) -> dict:
    """What to tell of the signal that a header announces."""
    return {"samples": header.size}


def kept_name(name: str, extras: dict[str, bytes]) -> str:
    """The name that a file had: its result is called so by default."""
    return name if files.suffix(name) in SUFFIXES else ""


def exactness(header: Header, extras: dict[str, bytes]) -> dict:
    """What to tell of the bound that a file keeps."""
    bound = Bound.unpack(extras.get(bitstream.BOUND), MOST_CHANNELS)
    numbers, told = whole_numbers.unpack(dict(extras), bound.max_error,
                                          header.size * bound.channels)
    kept = {name: told.get(name) for name in ("form", "rate", "bits")}
    return {"channels": bound.channels, **kept, **numbers.described()}


def digest(header: Header, sections: Iterable[Section], engine: Engine) -> dict:
    """{"symbols": how many samples, "sha256": of all of them, those of a time together}."""
    return exact_tiles.digest(decompress(header, sections, engine).samples)


def decompress(header: Header, sections: Iterable[Section], engine: Engine,
               part: tuple[int, ...] | None = None, lost: list[Box] | None = None) -> Signal:
    """The sections after a header -> their signal, or a part of it: the sample where it starts, and
    how many. Large ones are decoded when samples are asked for; only the blocks that are needed
    are. lost: gets the boxes of those that are not what was written; samples are 0 there.

    Raises:
        CodecError: if there are such, and nothing takes their boxes; or the part lies outside.
    """
    extras: dict[str, bytes] = {}
    [unit] = bitstream.units(sections, header.tiles, extras, header.medium.units, bitstream.SAMPLES,
                             lost is not None)
    around = unpack_around(extras.pop(bitstream.AROUND, None))
    bound = Bound.unpack(extras.pop(bitstream.BOUND, None), MOST_CHANNELS)
    numbers, told = whole_numbers.unpack(extras, bound.max_error, header.size * bound.channels)
    _check(header, bound, numbers, told)
    [length] = header.shape
    start, count = part if part and len(part) == 2 else (0, length)
    if not 0 <= start < start + count <= length or (part and len(part) != 2):
        raise CodecError(f"crop {','.join(map(str, part or ()))} is not inside the signal of "
                         f"{length} samples; allowed are two numbers: the first sample, and how "
                         "many", "usage")
    threads = exact_signal.compiled.threads(length * bound.channels, engine.threads)

    def values(first: int, last: int) -> np.ndarray:
        area, bad = (slice(start + first, start + last),), list[Box]()
        whole = _decode(unit, header, bound, area, threads, engine.model.predictor,
                        None if lost is None else bad)
        found = numbers.values(whole)
        numbers.put_strange(found, (*area, slice(None)))
        if lost is not None:
            exact_tiles.blank(found, area, bad, lost)
        return found
    together = header.tile * max(threads, MOST_TOGETHER // header.tile // bound.channels)
    samples = Bands((count, bound.channels), numbers.dtype, together, values, keep=1)
    return Signal(samples if count > together else np.asarray(samples), told["rate"], told["bits"],
                  told["form"], () if part else around, told["axes"])


def _check(header: Header, bound: Bound, numbers: Numbers, told: dict) -> None:
    """CodecError if what sections say is not one thing."""
    rate, bits, form, axes = (told.get(name) for name in ("rate", "bits", "form", "axes"))
    sound = (isinstance(rate, int) and isinstance(bits, int) and 1 <= bits <= 64
             and form in FORMS.values() and axes in ("t", "tc", "ct")
             and numbers.shape == (*header.shape, bound.channels) and numbers.depth == bound.depth
             and (axes != "t" or bound.channels == 1) and bound.coder == OWN
             and header.tile * bound.channels <= LARGEST)
    if not sound:
        raise CodecError("damaged: its sections contradict each other", "damaged")


def _decode(unit: Unit, header: Header, bound: Bound, area: Box, threads: int,
            predictor: Predictor, lost: list[Box] | None) -> np.ndarray:
    """Whole numbers uint [n, C] of an area; lost: gets the boxes of damaged blocks."""
    [span] = area
    out: np.ndarray = np.empty([span.stop - span.start, bound.channels],
                               np.min_scalar_type((1 << bound.depth) - 1))

    def decode(group: list[int]) -> None:
        length = min(header.tile, header.size - header.tile * group[0])
        starts = [header.tile * i for i in group]
        places: list[tuple[int, Box]] = [(i, (slice(at, at + length),)) for i, at in zip(
            group, starts)]
        blocks = exact_tiles.decode([unit.tiles[i] for i in group], places, (length,), header,
                                    bound, predictor, exact_signal, lost)
        for (_, box), block in zip(places, blocks):
            shared = windows.common(box, area)
            out[windows.within(shared, area)] = block[windows.within(shared, box)]
    touched = range(span.start // header.tile, -(-span.stop // header.tile))
    for _ in parallel.in_order(decode, _groups(header, bound.channels, touched), threads):
        pass
    return out


def compare(a: Signal, b: Signal) -> dict:
    """What the second has lost of the first: SNR in dB, and the largest error of what is a number
    in both."""
    there, mean, largest = whole_numbers.difference(a.samples, b.samples)
    return {"snr": whole_numbers.decibels(np.mean(there**2) if there.size else 0, mean),
            "largest_error": largest}
