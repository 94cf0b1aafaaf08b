"""A `Picture` as a file of the wanted format, with as much of its metadata as that can hold.

Pillow writes most formats. TIFF is written here, around Pillow's directories, since a TIFF can hold
all of EXIF, and in strips; so is a PNG or PPM of a picture that is too large to hold.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from codec.bands import Bands
from codec.media.picture_file import Picture, one_line
from codec.media.picture_metadata import EXIF, INCH, resolution_of, tiff_of_exif
from codec.models.errors import CodecError

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
            ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".avif": "AVIF",
            ".ppm": "PPM"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": dict(compress_level=3),      # about half the time of the default, up to 6 % larger
    "JPEG": dict(quality=95, subsampling=0), "WEBP": dict(lossless=True),
    "AVIF": dict(quality=95, subsampling="4:4:4")}
_HOLDS = {"PNG": {"icc", "exif", "xmp", "density"}, "JPEG": {"icc", "exif", "xmp", "density"},
          "TIFF": {"icc", "exif", "xmp", "density"}, "WEBP": {"icc", "exif", "xmp"},
          "AVIF": {"icc", "exif", "xmp"}, "BMP": {"density"}, "PPM": set()}
_NAMES = {"icc": "colour profile", "exif": "EXIF", "xmp": "XMP", "density": "resolution"}
_MOST = {"JPEG": {"exif": 65533, "xmp": 65502, "icc": 65519 * 255},     # one segment; 255 of them
         "PNG": {"icc": 1 << 20}}       # larger ones, Pillow and others refuse to open
_SIDES = {"JPEG": 65500, "WEBP": 16383, "AVIF": 65536}
_STRIP = 1 << 20            # bytes of samples in a strip of a TIFF


def write(picture: Picture, suffix: str, file: BinaryIO) -> tuple[int, list[str]]:
    """Writes a picture file of the format that a suffix names, metadata included, into an open
    file; returns how many bytes that took, and notes on what the format cannot hold.

    Raises:
        CodecError: if the format is not known, or cannot hold the picture.
    """
    kind = SUFFIXES.get(suffix.lower())
    if kind is None:
        raise CodecError(f"cannot write {suffix or 'a file without suffix'}; "
                         f"allowed are {', '.join(SUFFIXES)}", "unsupported")
    if picture.alpha is not None and kind in ("JPEG", "BMP", "PPM"):
        raise CodecError(f"has transparency, which {kind} cannot hold; write .png or .webp",
                         "unsupported")
    height, width = picture.pixels.shape[:2]
    if max(height, width) > _SIDES.get(kind, 1 << 31):
        raise CodecError(f"is {width}x{height} pixels; {kind} holds {_SIDES[kind]} a side: "
                         "write .png or .tif", "unsupported")
    held, notes = _held(picture, kind)
    if picture.deep is not None and kind not in ("PNG", "TIFF"):
        notes.append("samples of 16 bits are rounded to 8: write .png or .tif to keep them")
        picture = replace(picture, deep=None)
    try:
        if kind == "TIFF":
            return _tiff(picture, held, file), notes
        large = isinstance(picture.pixels, Bands) or picture.deep is not None
        if large and kind in ("PNG", "PPM"):
            return (_png if kind == "PNG" else _ppm)(picture, held, file), notes
        return _by_pillow(picture, held, kind, file), notes
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise                           # the file, not the format
        raise CodecError(f"cannot be written as {kind}: {one_line(error)}", "unsupported"
                         ) from None


def _held(picture: Picture, kind: str) -> tuple[dict[str, Any], list[str]]:
    """What the format holds of the metadata, and a note on what it does not."""
    given = {name: getattr(picture, name) for name in _NAMES if getattr(picture, name)}
    holds = _HOLDS[kind] - ({"icc"} if picture.gray and kind in ("WEBP", "AVIF") else set())
    held = {name: value for name, value in given.items() if name in holds   # theirs is of RGB
            and (name == "density" or len(value) <= _MOST.get(kind, {}).get(name, 1 << 31))}
    if kind in ("TIFF", "AVIF") and not _is_readable(held.get("exif")):
        del held["exif"]                    # these take it apart; the others hold any bytes
    if "density" in given and "density" not in held and "exif" in _HOLDS[kind] and (
            "exif" not in given):
        held["exif"] = _exif_of(given["density"])       # that holds it too
        held["density"] = given["density"]
    lost = [_NAMES[name] for name in given if name not in held]
    if "density" not in given and "density" in _HOLDS[kind]:
        told = resolution_of(picture.exif)
        held |= {"density": told} if told else {}
    return held, [f"{kind} cannot hold its {', '.join(lost)}"] if lost else []


def _is_readable(exif: bytes | None) -> bool:
    try:
        tiff_of_exif(exif).tobytes()
        return exif is None or len(exif) > len(EXIF) + 8        # more than its own head
    except Exception:                       # EXIF is whatever the source held
        return False


def _exif_of(density: tuple[int, int]) -> bytes:
    tags = Image.Exif()
    tags[282], tags[283], tags[296] = (*(round(v * INCH, 2) for v in density), 2)
    return tags.tobytes()


def _by_pillow(picture: Picture, held: dict[str, Any], kind: str, file: BinaryIO) -> int:
    options = dict(_OPTIONS.get(kind, {}))
    if "icc" in held:
        options["icc_profile"] = held["icc"]
    if "exif" in held:
        options["exif"] = held["exif"]
    if "density" in held and kind in ("PNG", "JPEG", "BMP"):
        options["dpi"] = tuple(v * INCH for v in held["density"])
    if "xmp" in held and kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", held["xmp"].decode("utf-8", "replace"))
    elif "xmp" in held:
        options["xmp"] = held["xmp"]
    out, image = io.BytesIO(), picture.to_pillow()
    if kind == "PNG" and picture.palette:
        image = _numbered(image)
    image.save(out, kind, **options)
    return file.write(out.getbuffer())


def _numbered(image: Image.Image) -> Image.Image:
    """The same as 1 bit, or numbers of colours, if it has at most 256."""
    planes = np.atleast_3d(np.asarray(image))
    colours, numbers = np.unique(planes.reshape(-1, planes.shape[2]), axis=0, return_inverse=True)
    if image.mode == "L" and set(colours[:, 0].tolist()) <= {0, 255}:
        return image.convert("1")
    if len(colours) > 256:
        return image
    numbered = Image.fromarray(numbers.reshape(planes.shape[:2]).astype(np.uint8))
    shown = colours[:, [0, 0, 0]] if image.mode in ("L", "LA") else colours[:, :3]
    numbered.putpalette(shown.tobytes())
    if image.mode in ("LA", "RGBA"):
        numbered.info["transparency"] = colours[:, -1].tobytes()
    return numbered


# ---- strips

def _strips(picture: Picture, rows: int) -> Iterator[np.ndarray]:
    """Samples [rows, W, C], from top to bottom: gray, gray and alpha, RGB, RGBA."""
    for start in range(0, len(picture.pixels), rows):
        if picture.deep is not None:
            yield picture.deep[start:start + rows]
            continue
        part = picture.pixels[start:start + rows]
        part = part[..., :1] if picture.gray else part
        if picture.alpha is not None:
            part = np.concatenate([part, picture.alpha[start:start + rows, :, None]], 2)
        yield part


def _ppm(picture: Picture, held: dict[str, Any], file: BinaryIO) -> int:
    height, width = picture.pixels.shape[:2]
    size = file.write(b"P%d\n%d %d\n255\n" % (5 if picture.gray else 6, width, height))
    for part in _strips(picture, 64):
        size += file.write(np.ascontiguousarray(part).data)
    return size


def _png(picture: Picture, held: dict[str, Any], file: BinaryIO) -> int:
    """As Pillow would, but without the whole in memory."""
    height, width = picture.pixels.shape[:2]
    channels, size = picture.channels, file.write(b"\x89PNG\r\n\x1a\n")
    each = 1 if picture.deep is None else 2         # bytes of a sample

    def chunk(kind: bytes, data: bytes) -> int:
        crc = zlib.crc32(data, zlib.crc32(kind))
        return file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc))
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    size += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 * each, colour, 0, 0, 0))
    if "icc" in held:
        size += chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(held["icc"]))
    if "density" in held:
        size += chunk(b"pHYs", struct.pack(">IIB", *held["density"], 1))
    if "exif" in held:
        size += chunk(b"eXIf", held["exif"].removeprefix(EXIF))
    if "xmp" in held:
        size += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + held["xmp"])
    deflate, above = zlib.compressobj(3), np.zeros([1, width, channels * each], np.uint8)
    for part in _strips(picture, max(1, _STRIP // (width * channels))):
        if each == 2:
            part = part.astype(">u2").view(np.uint8).reshape(*part.shape[:2], -1)
        if data := deflate.compress(_filtered(part, above)):
            size += chunk(b"IDAT", data)
        above = part[-1:]
    return size + chunk(b"IDAT", deflate.flush()) + chunk(b"IEND", b"")


def _filtered(rows: np.ndarray, above: np.ndarray) -> bytes:
    """Rows of a PNG, each less what the filter of smallest differences predicts (PNG, 12.7)."""
    up = np.concatenate([above, rows[:-1]])
    left, corner = np.zeros_like(rows), np.zeros_like(rows)
    left[:, 1:], corner[:, 1:] = rows[:, :-1], up[:, :-1]
    a, b, c = left.astype(np.int16), up.astype(np.int16), corner.astype(np.int16)
    pa, pb, pc = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, up, corner))
    tried = [rows - guess for guess in (left, up, paeth)]
    best = np.argmin([np.abs(t.view(np.int8).astype(np.int16)).sum((1, 2), dtype=np.int64)
                      for t in tried], 0)
    out = np.empty([len(rows), 1 + rows[0].size], np.uint8)
    out[:, 0] = np.array([1, 2, 4], np.uint8)[best]
    out[:, 1:] = np.choose(best[:, None], [t.reshape(len(rows), -1) for t in tried])
    return out.tobytes()


def _tiff(picture: Picture, held: dict[str, Any], file: BinaryIO) -> int:
    """Deflated strips of horizontal differences, then the directory."""
    if not file.seekable():
        out = io.BytesIO()
        _tiff(picture, held, out)
        return file.write(out.getbuffer())
    height, width = picture.pixels.shape[:2]
    channels, big = picture.channels, 4 * picture.pixels.size // 3 > 0xF0000000
    bits = 8 if picture.deep is None else 16
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if big else struct.pack("<2sHI", b"II", 42, 0)
    begin, rows = file.tell(), max(1, _STRIP // (width * channels))
    file.write(head)
    at, offsets, counts = len(head), [], []
    for part in _strips(picture, rows):
        part = np.concatenate([part[:, :1], part[:, 1:] - part[:, :-1]], 1)
        data = zlib.compress(part.astype(f"<u{bits // 8}").tobytes(), 6)
        data += b"\0" * (len(data) % 2)             # directories begin at even places
        file.write(data)
        offsets.append(at)
        counts.append(len(data))
        at += len(data)
    directory = tiff_of_exif(held.get("exif"), big)
    across, down = held.get("density") or (None, None)
    for tag, value in {282: across and across * INCH, 283: down and down * INCH,
                       296: across and 2, 256: width, 257: height, 258: (bits,) * channels, 259: 8,
                       262: 1 if picture.gray else 2, 277: channels, 278: rows, 279: tuple(counts),
                       284: 1, 317: 2, 338: 2 if picture.alpha is not None else None,
                       700: held.get("xmp"), 34675: held.get("icc"),
                       _OFFSETS: tuple(offsets)}.items():
        if value is not None:
            directory[tag] = value
    if big:
        directory.tagtype[_OFFSETS] = 16
    data = _with_offsets(directory.tobytes(at), big)
    file.write(data)
    file.seek(begin + (8 if big else 4))
    file.write(struct.pack("<Q" if big else "<I", at))
    file.seek(0, 2)
    return at + len(data)


_OFFSETS = 65000        # stands for 273, which Pillow would move to behind the directory


def _with_offsets(data: bytes, big: bool) -> bytes:
    """A directory whose entry of the strips has its own number, and so its place."""
    first, size = (8, 20) if big else (2, 12)
    count = int.from_bytes(data[:first], "little")
    entries = [data[first + size * i:first + size * (i + 1)] for i in range(count)]
    entries = [struct.pack("<H", 273) + entry[2:] if entry[:2] == struct.pack("<H", _OFFSETS)
               else entry for entry in entries]
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    return data[:first] + b"".join(entries) + data[first + size * count:]
