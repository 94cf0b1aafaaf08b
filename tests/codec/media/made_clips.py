"""Clips made here: moving photographs, and files of them."""

import io
from fractions import Fraction

import av
import numpy as np
from skimage import data

PHOTO = data.astronaut()


def moving(count, height=70, width=90, step=(2, 1), top=60, left=120):
    """A window that moves over a photograph: uint8 [count, height, width, 3]."""
    return np.stack([PHOTO[top + step[1] * i:top + step[1] * i + height,
                           left + step[0] * i:left + step[0] * i + width] for i in range(count)])


def scrolling(count, height=96, width=160, step=5):
    """Lines of a made-up script, light on dark, that scroll by whole pixels, beside a column that
    stays: uint8 [count, height, width, 3]."""
    random = np.random.default_rng(7)
    letters = random.random([26, 9, 6]) < 0.45
    page = np.full([height + step * count + 12, width, 3], (30, 30, 36), np.uint8)
    for top in range(2, len(page) - 10, 12):
        for left in range(40, width - 20, 7):
            if random.random() < 0.8:
                colour = ((220, 220, 200), (110, 160, 220))[random.integers(2)]
                page[top:top + 9, left:left + 6][letters[random.integers(26)]] = (
                    colour + random.integers(-20, 21, 3))
    frames = np.stack([page[step * i:step * i + height] for i in range(count)])
    frames[:, :, :36] = page[:height, 40:76]
    return frames


SCRIPT = b"[Script Info]\r\nScriptType: v4.00+\r\n[V4+ Styles]\r\n[Events]\r\n"


def file_of(frames, form="matroska", coder="ffv1", layout="yuv420p", rate=25, times=None,
            sound=None, aspect=1, chapters=(), said=(), **options):
    """The bytes of a file of frames; times: of each in thousandths of a second; sound: a coder of
    it, for a second of a tone; chapters: (start, end, title) in thousandths of a second; said: what
    subtitles of MP4 say, a tenth of a second each; options: of the coder."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        container.set_chapters([
            {"id": i, "start": start, "end": end, "time_base": Fraction(1, 1000),
             "metadata": {"title": title}} for i, (start, end, title) in enumerate(chapters)])
        stream = container.add_stream(coder, rate=Fraction(rate).limit_denominator(1001),
                                      options=options)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], layout
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        tone = container.add_stream(sound, rate=16000, layout="mono") if sound else None
        words = container.add_stream("mov_text") if said else None
        if words:
            words.codec_context.subtitle_header = SCRIPT
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts = times[i] if times else i
            frame.time_base = Fraction(1, 1000) if times else 1 / Fraction(rate).limit_denominator(
                1001)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if tone:
            wave = (8000 * np.sin(np.arange(16000) / 9)).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.rate, frame.pts = 16000, 0
            container.mux(tone.encode(frame))
            container.mux(tone.encode())
        for i, text in enumerate(said):
            packet = av.Packet(len(text).to_bytes(2, "big") + text)
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = 100 * i
            packet.duration = 100
            container.mux(packet)
    return out.getvalue()


def shown(blob):
    """The frames of a file as PyAV shows them, and the packets of its sound."""
    with av.open(io.BytesIO(blob)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames), packets(blob, "audio")


def packets(blob, kind):
    """Those of a file's streams of a kind: "audio", "subtitle"."""
    with av.open(io.BytesIO(blob)) as container:
        return [bytes(packet) for packet in container.demux()
                if packet.stream.type == kind and packet.size]
