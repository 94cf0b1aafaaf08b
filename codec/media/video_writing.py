"""A `Clip` -> a file of video, by PyAV: frames that look as they were decoded, and what was beside
them.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from codec.media import video_animated
from codec.media.video_file import SUFFIXES, Filters, has_room, pyav
from codec.media.video_value import Clip
from codec.models.errors import CodecError

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm",
           ".avi": "avi", ".y4m": "yuv4mpegpipe", ".mpg": "mpeg", ".ts": "mpegts", ".flv": "flv",
           ".3gp": "mp4"}
H264 = "libx264", {"preset": "fast", "crf": "10"}
CODECS = {"webm": ("libvpx-vp9", {"crf": "12", "b": "0", "row-mt": "1", "cpu-used": "4"}),
          "yuv4mpegpipe": ("wrapped_avframe", {}),
          "mpeg": ("mpeg2video", {"qmin": "1", "qmax": "2"}),
          "avi": (H264[0], H264[1] | {"bf": "0"})}          # it has no times of its own
WITH_CHAPTERS = "mp4", "mov", "matroska", "webm"
SCALING = "area+full_chroma_int+full_chroma_inp+accurate_rnd"
MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
NO_RGB = "yuv444p"          # what frames that were RGB become where they cannot be


def write(clip: Clip, suffix: str, file: BinaryIO) -> tuple[int, list[str]]:
    """Writes a clip as the suffix says; returns how many bytes that took, and notes.

    Raises:
        CodecError: for a suffix that is not known, or one that takes no such clip.
    """
    if suffix not in SUFFIXES:
        raise CodecError(f"cannot write {suffix or 'a file without a suffix'!r}; allowed are "
                         f"{', '.join(sorted(SUFFIXES))}", "unsupported")
    if suffix in video_animated.SUFFIXES:
        return video_animated.write(clip, suffix, file)
    av, form, notes, out = pyav(), FORMATS[suffix], list[str](), _Sink(file)
    name, options = CODECS.get(form, H264)
    try:
        with av.open(out, "w", format=form) as container:
            stream = container.add_stream(name, rate=clip.rate, options=options)
            layout = _prepare(stream, clip, name)
            others = _Around(clip.around, container, notes)
            convert = None
            for number, pixels in enumerate(clip):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                convert = convert or Filters(frame, _conversion(clip, layout))
                frame = convert(frame)
                frame.pts, frame.time_base = _stamp(clip, number)
                others.until(clip.time(number))
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
            others.until(None)
    except (av.error.FFmpegError, av.codec.codec.UnknownCodecError) as error:
        if out.error:
            raise out.error from None
        why = getattr(error, "strerror", None) or f"{name}: {error}"
        raise CodecError(f"cannot write it as {suffix}: {why}", "unsupported") from None
    return out.size, notes


def _prepare(stream: Any, clip: Clip, name: str) -> str:
    """Sets a stream up for a clip; returns the layout of its frames."""
    _, height, width = clip.shape
    allowed = {layout.name for layout in stream.codec_context.codec.video_formats or ()}
    layout = clip.layout if clip.layout != "gbrp" else NO_RGB
    if allowed and layout not in allowed:
        layout = NO_RGB if NO_RGB in allowed else "yuv420p"
    if width % 2 or height % 2:
        layout = NO_RGB                     # halves of odd sizes: not all coders take them
    stream.width, stream.height, stream.pix_fmt = width, height, layout
    stream.codec_context.sample_aspect_ratio = clip.aspect
    if clip.times:
        stream.codec_context.time_base = clip.unit
    if clip.matrix != 2 and name != "wrapped_avframe":
        stream.codec_context.colorspace = clip.matrix
    stream.codec_context.color_range = 2 if clip.full else 1
    return layout


def _conversion(clip: Clip, layout: str) -> list[str]:
    matrix = MATRICES.get(clip.matrix, "bt601")
    reach = "full" if clip.full else "limited"
    return [f"scale=flags={SCALING}:out_color_matrix={matrix}:out_range={reach}",
            f"format={layout}"]


def _stamp(clip: Clip, number: int) -> tuple[int, Fraction]:
    """When a frame is shown, in whole units of a second."""
    return (clip.times[number], clip.unit) if clip.times else (number, 1 / clip.rate)


class _Around:
    """What was beside the frames, in step with them."""

    def __init__(self, data: bytes, container: Any, notes: list[str]):
        self._packets, self._kept, self._next = iter(()), {}, None
        if not data:
            return
        self._source = pyav().open(io.BytesIO(data))
        if chapters := self._source.chapters():
            container.set_chapters(chapters)
            if container.format.name not in WITH_CHAPTERS:
                notes.append("chapters are left out: this format has no place for them")
        for stream in self._source.streams:
            if has_room(container.format.name, stream):
                self._kept[stream] = container.add_stream_from_template(stream)
            else:
                notes.append(f"{stream.type} ({stream.codec_context.name}) is left out: this "
                             "format has no place for it")
        self._container = container
        if self._kept:
            self._packets = self._source.demux(list(self._kept))

    def until(self, seconds: Fraction | None) -> None:
        """Writes what comes before a time, or all that is left."""
        while self._kept:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None:
                return
            if packet.dts is None:
                continue
            if seconds is not None and packet.dts * packet.time_base > seconds:
                self._next = packet
                return
            packet.stream = self._kept[packet.stream]
            self._container.mux(packet)


class _Sink:
    """A file that is written to, how far, and what kept it from being so."""

    def __init__(self, file: BinaryIO):
        self._file, self.size, self._at = file, 0, 0
        self.error: OSError | None = None
        if file.seekable():
            self._start = file.tell()
            self.seek = self._seek

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
        except OSError as error:
            self.error = error
            raise
        self._at += len(data)
        self.size = max(self.size, self._at)
        return len(data)

    def _seek(self, offset: int, whence: int = 0) -> int:
        at = {0: 0, 1: self._at, 2: self.size}[whence] + offset
        self._file.seek(self._start + at)
        self._at = at
        return at

    def tell(self) -> int:
        return self._at
