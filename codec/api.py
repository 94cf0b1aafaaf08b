"""What `codec` does for who calls it: which medium, which model, which engine; then the medium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from itertools import takewhile
from numbers import Integral
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from codec import bitstream, engines, files, latents, media, parallel, windows
from codec.arguments import bytes_of
from codec.bitstream import Header, Reader, Section
from codec.media.picture import Picture
from codec.media.signal_file import Signal, axes_of
from codec.media.video_value import Clip
from codec.media.volume_value import Volume
from codec.models import zoo
from codec.models.errors import CodecError
from codec.rate_control import Target
from codec.windows import Seconds

DEFAULT_QUALITY = 75.0
UNASKED = Target(quality=DEFAULT_QUALITY)
DEFAULT_MODEL = next(iter(media.module("picture").MODELS.values()))
MAX_PIXELS = 1 << 27
FRAMES_AT_ONCE = 16     # times as many pixels as a picture may have: of a clip in memory
MOST_TOLD = 8           # boxes that are damaged


def compress(source, *, quality: float | None = None, size: int | str | None = None,
             bpp: float | None = None, psnr: float | None = None,
             ssimulacra2: float | None = None, max_error: float | str | None = None,
             bitrate: float | str | None = None,
             tune: str | None = None, model: str | None = None, threads: int | None = None,
             max_pixels: int = MAX_PIXELS, engine: str = "auto", exact_alpha: bool = False
             ) -> bytes:
    """A picture, a clip, a volume or a signal (a file, or the path of a folder with a DICOM series)
    -> the bytes of its .tfci file.

    Give at most one of quality (1..100; 75 if none is given), size (bytes, or as "200K"; never
    exceeded), bpp (bits per pixel) and, of clips, bitrate (bits a second, or as "2M"; neither is
    exceeded), psnr (dB; of volumes over the range of their values) and ssimulacra2 (a score up to
    100), both reached or passed, and max_error, the most that any sample may differ, in its own
    units or as a share of the range, "0.1%" (0: nothing is lost, invisible colours neither).
    Signals take a max_error alone; clips all but that and a score; volumes all but a score and a
    bitrate, and one has to be given. tune: whose judgement counts, "eyes" or "psnr" (where none is
    given "psnr" for a psnr, and of clips and volumes, else "eyes"); or model: an installed name, or
    the folder of a model; engine: "litert", "tensorflow", or "auto", the first that is there;
    exact_alpha: colours that nobody sees, under alpha 0, are coded as they are. Unless a model is
    named, graphics that are better coded without loss, or within a bound, are: `info` tells.

    >>> blob = compress(np.full([20, 30, 3], 200, np.uint8), quality=50)
    >>> decompress(blob).pixels.shape
    (20, 30, 3)
    """
    target = target_of(quality, size, bpp, psnr, ssimulacra2, max_error, bitrate)
    bounded = max_error is not None
    with opened(source, max_pixels, exact_alpha or bounded, deep=bounded) as value:
        medium, out = media.of_value(value), BytesIO()
        runs = engine_for(model_for(medium, target, tune, model), threads, engine)
        instead = instead_of(medium, target, model, threads)
        bitstream.write(out, medium.compress(value, target, runs, instead))
    return out.getvalue()


def target_of(quality: float | None = None, size: int | str | None = None,
              bpp: float | None = None, psnr: float | None = None,
              ssimulacra2: float | None = None, max_error: float | str | None = None,
              bitrate: float | str | None = None) -> Target:
    """The one that is given, or the default quality; CodecError for several."""
    if quality is size is bpp is psnr is ssimulacra2 is max_error is bitrate is None:
        return UNASKED
    return Target(quality, bytes_of(size) if isinstance(size, str) else size, bpp, psnr,
                  ssimulacra2, max_error,
                  bytes_of(bitrate) if isinstance(bitrate, str) else bitrate)


def model_for(medium, target: Target, tune: str | None = None, model: str | None = None
              ) -> zoo.InstalledModel:
    """The model of this name, or the one that a medium has for what counts; see `compress`."""
    if model and tune:
        raise CodecError(f"tune is {tune!r} and model {model!r}; give one of them", "usage")
    exact, own = target.max_error is not None, medium.__name__.rpartition(".")[2]
    if exact and tune:
        raise CodecError(f"tune is {tune!r}; with a bound on errors there is nothing to tune",
                         "usage")
    if target.bitrate is not None and medium is not media.module("video"):
        raise CodecError("a bitrate is for clips; give a size or a quality instead", "usage")
    if exact and not medium.EXACT:
        raise CodecError("clips are not coded with a bound on errors; give a quality instead",
                         "usage")
    if model or exact:
        found = find_model(model or medium.EXACT)
        if found.exact != exact:
            raise CodecError(f"model {model!r} " + (
                "codes no samples exactly; leave it out, or train one with --config exact" if exact
                else "codes samples exactly; give a bound on errors too"), "usage")
        if found.info["media"] != own:
            raise CodecError(f"model {model!r} is one of {found.info['media']}; this is a {own}",
                             "usage")
        return found
    named = medium.MODELS
    if not named:
        raise CodecError(f"{own}s are coded with a bound on errors: "
                         "give --lossless or --max-error", "usage")
    if target is UNASKED and own == "volume":
        raise CodecError("nobody said what a volume may lose: give --lossless, --max-error or a "
                         "--quality", "usage")
    if tune is None:
        tune = target.metric if target.metric in named else next(iter(named))
    if tune not in named:
        raise CodecError(f"tune is {tune!r}; allowed is {' or '.join(named)}", "usage")
    return find_model(named[tune])


def instead_of(medium, target: Target, model: str | None = None, threads: int | None = None
               ) -> engines.Engine | None:
    """The engine of the other model that a medium may take where that is better. None where a
    model is named: who names one wants it used; and where there is no such choice, or no model."""
    if model or target.max_error is not None or not medium.INSTEAD:
        return None
    with suppress(CodecError):
        return engine_for(find_model(medium.INSTEAD), threads)
    return None


def decompress(source, *, crop: tuple[int, ...] | Seconds | None = None,
               model: str | None = None, threads: int | None = None, max_pixels: int = MAX_PIXELS,
               engine: str = "auto", keep_going: bool = False) -> Any:
    """A .tfci file (path or bytes) -> its Picture, Clip, Volume or Signal, or a crop of it: (x, y,
    width, height), of a volume where it starts along each axis, the fastest first, then its size,
    of a signal (first sample, how many), of a clip (first frame, how many), or Seconds; these are
    places along the first axis of a volume.

    model: a folder to search besides the installed models; engine: see `compress`; keep_going:
    tiles that are damaged are blank, and a note says which, rather than that it is an error.
    """
    lost: list[windows.Box] | None = [] if keep_going else None
    value, _ = decompress_in_bands(source, crop=crop, model=model, threads=threads,
                                   max_pixels=max_pixels, engine=engine, lost=lost)
    if value.medium == "video":             # a few bytes may say that a picture stays for an hour
        bitstream.check_size(value.shape, FRAMES_AT_ONCE * max_pixels)
    value = value.in_memory()
    return replace(value, notes=[*value.notes, said(lost)]) if lost else value


def decompress_in_bands(source, *, crop=None, model=None, threads=None, max_pixels=MAX_PIXELS,
                        engine="auto", lost: list[windows.Box] | None = None
                        ) -> tuple[Any, engines.Engine]:
    """As `decompress`, but samples of large signals are decoded when they are asked for: their
    damage is found then, and told to `lost`, if there is such a list. The engine that does it,
    too."""
    if not (crop is None or isinstance(crop, Seconds) or (
            isinstance(crop, (tuple, list)) and len(crop) % 2 == 0
            and all(isinstance(n, Integral) for n in crop))):
        raise CodecError(f"crop is {crop!r}; allowed are whole numbers: x, y, width, height; of a "
                         "volume as many starts, then sizes, as it has axes; of a signal the first "
                         "sample, and how many", "usage")
    with _reader(source, lost is not None) as reader:
        header, sections = _begin(reader, max_pixels)
        if isinstance(crop, Seconds) and header.medium.name not in ("video", "volume"):
            raise CodecError(f"is a {header.medium.name}: only clips have seconds, and volumes "
                             "planes, to start and end at", "usage")
        runs = engine_for(_model_of(header, model), threads, engine)
        return media.of_header(header).decompress(header, sections, runs, crop, lost), runs


def said(lost: list[windows.Box]) -> str:
    """Which boxes of a signal are damaged.

    >>> said([(slice(0, 256), slice(256, 512))])
    'damaged: blank is [0:256, 256:512]'
    """
    told = [f"[{', '.join(f'{s.start}:{s.stop}' for s in box)}]" for box in lost[:MOST_TOLD]]
    more = f" and {len(lost) - MOST_TOLD} more" if len(lost) > MOST_TOLD else ""
    return f"damaged: blank {'is' if len(lost) == 1 else 'are'} {', '.join(told)}{more}"


def info(source) -> dict:
    """What is in a .tfci file, bytes by section; checks the checksums, runs no network. Where its
    model is not installed, the quality is the header's.

    >>> info(compress(np.zeros([16, 32, 3], np.uint8)))["width"]
    32
    """
    sizes: dict[str, int] = {}

    def counted(sections: Iterator[Section]) -> Iterator[Section]:
        for section in sections:
            sizes[section.type] = sizes.get(section.type, 0) + len(section.payload)
            yield section
    with _reader(source) as reader:
        sections, extras = counted(iter(reader)), dict[str, bytes]()
        header = bitstream.read_header(sections)
        units = bitstream.units(sections, header.tiles, extras, header.medium.units,
                                header.medium.coded)
        tiles = sum(len(unit.tiles) for unit in units)
        medium = media.of_header(header)
        quality = {} if header.medium.exact else {"quality": asked_quality(header)}
        return {"media": header.medium.name, **medium.info(header),
                "alpha": not bitstream.ALPHAS.isdisjoint(sizes), **medium.exactness(header, extras),
                "bytes": reader.position,
                "bpp": 8 * reader.position / header.size, **quality,
                "model": header.model, "weights": header.digest.hex(),
                "tile": min(header.tile, max(1024, *header.shape)),
                "tiles": tiles, "sections": sizes,
                "framing": reader.position - sum(sizes.values()), "version": reader.version}


def verify(source, *, model: str | None = None, max_pixels: int = MAX_PIXELS) -> dict:
    """Checks every checksum of a .tfci file and decodes it to symbols, exactly, in NumPy.

    Returns {"symbols": how many latents, "sha256": of all of them as little-endian int32}.

    >>> verify(compress(np.zeros([16, 32, 3], np.uint8)))["symbols"]      # 1 x 2 x 384
    768
    """
    with _reader(source) as reader:
        header, sections = _begin(reader, max_pixels)
        if header.medium.exact or header.medium.units is None:
            engine = engine_for(_model_of(header, model))
            return media.of_header(header).digest(header, sections, engine)
        units = bitstream.units(sections, header.tiles, {}, header.medium.units)
        return latents.digest(units, header, _model_of(header, model).coding,
                              threads=parallel.cores())


def read_picture(source, max_pixels: int = MAX_PIXELS, exact_alpha: bool = False) -> Picture:
    """Path, bytes, open file, array, Pillow image or Picture -> Picture; see `compress`.

    Raises:
        CodecError: if there is no picture in it, or one that cannot be taken.
    """
    with opened(source, max_pixels, exact_alpha, media.module("picture")) as picture:
        return picture


@contextmanager
def opened(source, max_pixels: int = MAX_PIXELS, exact_alpha: bool = False, medium=None,
           deep: bool = False) -> Iterator[Any]:
    """Path (of a folder with a DICOM series, too), bytes, open file, array, Pillow image, Picture,
    Volume or Signal -> one of the last three, whose samples may be read from its file while the
    context lasts. medium: that it must be of; deep: pictures keep more than 8 bits a sample.

    Raises:
        CodecError: if there is none in it, or one that cannot be taken.
    """
    def read(module, found):
        options = {"exact_alpha": exact_alpha, "deep": deep} if module is media.module(
            "picture") else {}
        return module.read(found, max_pixels, **options)
    if isinstance(source, (Clip, Picture, Signal, Volume, np.ndarray, Image.Image)):
        yield read(medium or media.module(_medium_of(source, deep)), source)
        return
    if isinstance(source, (str, os.PathLike)) and os.path.isdir(source):
        whole = media.of_folder(Path(source))
        if whole and medium in (None, whole):
            yield read(whole, Path(source))
            return
    with _opened(source) as file:
        found = files.seekable(file, most_bytes(max_pixels))
        yield read(medium or media.of_file(found), found)


def _medium_of(source, bounded: bool) -> str:
    """Of what is in memory: an array is a picture or, unless there is a bound on errors, a clip if
    it looks like one, a signal if it is long."""
    if not isinstance(source, np.ndarray):
        return getattr(source, "medium", "picture")
    if source.ndim == 4 and source.shape[3] == 3 and source.dtype == np.uint8 and not bounded:
        return "video"
    if source.ndim in (2, 3) and source.dtype in (np.uint8, np.uint16) and (
            source.ndim == 2 or source.shape[2] <= 4):
        return "picture"
    return "signal" if axes_of(source.shape) else "volume"


def most_bytes(max_pixels: int) -> int:
    """Of a picture file that is read: 8 bytes a pixel are RGBA of 16 bits."""
    return max(bitstream.MAX_BYTES, 8 * max_pixels)


def beginning_of(name: str) -> tuple[ModuleType, dict[str, bytes]]:
    """The medium of a .tfci file by its header, and the sections before its units; of what cannot
    be read, or only once, pictures."""
    medium, extras = media.module(media.NAMES[0]), dict[str, bytes]()
    with suppress(CodecError):
        if not files.is_stream(name) and name != files.STANDARD:
            with files.opened(name) as file:
                sections = iter(Reader(file))
                medium = media.of_header(bitstream.read_header(sections))
                extras |= takewhile(lambda section: section[0] not in bitstream.OF_UNITS,
                                    sections)
    return medium, extras


def find_model(name: str) -> zoo.InstalledModel:
    """An installed model by its name, or the model in a folder; its weights are whole."""
    model = zoo.find(name)
    model.check()
    return model


def installed_models() -> list[dict]:
    """What is installed: each model's model.json."""
    return [model.info for model in zoo.installed()]


def asked_quality(header: Header) -> float:
    """The quality that was asked for, or the header's where its model is not installed."""
    try:
        return zoo.find_digest(header.model, header.digest).asked(header.quality)
    except CodecError:
        return header.quality


def engine_for(model: zoo.InstalledModel, threads: int | None = None, engine: str = "auto"
               ) -> engines.Engine:
    """What runs a model's transforms; made once in a process for the same wishes."""
    threads = threads or parallel.cores()
    key = model.path, engines.choose(model, engine), threads
    if key not in _engines:             # of two at once, the first to be ready serves both
        _engines.setdefault(key, engines.load(model, threads, key[1]))
    return _engines[key]


_engines: dict[tuple, engines.Engine] = {}


def _begin(reader: Reader, max_pixels: int) -> tuple[Header, Iterator[Section]]:
    """The header, if what it announces is not too large, and the sections after it."""
    sections = iter(reader)
    header = bitstream.read_header(sections)
    bitstream.check_size(header.at_once, max_pixels)
    return header, sections


def _model_of(header: Header, extra: str | None) -> zoo.InstalledModel:
    model = zoo.find_digest(header.model, header.digest, extra)
    model.check()
    return model


@contextmanager
def _reader(source, keep_going: bool = False) -> Iterator[Reader]:
    with _opened(source) as file:
        yield Reader(file, keep_going=keep_going)


@contextmanager
def _opened(source) -> Iterator[BinaryIO]:
    """A path, the bytes of a file, or an open file."""
    if hasattr(source, "read"):
        yield source
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        with files.opened(Path(source)) as file:    # "-" too is a file's name here
            yield file
    else:
        raise CodecError(f"source is {type(source).__name__}; allowed are a path, bytes, an open "
                         "file, an array, a Pillow image, a Picture, a Volume and a Signal",
                         "usage")
