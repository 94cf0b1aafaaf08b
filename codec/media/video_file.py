"""What is in a file of video: a `Clip`. FFmpeg reads it, by PyAV (extra `video`); animated pictures
are `video_animated`'s."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from codec.bitstream import check_size
from codec.media import video_animated
from codec.media.video_value import LAYOUTS, Again, Clip
from codec.models.errors import CodecError

SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".y4m", ".mpg", ".ts", ".flv", ".3gp",
            *video_animated.SUFFIXES}
PICTURES = {b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"miaf",
            b"crx "}
SCALING = "spline+full_chroma_int+full_chroma_inp+accurate_rnd"
TURNS = {90: ["transpose=cclock"], 180: ["hflip", "vflip"], -180: ["hflip", "vflip"],
         -90: ["transpose=clock"], 270: ["transpose=clock"]}
MOST_FRAMES = 1 << 24


def pyav() -> ModuleType:
    """Raises CodecError where it is not installed."""
    try:
        import av
    except ImportError:
        raise CodecError("clips are read and written with av, which is not installed; run: python "
                         "-m pip install 'tfci[video]'", "missing") from None
    av.logging.set_level(None)          # what is wrong, we say
    return av


def recognises(file: BinaryIO) -> bool:
    """Whether it begins as files of video do, or is an animated picture."""
    start = file.read(376 + 1)
    file.seek(0)
    return (start[:4] == b"\x1aE\xdf\xa3" or start[:10] == b"YUV4MPEG2 "
            or (start[4:8] == b"ftyp" and start[8:12] not in PICTURES)
            or start[4:8] in (b"moov", b"mdat", b"wide") or start[:4] == b"FLV\x01"
            or (start[:4] == b"RIFF" and start[8:12] == b"AVI ") or start[:4] == b"\0\0\x01\xba"
            or (len(start) > 376 and start[0] == start[188] == start[376] == 0x47)
            or video_animated.recognises(file))


def read(source: Any, limit: int) -> Clip:
    """An array uint8 [T, H, W, 3], or the file of a clip, open or its bytes -> Clip. limit: pixels
    of a frame.

    Raises:
        CodecError: if there is none in it, or one that cannot be taken.
    """
    if isinstance(source, Clip):
        check_size(source.shape[1:], limit)
        return source
    if isinstance(source, np.ndarray):
        return _of_array(source, limit)
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = io.BytesIO(source)
    again = _again(source)
    with again() as file:
        if video_animated.recognises(file):
            return video_animated.read(again, limit)
    with _opened(again()) as container:
        return _looked_through(container, again, limit)


def clip_or_strip(blob: bytes, limit: int) -> Clip:
    """The clip in a file's bytes, or square frames below one another in a picture.

    Raises:
        CodecError: if it is none of these.
    """
    if recognises(io.BytesIO(blob)):
        return read(blob, limit)
    try:
        pixels = np.asarray(Image.open(io.BytesIO(blob)).convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise CodecError(f"no picture: {error}", "damaged") from None
    height, width = pixels.shape[:2]
    if height % width:
        raise CodecError(f"is {width}x{height}; allowed are square frames below one another",
                         "unsupported")
    return Clip.of_array(pixels.reshape(-1, width, width, 3))


def _of_array(array: np.ndarray, limit: int) -> Clip:
    if array.ndim != 4 or array.shape[3] != 3 or array.dtype != np.uint8 or not array.size:
        raise CodecError(f"frames are {array.dtype} {list(array.shape)}; allowed is uint8 "
                         "[frames, height, width, 3]", "usage")
    check_size(array.shape[1:3], limit)
    return Clip.of_array(array)


def _again(file: Any):
    """What opens the same file once more; its bytes, if it has no name."""
    name = getattr(file, "name", None)
    if isinstance(name, (str, bytes)) and os.path.isfile(name):
        return lambda: open(name, "rb")
    data = file.read()
    return lambda: io.BytesIO(data)


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Any]:
    """The container in a file; what PyAV raises becomes a CodecError."""
    av = pyav()
    try:
        with file, av.open(file, metadata_errors="replace") as container:
            yield container
    except av.error.FFmpegError as error:
        raise CodecError(f"damaged or no clip: {error.strerror or error}", "damaged") from None


def _looked_through(container: Any, again, limit: int) -> Clip:
    """A clip by all that can be known of it without keeping a frame."""
    if not container.streams.video:
        raise CodecError("holds no video", "unsupported")
    stream = container.streams.video[0]
    first: Any = None
    stamps: list[int | None] = []
    for frame in _frames(container, stream):
        if first is None:
            first = frame
            check_size((frame.height, frame.width), limit)
        _check(frame, first, len(stamps))
        stamps.append(frame.pts)
    if first is None:
        raise CodecError("holds no frames", "damaged")
    layout, notes = _layout(first)
    shape = len(stamps), first.height, first.width
    turn = first.rotation % 360
    if turn % 180:
        shape = len(stamps), first.width, first.height
    if turn:
        notes.append(f"turned by {turn} degrees, as its file says that it is to be shown")
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    unit = Fraction(stream.time_base or Fraction(1, 1000))
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    return Clip(Again(lambda: _pixels(again)), shape, Fraction(rate), _times(stamps, unit, rate),
                unit, 1 / aspect if turn % 180 else aspect, layout, int(first.colorspace),
                int(first.color_range) == 2, _around(again, notes), notes)


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    stream.thread_type = "AUTO"
    yield from container.decode(stream)


def _check(frame: Any, first: Any, number: int) -> None:
    """CodecError if a frame is not to be taken."""
    if (frame.width, frame.height) != (first.width, first.height):
        raise CodecError(f"changes its size at frame {number}, from {first.width}x{first.height} "
                         f"to {frame.width}x{frame.height}", "unsupported")
    if frame.interlaced_frame:
        raise CodecError("is interlaced; allowed are whole frames, as ffmpeg -vf bwdif makes them",
                         "unsupported")
    if number >= MOST_FRAMES:
        raise CodecError(f"holds over {MOST_FRAMES} frames", "limit")


def _layout(frame: Any) -> tuple[str, list[str]]:
    """How its file holds colours, at 8 bits; and notes.

    Raises:
        CodecError: if there is alpha.
    """
    name, parts = frame.format.name, frame.format.components
    if any(part.is_alpha for part in parts):
        raise CodecError(f"has alpha ({name}); allowed are opaque frames", "unsupported")
    bits = max(part.bits for part in parts)
    notes = [f"{bits} bits a sample are rounded to 8"] if bits > 8 else []
    if frame.format.is_rgb or name == "pal8":
        return "gbrp", notes
    found = next((layout for layout in LAYOUTS[:-1] if layout.removesuffix("p") in name), None)
    return found or {"nv12": "yuv420p", "nv16": "yuv422p"}.get(name, "yuv444p"), notes


def _times(stamps: list[int | None], unit: Fraction, rate: Fraction) -> tuple[int, ...] | None:
    """When frames are shown, or None where the rate says it.

    Raises:
        CodecError: if time runs back.
    """
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < len(stamps):
        return None
    times = tuple(stamp - known[0] for stamp in known)
    for i, (before, after) in enumerate(pairwise(times)):
        if after <= before:
            raise CodecError(f"its times run back at frame {i + 1}", "damaged")
    even = all(abs(time - i / (rate * unit)) <= 1 for i, time in enumerate(times))
    return None if even else times


def _pixels(again) -> Iterator[np.ndarray]:
    """Every frame, uint8 [H, W, 3]."""
    with _opened(again()) as container:
        convert = None
        for frame in _frames(container, container.streams.video[0]):
            if convert is None:
                convert = Filters(frame, [*TURNS.get(frame.rotation, []), f"scale=flags={SCALING}",
                                          "format=rgb24"])
            yield convert(frame).to_ndarray()


class Filters:
    """FFmpeg's filters, one after the other, on frames that are like one."""

    def __init__(self, like: Any, filters: list[str]):
        self._graph = pyav().filter.Graph()
        last = self._graph.add_buffer(width=like.width, height=like.height, format=like.format.name,
                                      time_base=like.time_base or Fraction(1, 1000))
        for text in [*filters, "buffersink"]:
            name, _, options = text.partition("=")
            node = self._graph.add(name, options or None)
            last.link_to(node)
            last = node
        self._graph.configure()

    def __call__(self, frame: Any) -> Any:
        self._graph.push(frame)
        return self._graph.pull()


def _around(again, notes: list[str]) -> bytes:
    """Sound and subtitles, as they are, and chapters, in a Matroska file, or QuickTime's if that
    has room for more of them; where there are only chapters, in one of FFmpeg's metadata; empty if
    there is nothing."""
    with _opened(again()) as container:
        chapters = container.chapters()
        others = [s for s in container.streams if s.type in ("audio", "subtitle")]
        form, kept = max(((form, [s for s in others if has_room(form, s)])
                          for form in ("matroska", "mov")), key=lambda pair: len(pair[1]))
        notes += [f"{s.type} {s.index} is left out" for s in others if s not in kept]
        if kept:
            return _copied(container, kept, form, chapters)
        return _metadata(chapters) if chapters else b""


def has_room(form: str, stream: Any) -> bool:
    """Whether files of a format hold such a stream as it is; some say so only once they begin."""
    av = pyav()
    try:
        with av.open(io.BytesIO(), "w", format=form) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _copied(container: Any, streams: list, form: str, chapters: list) -> bytes:
    out = io.BytesIO()
    with pyav().open(out, "w", format=form) as copy:
        copy.set_chapters(chapters)
        copies = {stream: copy.add_stream_from_template(stream) for stream in streams}
        for packet in container.demux(streams):
            if packet.dts is not None:
                packet.stream = copies[packet.stream]
                copy.mux(packet)
    return out.getvalue()


def _metadata(chapters: list) -> bytes:
    out = io.BytesIO()
    with pyav().open(out, "w", format="ffmetadata") as file:
        file.set_chapters(chapters)
        file.start_encoding()
    return out.getvalue()
