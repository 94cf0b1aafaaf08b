"""What a picture file says besides its samples: what of it is kept, and what is left out, by name.

Kept are the colour profile (or colours named by numbers, as a profile), EXIF, XMP and density.
Everything else that a reader could miss goes into `left_out`, so that nothing is lost in silence.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from PIL import ExifTags, Image, TiffImagePlugin

from codec.bitstream import read_varint, varint
from codec.media import picture_colour
from codec.media.picture_chunks import MOST, inflated, iso_boxes, png_chunks, raw_profile

INCH = 0.0254
_PER_METRE = {2: 1 / INCH, 3: 100.0}        # of EXIF's units: inch, centimetre
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
_REFERENCE = re.compile(rb"""\s*xmpNote:HasExtendedXMP\s*=\s*("[^"]*"|'[^']*')""")
_X, _Y, _UNIT = 282, 283, 296
_SUB_IFDS, _INTEROP = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo), ExifTags.IFD.Interop
_SAID = {b"tIME": "time of change", b"mDCV": "mastering display", b"cLLI": "light levels"}
_UUIDS = {bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp", b"JpgTiffExif->JP2": "exif"}
# tags of TIFF that describe a picture; those that lay it out, or that we keep in another way
_DESCRIPTIVE = {269, 270, 271, 272, 274, 285, 305, 306, 315, 316, 18246, 18249, 33432,
                40091, 40092, 40093, 40094, 40095, *_SUB_IFDS}
_LAYOUT = {*range(254, 269), 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291, 292, 293, 297,
           301, 317, 318, 319, 320, 321, *range(322, 331), 332, 338, 339, 347, *range(512, 522),
           *range(529, 533), 700, 34675, 33723, 34377, _X, _Y, _UNIT}


@dataclass
class Metadata:
    """Profile, EXIF (behind b"Exif\\0\\0") and XMP as bytes; density: pixels a metre, across and
    down; left_out: names of what is not kept; notes: whole sentences; changed: the one that tells
    of samples that are not the file's, if any."""

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    density: tuple[int, int] | None = None
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changed: str = ""

    def leave(self, name: str) -> None:
        if name not in self.left_out:
            self.left_out.append(name)

    def colours(self, primaries: int, transfer: int, gray: bool) -> None:
        """Code points, unless there is a profile, which says the same better."""
        try:
            self.icc = self.icc or picture_colour.from_code_points(primaries, transfer, gray)
        except ValueError as error:
            self.notes.append(f"its colours are {error}, which is not kept: they will look other")


def of_image(image: Image.Image, file: BinaryIO | None) -> Metadata:
    """Of an image that Pillow has opened and not loaded yet, and the file that it is in, if any."""
    found, info = Metadata(), image.info
    found.icc, found.exif = info.get("icc_profile") or None, info.get("exif") or None
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    found.xmp = xmp.encode() if isinstance(xmp, str) else xmp or None
    across, down = info.get("dpi", (0, 0))
    found.density = _density(across, down, 1 / INCH)
    if info.get("comment"):
        found.leave("comment")
    if info.get("extension", (b"",))[0].startswith(b"XMP Data"):
        found.leave("XMP of a GIF")
    kind = image.format or ""
    if kind in _OF_IMAGES:
        _OF_IMAGES[kind](found, image)
    elif kind in _OF_FILES and file:
        _OF_FILES[kind](found, image, file)
    if found.exif and not found.exif.startswith(EXIF):
        found.exif = EXIF + found.exif
    if found.density and found.density == resolution_of(found.exif):
        found.density = None            # said there
    return found


def _density(x, y, per_metre: float) -> tuple[int, int] | None:
    try:
        x, y = round(float(x) * per_metre), round(float(y) * per_metre)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1 << 31 and 0 < y < 1 << 31 else None


def pack_density(density: tuple[int, int] | None) -> bytes | None:
    """>>> unpack_density(pack_density((11811, 11811)))
    (11811, 11811)
    """
    return varint(density[0]) + varint(density[1]) if density else None


def unpack_density(data: bytes | None) -> tuple[int, int] | None:
    """The inverse; None where there is none, or nonsense: it is optional."""
    try:
        x, at = read_varint(data or b"", 0)
        return _density(x, read_varint(data or b"", at)[0], 1)
    except IndexError:
        return None


def resolution_of(exif: bytes | None) -> tuple[int, int] | None:
    """The density that EXIF states, in pixels a metre."""
    try:
        tags = Image.Exif()
        tags.load(exif or b"")
        unit = _PER_METRE.get(tags.get(_UNIT, 2))
        return _density(tags[_X], tags.get(_Y, tags[_X]), unit) if unit and _X in tags else None
    except Exception:               # EXIF is whatever the file held
        return None


def orientation_of(exif: bytes | None) -> int:
    """The turn that EXIF asks for, 1 to 8; 1 where it asks for none."""
    try:
        tags = Image.Exif()
        tags.load(exif or b"")
        turn = tags.get(274, 1)
        return turn if turn in range(1, 9) else 1
    except Exception:               # EXIF is whatever the file held
        return 1


def why_not(icc: bytes | None, gray: bool) -> str:
    """What keeps a profile from describing gray or RGB samples; empty if nothing does."""
    if icc is None or icc[16:20] == (b"GRAY" if gray else b"RGB "):
        return ""
    if icc[36:40] != b"acsp":
        return "is damaged"
    space = icc[16:20].decode("latin-1").strip()
    return f"is of {space!r}, not of {'gray' if gray else 'RGB'} samples,"


# ---- JPEG

def _jpeg(found: Metadata, image: Any) -> None:
    info = image.info
    unit = {1: 1 / INCH, 2: 100.0}.get(info.get("jfif_unit", 0))
    across, down = info.get("jfif_density", (1, 1))
    found.density = _density(across, down, unit) if unit else None
    if not unit and across != down:
        found.leave("shape of its pixels")
    if 0x0404 in info.get("photoshop", {}):
        found.leave("IPTC")
    segments = [data for _, data in image.applist]
    if b"hdrgm:Version" in (found.xmp or b"") or any(s.startswith(_GAIN_MAP) for s in segments):
        found.leave("gain map")
    if getattr(image, "n_frames", 1) > 1:
        found.notes.append(f"the first of {image.n_frames} pictures is kept")
    extended: dict[bytes, bytes] = {}
    for data in segments:               # GUID, whole length, offset of this piece
        if data.startswith(_EXTENDED_XMP):
            piece = data[len(_EXTENDED_XMP):]
            extended[piece[:32]] = extended.get(piece[:32], b"") + piece[40:]
    for guid, rest in extended.items():
        if found.xmp and guid in found.xmp:
            try:
                found.xmp = _joined_xmp(found.xmp, rest)
            except (ExpatError, ValueError, LookupError):
                found.leave("extended XMP")
                found.xmp = _REFERENCE.sub(b"", found.xmp)


def _joined_xmp(first: bytes, rest: bytes) -> bytes:
    """XMP whose description goes on in an extension, as one packet without the reference to it."""
    if b"<!DOCTYPE" in first + rest or len(rest) > MOST:
        raise ValueError
    one, two = minidom.parseString(first.strip(b"\0 ")), minidom.parseString(rest.strip(b"\0 "))
    [root], [more] = (tree.getElementsByTagName("rdf:RDF") for tree in (one, two))
    for node in root.childNodes:
        if node.nodeType == node.ELEMENT_NODE:
            if node.hasAttribute("xmpNote:HasExtendedXMP"):
                node.removeAttribute("xmpNote:HasExtendedXMP")
            for old in node.getElementsByTagName("xmpNote:HasExtendedXMP"):
                node.removeChild(old)
    for node in list(more.childNodes):
        if node.nodeType == node.ELEMENT_NODE:
            for name, value in more.attributes.items():     # prefixes that its parent declares
                if name.startswith("xmlns:") and not node.hasAttribute(name):
                    node.setAttribute(name, value)
            root.appendChild(one.importNode(node, True))
    body = one.toxml().partition("?>")[2].encode()      # less the XML declaration
    return (b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + body
            + b'<?xpacket end="w"?>')


# ---- PNG

def _png(found: Metadata, image: Image.Image, file: BinaryIO) -> None:
    gamma = chromaticity = points = None
    gray = srgb = False
    found.icc = found.exif = found.xmp = found.density = None
    for kind, _, _, data in png_chunks(file):
        if kind == b"IHDR":
            gray = data[9:10] in (b"\0", b"\4")
        elif kind == b"iCCP":
            found.icc = inflated(data.partition(b"\0")[2][1:])
            if not found.icc:
                found.leave("colour profile, which is damaged or too large")
        elif kind == b"eXIf" and data:
            found.exif = EXIF + data.removeprefix(EXIF)
        elif kind == b"pHYs" and len(data) == 9:
            x, y, unit = struct.unpack(">IIB", data)
            found.density = _density(x, y, 1) if unit == 1 else None
            if unit != 1 and x != y:
                found.leave("shape of its pixels")
        elif kind == b"gAMA" and len(data) == 4:
            gamma = int.from_bytes(data, "big") / 1e5
        elif kind == b"cHRM" and len(data) == 32:
            chromaticity = tuple(v / 1e5 for v in struct.unpack(">8I", data))
        elif kind == b"sRGB":
            srgb = True
        elif kind == b"cICP" and len(data) == 4:
            points = data[0], data[1]
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _png_text(found, kind, data)
        elif kind in _SAID:
            found.leave(_SAID[kind])
    if points:                          # in the order of precedence that PNG's third edition gives
        found.colours(*points, gray)
    elif not found.icc and not srgb and (gamma or chromaticity):
        found.icc = picture_colour.from_gamma(gamma, chromaticity, gray)
        if gamma and not 0.05 < gamma < 20:
            found.notes.append(f"a gamma of {gamma:g} is not kept")


def _png_text(found: Metadata, kind: bytes, data: bytes) -> None:
    key, _, rest = data.partition(b"\0")
    name = key.decode("latin-1")
    text: bytes | None = rest
    if kind == b"zTXt":
        text = inflated(rest[1:])
    elif kind == b"iTXt":
        compressed, after = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
        text = after[-1] if len(after) == 3 else None
        text = inflated(text) if compressed and text else text
    kind_of = name.lower().removeprefix("raw profile type ")
    profile = raw_profile(text or b"") if kind_of != name.lower() else b""
    if name == "XML:com.adobe.xmp" and text:
        found.xmp = text
    elif profile and kind_of in ("exif", "app1") and not profile.startswith(XMP):
        found.exif = found.exif or EXIF + profile.removeprefix(EXIF)
    elif profile and kind_of in ("xmp", "app1"):
        found.xmp = found.xmp or profile.removeprefix(XMP)
    elif profile and kind_of in ("icc", "icm"):
        found.icc = found.icc or profile
    else:
        found.leave("IPTC" if kind_of in ("iptc", "8bim") else f"text {name[:40]!r}")


# ---- TIFF, and formats made of boxes

def _tiff(found: Metadata, image: Any) -> None:
    tags, own, kept = image.tag_v2, image.getexif(), Image.Exif()
    for tag in sorted(_DESCRIPTIVE & set(own) - set(_SUB_IFDS)):
        kept[tag] = own[tag]
    for tag, values in _sub_directories(own).items():
        kept.get_ifd(tag).update(values)
    try:
        if len(kept) or any(map(kept.get_ifd, _SUB_IFDS)):
            found.exif = kept.tobytes()
            found.notes.append("its descriptive tags are kept as EXIF")
    except Exception:               # a value that its type cannot hold
        found.leave("EXIF, which is damaged")
    unit = _PER_METRE.get(tags.get(_UNIT, 2))
    if unit and _X in tags:
        found.density = _density(tags[_X], tags.get(_Y, tags[_X]), unit)
    xmp = tags.get(700)
    found.xmp = bytes(xmp) if isinstance(xmp, bytes) and xmp else found.xmp
    if 33723 in tags:
        found.leave("IPTC")
    if 34377 in tags:
        found.leave("Photoshop's own data")
    rest = sorted(set(tags) - _LAYOUT - _DESCRIPTIVE)
    if rest:
        found.leave("TIFF tags " + ", ".join(map(str, rest)))


def _iso(found: Metadata, image: Image.Image, file: BinaryIO) -> None:
    """AVIF and JPEG 2000."""
    end, depth = file.seek(0, 2), 8
    points: tuple[int, int] | None = None
    file.seek(0)
    for kind, data in iso_boxes(file, end):
        if kind == b"colr" and data[:4] == b"nclx" and len(data) >= 8:
            points = points or (data[4] << 8 | data[5], data[6] << 8 | data[7])
        elif kind == b"colr" and data[:1] == b"\2":         # a profile in JPEG 2000
            found.icc = found.icc or data[3:]
        elif kind == b"pixi" and len(data) > 5:
            depth = max(depth, data[5])
        elif kind == b"ihdr" and len(data) > 10 and data[10] != 255:
            depth = max(depth, (data[10] & 127) + 1)
        elif kind == b"ftyp" and b"tmap" in data[8:]:
            found.leave("gain map")
        elif kind == b"uuid" and data[:16] in _UUIDS:
            setattr(found, _UUIDS[data[:16]], data[16:] or None)
        elif kind in (b"uuid", b"xml "):
            found.leave("data in boxes of its own")
    if points:
        found.colours(points[0], points[1], image.mode in ("L", "LA"))
    if depth > 8 and not image.mode.startswith("I"):
        found.changed = f"{depth}-bit samples were rounded to 8 bits"
        found.notes.append(found.changed)


def _psd(found: Metadata, image: Any) -> None:
    resources = {number: data for number, _, data in image.resources}
    found.exif, found.xmp = resources.get(1058, found.exif), resources.get(1060, found.xmp)
    found.icc = resources.get(1039, found.icc)
    if len(data := resources.get(1005, b"")) >= 12:         # always an inch's, in 16.16
        found.density = _density(struct.unpack_from(">I", data)[0] / 65536,
                                 struct.unpack_from(">I", data, 8)[0] / 65536, 1 / INCH)
    if 1028 in resources:
        found.leave("IPTC")


# of these Pillow keeps what it takes, of those it does not
_OF_IMAGES: dict[str, Callable[[Metadata, Any], None]] = {
    "JPEG": _jpeg, "MPO": _jpeg, "TIFF": _tiff, "PSD": _psd}
_OF_FILES: dict[str, Callable[[Metadata, Any, BinaryIO], None]] = {
    "PNG": _png, "AVIF": _iso, "JPEG2000": _iso}


def tiff_of_exif(exif: bytes | None, big: bool = False) -> TiffImagePlugin.ImageFileDirectory_v2:
    """EXIF as the directory of a TIFF, with those of camera and position inside."""
    tags, directory = Image.Exif(), TiffImagePlugin.ImageFileDirectory_v2(
        b"II\x2b\0\x08\0\0\0" + b"\0" * 8 if big else b"II\x2a\0\0\0\0\0")
    tags.load(exif or b"")
    for tag in _DESCRIPTIVE & set(tags) - set(_SUB_IFDS):
        directory[tag] = tags[tag]
    for tag, values in _sub_directories(tags).items():
        directory[tag] = values
    return directory


def _sub_directories(tags: Image.Exif) -> dict[int, dict]:
    """Those of camera and position, by their tags; what is below the first inside of it."""
    found = {tag: dict(tags.get_ifd(tag)) for tag in _SUB_IFDS if tag in tags}
    for values in found.values():
        if _INTEROP in values:
            values[_INTEROP] = tags.get_ifd(_INTEROP)
    return {tag: values for tag, values in found.items() if values}
