"""Picture files made chunk by chunk: what no library writes, and people have; and containers."""

import io
import json
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from codec import bitstream

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"/><?xpacket end="w"?>'
Y, X = np.mgrid[0:24, 0:32]
RGB = np.stack([X * 8, Y * 10, (X + Y) * 4], 2).astype(np.uint8)
RGB16 = np.stack([X * 2000 + 0x80, Y * 2600 + 0xFF, (X + Y) * 1000 + 0xC0], 2).astype(np.uint16)


def stored(picture, kind: str, **options) -> bytes:
    out = io.BytesIO()
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(
        out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return (struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))


def png(samples: np.ndarray, depth: int = 8, colour: int = 2, before: bytes = b"",
        after: bytes = b"") -> bytes:
    """samples [H, W] or [H, W, C] at a depth of 2, 8 or 16 bits, of PNG's colour type."""
    samples = samples.reshape(*samples.shape[:2], -1)
    height, width = samples.shape[:2]
    if depth == 16:
        rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    elif depth == 8:
        rows = samples.astype(np.uint8).reshape(height, -1)
    else:
        bits = samples.astype(np.uint8).reshape(height, -1, 1) >> np.array([1, 0]) & 1
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before
            + chunk(b"IDAT", zlib.compress(data)) + after + chunk(b"IEND", b""))


def exif(turn: int = 6, **more) -> bytes:
    """EXIF with an orientation, as Pillow packs it; camera: date, exposure and position too."""
    tags = Image.Exif()
    tags[274] = turn
    if more.get("camera"):
        tags[271] = "Maker"
        tags.get_ifd(0x8769).update({36867: "2024:05:01 10:00:00", 33434: IFDRational(1, 250)})
        tags.get_ifd(0x8825).update({1: "N", 2: (1.0, 2.0, 3.0)})
    return tags.tobytes()


def raw_profile(key: bytes, name: bytes, data: bytes) -> bytes:
    """A profile in a text chunk, as ImageMagick keeps it."""
    text = b"\n%s\n%8d\n%s\n" % (name, len(data), data.hex().encode())
    return chunk(b"zTXt", key + b"\0\0" + zlib.compress(text))


def with_segments(jpeg: bytes, *segments: bytes, marker: bytes = b"\xff\xe1") -> bytes:
    more = b"".join(marker + struct.pack(">H", len(s) + 2) + s for s in segments)
    return jpeg[:2] + more + jpeg[2:]


def extended_xmp(rest: bytes) -> tuple[bytes, ...]:
    """Segments of an XMP packet that refers to an extension, and of that extension in pieces."""
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    first = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-'
             b'rdf-syntax-ns#"><rdf:Description xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
             b'xmpNote:HasExtendedXMP="' + guid + b'"/></rdf:RDF></x:xmpmeta>')
    return (b"http://ns.adobe.com/xap/1.0/\0" + first, *(
        b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">II", len(rest), at)
        + rest[at:at + 60000] for at in range(0, len(rest), 60000)))


# ---- containers

def sections_of(blob: bytes) -> list[bitstream.Section]:
    return list(bitstream.Reader(io.BytesIO(blob)))


def joined(sections: list[bitstream.Section]) -> bytes:
    out = io.BytesIO()
    bitstream.write(out, sections)
    return out.getvalue()


def told_otherwise(blob: bytes, change: dict) -> bytes:
    """A volume or signal whose section M says something else."""
    return joined([section if section.type != bitstream.NUMBERS else section._replace(
        payload=json.dumps(json.loads(section.payload) | change).encode())
        for section in sections_of(blob)])
