"""The samples of a picture file as it means them, in 8 bits: gray or RGB, alpha if there is any.

Pillow reads what it can hold. What it would cut or drop (more than 8 bits, a transparent colour of
gray or RGB) is read by libvips, and so is what is too large to hold: in strips, as `Bands`.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from codec.bands import Bands
from codec.media import picture_strips
from codec.media.picture_chunks import png_chunks
from codec.media.picture_strips import ByLibvips, Raw
from codec.models.errors import CodecError

_READS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "JPEG2000", "PPM", "MPO",
          "TGA", "ICO", "PCX", "SGI", "QOI", "PSD")     # what Pillow reads by itself alone
_LIBVIPS = {"PNG": "pngload", "TIFF": "tiffload", "JPEG": "jpegload", "WEBP": "webpload"}
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
ROUNDED = "16-bit samples were rounded to 8 bits"
UNKNOWN_CHANNEL = "a channel of unknown kind is left out"
_BACK = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
         4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
         6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_270}
# tags of TIFF
_SUBFILE, _BITS, _PHOTOMETRIC, _SUB_IFDS, _EXTRA, _FORMAT = 254, 258, 262, 330, 338, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2


@dataclass
class Samples:
    """planes uint8 [H, W, C]: gray, gray and alpha, RGB, RGBA for C of 1 to 4; of a large picture
    Bands [H, W, 3], which gray says more of; own_colours: the file's profile still describes them;
    changed: how they are not those that the file has, empty if they are. deep uint16 [H, W, C]: the
    same as the file has them, if it has more than 8 bits and they were asked for. palette: the file
    numbers its colours.
    """

    planes: np.ndarray | Bands
    notes: list[str] = field(default_factory=list)
    own_colours: bool = True
    gray: bool = False
    changed: str = ""
    deep: np.ndarray | None = None
    palette: bool = False


def opened(file: BinaryIO) -> Image.Image:
    """As Image.open, but of the formats named above alone, and without its limit of pixels: that is
    a setting of the whole process, and ours comes next.

    Raises:
        CodecError: if it is none of them.
    """
    head = file.read(16)
    if not head:
        raise CodecError("is empty", "damaged")
    if head.startswith(_PNG):
        file = _png_pixels(file)
    for load_plugins in (Image.preinit, Image.init):
        load_plugins()
        for kind in _READS:
            if kind not in Image.OPEN:
                continue
            factory, accept = Image.OPEN[kind]
            try:
                if accept is None or accept(head) is True:
                    file.seek(0)
                    return factory(file, "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue            # some other format begins so too
    raise CodecError("not a picture that can be read", "unsupported")


def _png_pixels(file: BinaryIO) -> BinaryIO:
    """A PNG less what its pixels do not need: Pillow refuses files for the size of a text. Without
    its coded pixels where they are many: libvips reads those."""
    out, whole = io.BytesIO(), file.seek(0, 2) < 1 << 27
    out.write(_PNG)
    for kind, at, size, _ in png_chunks(file):
        if kind in _PNG_PIXELS and (whole or kind != b"IDAT"):
            file.seek(at)
            out.write(file.read(size))
    out.seek(0)
    return out


def of_image(image: Any, file: BinaryIO | None, icc: bytes | None, deep: bool = False) -> Samples:
    """Of an image that Pillow has opened and not loaded yet, from a file or a program's own. deep:
    more than 8 bits are to be kept too.

    Raises:
        CodecError: if it has several pictures, or samples that do not fit 8 or 16 bits.
    """
    notes, palette = _one_picture(image, file), image.mode in ("P", "1")
    if image.format == "TIFF":
        notes += _check_tiff(image)
    pixels = image.size[0] * image.size[1]
    large = pixels > picture_strips.LARGE and image.mode in ("L", "LA", "RGB", "RGBA")
    if file and image.format in _LIBVIPS and (large or _is_deep(image)):
        samples = _in_strips(image, ByLibvips(file, _LIBVIPS[image.format]), deep)
    elif file and large and image.format == "PPM" and image.tile[0][0] == "raw":
        samples = _in_strips(image, Raw(file, image), deep)
    else:
        samples = _by_pillow(image, icc, deep)
    dropped = [UNKNOWN_CHANNEL] if UNKNOWN_CHANNEL in notes else []
    samples.changed = samples.changed or next(iter(samples.notes + dropped), "")
    samples.notes, samples.palette = notes + samples.notes, palette
    return samples


def _one_picture(image: Any, file: BinaryIO | None) -> list[str]:
    """Notes on further pictures of the file; CodecError if those are as good as the first."""
    frames, kind = getattr(image, "n_frames", 1), image.format
    if kind == "PNG" and file:
        frames = next((int.from_bytes(chunk.data[:4], "big") for chunk in png_chunks(file)
                       if chunk.kind == b"acTL"), 1)
    if kind == "TIFF" and file and 1 < frames < 64:
        kinds = []
        for n in range(1, frames):
            image.seek(n)
            kinds.append(image.tag_v2.get(_SUBFILE, 0))
        image.seek(0)
        if all(kind & 0b101 for kind in kinds):         # reduced pictures, and masks
            return [f"the first of {frames} pictures is kept: the others are reduced ones or masks"]
    if kind == "PSD" and frames > 1:
        return ["layers are left out: the merged picture is kept"]
    if frames > 1 and kind != "MPO":                    # of those metadata tells
        raise CodecError(f"has {frames} frames or pages; only single pictures are supported",
                         "unsupported")
    sizes = len(image.info.get("sizes", ())) if kind == "ICO" else 1
    return [f"the largest of {sizes} sizes is kept"] if sizes > 1 else []


# ---- TIFF: what its tags say of the samples

def _check_tiff(image: Any) -> list[str]:
    """Notes; CodecError if the first picture is not the picture, or its samples are of no kind
    that is read."""
    tags, (width, height) = image.tag_v2, image.size
    larger = [size for size in _sub_pictures(image) if size[0] * size[1] > width * height]
    if larger or tags.get(_SUBFILE, 0) & 1:
        size = "x".join(map(str, max(larger))) if larger else "another"
        raise CodecError(f"begins with a thumbnail of {width}x{height}, the picture is {size}: a "
                         "raw photograph, or so; convert it to TIFF or PNG first", "unsupported")
    kinds, depth = _all(tags.get(_FORMAT, 1)), max(_all(tags.get(_BITS, 1)))
    for kind, name in (2, "signed"), (3, "floating-point"), (5, "complex"), (6, "complex"):
        if kind in kinds:
            raise CodecError(f"has {name} samples; convert it to 8 or 16 bits first", "unsupported")
    if depth > 16:
        raise CodecError(f"has {depth}-bit samples; convert it to 8 or 16 bits first",
                         "unsupported")
    unknown = [kind for kind in _all(tags.get(_EXTRA, ())) if kind not in (1, 2)]
    further = _all(tags.get(_EXTRA, ()))[1:]
    return [UNKNOWN_CHANNEL] if unknown or further else []


def _all(value) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def _sub_pictures(image: Any) -> list[tuple[int, int]]:
    """Sizes of the pictures that the first directory has below it."""
    sizes, file = [], image.fp
    if file is None or file.closed:     # a program has loaded it, and knows what it took
        return []
    place = file.tell()
    for offset in _all(image.tag_v2.get(_SUB_IFDS, ()))[:16]:
        try:
            file.seek(0)
            head = file.read(8)
            head += file.read(8) if 43 in head[2:4] else b""        # BigTIFF's is longer
            directory = TiffImagePlugin.ImageFileDirectory_v2(head)
            file.seek(offset)
            directory.load(file)
            sizes.append((int(directory[256]), int(directory[257])))
        except Exception:               # none that can be read: none to prefer
            continue
    file.seek(place)
    return sizes


# ---- in strips

def _is_deep(image: Any) -> bool:
    """Whether Pillow would cut samples, or miss a transparent colour."""
    if image.format == "PNG":
        return _is_cut(image) or (image.mode != "P" and "transparency" in image.info)
    if image.format == "TIFF":
        return max(_all(image.tag_v2.get(_BITS, 1))) > 8 and image.tag_v2.get(_PHOTOMETRIC) in (
            _WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    return False


def _is_cut(image: Any) -> bool:
    """Whether Pillow reads 16 bits a sample, to keep 8 of most."""
    raws = [tile[3] for tile in getattr(image, "tile", ())]
    return any(";16" in str(raw[0] if isinstance(raw, tuple) and raw else raw) for raw in raws)


def _is_rounded(image: Any) -> bool:
    """Whether Pillow rounds to 8 bits by itself: a PPM whose largest value takes more."""
    return any(tile[0].startswith("ppm") and max(v for v in tile[3] if isinstance(v, int)) > 255
               for tile in getattr(image, "tile", ()) if image.format == "PPM"
               and isinstance(tile[3], tuple) and len(tile[3]) > 1)


def _in_strips(image: Any, source: ByLibvips | Raw, deep: bool) -> Samples:
    width, height = image.size
    if sorted((source.width, source.height)) != sorted((width, height)):
        raise CodecError(f"damaged picture: is {source.width}x{source.height} pixels to one reader,"
                         f" {width}x{height} to another", "damaged")
    width, height = source.width, source.height     # Pillow's are those of a turned TIFF
    bands = source.bands
    if image.format == "TIFF":
        extra = _all(image.tag_v2.get(_EXTRA, ()))
        gray = image.tag_v2.get(_PHOTOMETRIC) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
        colours = 1 if gray else 3
        bands = min(bands, colours + (extra[:1] in ((1,), (2,))))
    if source.dtype not in (np.uint8, np.uint16) or not 1 <= bands <= 4:
        raise CodecError(f"has {source.bands} channels of {source.dtype}, which is not supported",
                         "unsupported")

    def rows(start: int, stop: int) -> np.ndarray:
        return to_8_bits(source.rows(start, stop)[..., :bands])
    if deep and source.dtype == np.uint16:
        return of_deep(np.concatenate([
            source.rows(start, min(height, start + source.step))[..., :bands]
            for start in range(0, height, source.step)]))
    if width * height <= picture_strips.LARGE or bands in (2, 4):
        planes: Any = np.empty([height, width, bands], np.uint8)
        for start in range(0, height, source.step):
            stop = min(height, start + source.step)
            planes[start:stop] = rows(start, stop)
    else:
        keep = max(2, picture_strips.KEPT // (source.step * width))
        planes = Bands((height, width, 3), np.uint8, source.step, lambda start, stop: np.repeat(
            rows(start, stop), 3 // bands, 2), keep)
    return Samples(planes, [ROUNDED] if source.dtype == np.uint16 else [], gray=bands == 1)


def of_deep(planes: np.ndarray) -> Samples:
    """Of uint16 [H, W, C], which are kept."""
    return Samples(to_8_bits(planes), gray=planes.shape[2] < 3, deep=planes)


def to_8_bits(samples: np.ndarray) -> np.ndarray:
    """uint8 as it is; uint16 to the nearest level."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


# ---- by Pillow

def _by_pillow(image: Image.Image, icc: bytes | None, keep: bool) -> Samples:
    cut, rounded = _is_cut(image), _is_rounded(image)
    deep = image.format in ("PPM", "PNG", None) and image.mode.startswith("I")
    if image.mode == "I" and image.format not in ("PPM", "PNG"):
        raise CodecError("has 32-bit samples; convert it to 8 or 16 bits first", "unsupported")
    if image.mode == "F":
        raise CodecError("has floating-point samples; convert it to 8 or 16 bits first",
                         "unsupported")
    image = _load_as_stored(image)
    samples = _to_known_mode(image, icc, keep)
    if (rounded or cut) and not deep and not samples.notes:
        samples.notes.append(ROUNDED if rounded else ROUNDED.replace("rounded", "cut"))
    return samples


def _load_as_stored(image: Image.Image) -> Image.Image:
    """Decodes, and takes back the turn that Pillow gives TIFF files: orientation is only kept."""
    turn = image.getexif().get(274, 1) if image.format == "TIFF" else 1
    image.load()
    if turn not in _BACK:
        return image
    info, stored = image.info, image.transpose(_BACK[turn])
    stored.info = info
    return stored


def _to_known_mode(image: Image.Image, icc: bytes | None, deep: bool) -> Samples:
    mode, clear = image.mode, "transparency" in image.info
    if mode in ("L", "LA", "RGB", "RGBA") and not clear:
        return Samples(_planes(image))
    if mode.startswith("I"):
        samples = np.asarray(image)
        if samples.min() < 0 or samples.max() > 65535:
            raise CodecError("has 32-bit samples; convert it to 8 or 16 bits first", "unsupported")
        planes = samples.astype(np.uint16)[..., None]
        return of_deep(planes) if deep else Samples(to_8_bits(planes), [ROUNDED])
    if mode == "CMYK":
        return Samples(_planes(_from_cmyk(image, icc)), ["CMYK was converted to RGB"], False)
    if mode == "LAB":
        return Samples(_planes(image.convert("RGB")), ["Lab was converted to sRGB"], False)
    if mode == "1" and not clear:
        return Samples(_planes(image.convert("L")))
    if clear or mode in ("PA", "La", "RGBa"):
        planes = _planes(image.convert("LA" if mode in ("1", "L", "La") else "RGBA"))
        return Samples(planes, changed="colours were multiplied by alpha" if mode in
                       ("La", "RGBa") else "")
    if mode == "P" and (image.palette is None or image.palette.mode == "L"):
        return Samples(_planes(image.convert("L")))
    if mode not in ("P", "YCbCr", "HSV", "RGBX"):
        raise CodecError(f"has samples of mode {mode}, which is not supported", "unsupported")
    changed = f"{mode} was converted to RGB" if mode in ("YCbCr", "HSV") else ""
    return Samples(_planes(image.convert("RGB")), changed=changed)


def _planes(image: Image.Image) -> np.ndarray:
    planes = np.asarray(image)
    return planes if planes.ndim == 3 else planes[..., None]


def _from_cmyk(image: Image.Image, icc: bytes | None) -> Image.Image:
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            srgb = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB") or image
        except (OSError, ImageCms.PyCMSError):
            pass                    # a broken profile: fall back to the plain formula
    return image.convert("RGB")
