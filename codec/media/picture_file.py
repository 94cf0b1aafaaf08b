"""Picture files, by Pillow: any of the usual modes in, 8-bit RGB or gray with alpha out."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from codec.bitstream import check_size
from codec.models.errors import CodecError

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".jp2",
            ".ppm", ".pgm"}
_READS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "JPEG2000", "PPM", "MPO",
          "TGA", "ICO", "PCX", "SGI", "QOI", "PSD")     # what Pillow reads by itself alone
_WRITES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF",
           ".tiff": "TIFF", ".bmp": "BMP", ".avif": "AVIF", ".ppm": "PPM"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": dict(compress_level=3),      # about half the time of the default, up to 6 % larger
    "JPEG": dict(quality=95, subsampling=0), "WEBP": dict(lossless=True),
    "AVIF": dict(quality=95), "TIFF": dict(compression="tiff_adobe_deflate")}
_SHAPES = (2,), (3, 2), (3, 3), (3, 4)  # axes and channels of arrays: gray, RGB, or with alpha
_DESCRIPTIVE = (270, 271, 272, 274, 305, 306, 315, 33432)   # TIFF tags that tell, not lay out
_BACK = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
         4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
         6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_270}


@dataclass(frozen=True)
class Picture:
    """pixels uint8 [H, W, 3]; gray: its channels are equal; alpha uint8 [H, W] or None; colour
    profile, EXIF and XMP as bytes or None; notes: what reading had to change."""

    pixels: np.ndarray
    gray: bool = False
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: list[str] = field(default_factory=list)
    medium: ClassVar[str] = "picture"

    @property
    def array(self) -> np.ndarray:
        return self.pixels

    def to_pillow(self) -> Image.Image:
        """The same as a Pillow image: L, LA, RGB or RGBA."""
        planes = self.pixels[..., :1] if self.gray else self.pixels
        if self.alpha is not None:
            planes = np.concatenate([planes, self.alpha[..., None]], 2)
        return Image.fromarray(planes[..., 0] if planes.shape[2] == 1 else planes)


def read(source: bytes | np.ndarray | Image.Image, limit: int) -> Picture:
    """The picture in the bytes of a file, an array or a Pillow image, of at most so many pixels.

    Raises:
        CodecError: if there is none, it is damaged, has too many pixels, several frames, or
            samples that do not fit 8 or 16 bits.
    """
    if isinstance(source, Image.Image):
        return _from_pillow(source, limit)
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or (source.ndim, *source.shape[2:]) not in _SHAPES:
            raise CodecError(f"array is {source.dtype} {list(source.shape)}; "
                             "allowed is uint8 [H, W, 3] or [H, W]", "usage")
        return _from_pillow(Image.fromarray(source), limit)
    try:
        return _from_pillow(_open(source), limit)
    except CodecError:
        raise
    except Exception as error:      # Pillow's readers raise whatever damaged bytes lead them to
        raise CodecError(f"damaged picture: {_one_line(error)}", "damaged") from None


def _open(data: bytes) -> Image.Image:
    """As Image.open, but of the formats named above alone, and without its limit of pixels: that is
    a setting of the whole process, and ours comes next."""
    if not data:
        raise CodecError("is empty", "damaged")
    for load_plugins in (Image.preinit, Image.init):
        load_plugins()
        for kind in _READS:
            if kind not in Image.OPEN:
                continue
            factory, accept = Image.OPEN[kind]
            try:
                if accept is None or accept(data[:16]) is True:
                    return factory(io.BytesIO(data), "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue            # some other format begins so too
    raise CodecError("not a picture that can be read", "unsupported")


def _from_pillow(image: Image.Image, limit: int) -> Picture:
    width, height = image.size
    check_size((height, width), limit)
    if width * height == 0:
        raise CodecError(f"is {width}x{height} pixels: nothing to compress", "usage")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise CodecError(f"has {frames} frames or pages; only single pictures are supported",
                         "unsupported")
    exif = _exif(image)
    image = _load_as_stored(image)
    info, notes = image.info, list[str]()
    icc, xmp = info.get("icc_profile"), _xmp(info)
    image, icc = _to_known_mode(image, icc, notes)
    planes = np.asarray(image)
    if planes.ndim == 2:
        planes = planes[..., None]
    alpha = planes[..., -1].copy() if image.mode in ("LA", "RGBA") else None
    gray = image.mode in ("L", "LA")
    pixels = np.repeat(planes[..., :1], 3, 2) if gray else np.ascontiguousarray(planes[..., :3])
    return Picture(pixels, gray, alpha, icc, exif, xmp, notes)


def _load_as_stored(image: Image.Image) -> Image.Image:
    """Decodes, and takes back the turn that Pillow gives TIFF files: orientation is only kept."""
    turn = image.getexif().get(274, 1) if image.format == "TIFF" else 1
    image.load()
    if turn not in _BACK:
        return image
    info, stored = image.info, image.transpose(_BACK[turn])
    stored.info = info
    return stored


def _to_known_mode(image: Image.Image, icc, notes: list[str]):
    """To L, LA, RGB or RGBA; returns the profile that still fits."""
    mode = image.mode
    if mode in ("L", "LA", "RGB", "RGBA") and "transparency" not in image.info:
        return image, icc
    if mode in ("I;16", "I;16L", "I;16B", "I;16N", "I"):
        samples = np.asarray(image).astype(np.int64)
        if samples.min() < 0 or samples.max() > 65535:
            raise CodecError("has 32-bit samples; convert it to 8 or 16 bits first", "unsupported")
        notes.append("16-bit samples were rounded to 8 bits")
        return Image.fromarray(((samples * 255 + 32767) // 65535).astype(np.uint8)), icc
    if mode == "F":
        raise CodecError("has floating-point samples; convert it to 8 or 16 bits first",
                         "unsupported")
    if mode == "CMYK":
        notes.append("CMYK was converted to RGB")
        return _from_cmyk(image, icc), None
    if mode == "1":
        return image.convert("L"), icc
    if "transparency" in image.info or mode in ("PA", "La", "RGBa"):
        return image.convert("LA" if mode in ("L", "La") else "RGBA"), icc
    if mode == "P" and (image.palette is None or image.palette.mode == "L"):
        return image.convert("L"), icc
    if mode not in ("P", "YCbCr", "LAB", "HSV", "RGBX"):
        raise CodecError(f"has samples of mode {mode}, which is not supported", "unsupported")
    return image.convert("RGB"), icc


def _from_cmyk(image: Image.Image, icc) -> Image.Image:
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            srgb = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB") or image
        except (OSError, ImageCms.PyCMSError):
            pass                    # a broken profile: fall back to the plain formula
    return image.convert("RGB")


def _exif(image: Image.Image) -> bytes | None:
    if image.info.get("exif"):
        return image.info["exif"]
    if image.format != "TIFF":
        return None
    kept, own = Image.Exif(), image.getexif()
    for tag in _DESCRIPTIVE:
        if tag in own:
            kept[tag] = own[tag]
    return kept.tobytes() if len(kept) else None


def _xmp(info: dict) -> bytes | None:
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    return xmp.encode() if isinstance(xmp, str) else xmp or None


def write(picture: Picture, suffix: str) -> bytes:
    """The bytes of a picture file of the format that a suffix names, metadata included.

    Raises:
        CodecError: if the format is not known, or cannot hold the picture.
    """
    kind = _WRITES.get(suffix.lower())
    if kind is None:
        raise CodecError(f"cannot write {suffix or 'a file without suffix'}; "
                         f"allowed are {', '.join(_WRITES)}", "unsupported")
    if picture.alpha is not None and kind in ("JPEG", "BMP", "PPM"):
        raise CodecError(f"has transparency, which {kind} cannot hold; write .png or .webp",
                         "unsupported")
    options = dict(_OPTIONS.get(kind, {}))
    if kind not in ("BMP", "PPM"):
        options |= {k: v for k, v in (("icc_profile", picture.icc), ("exif", picture.exif)) if v}
        if picture.xmp and kind == "PNG":
            options["pnginfo"] = PngImagePlugin.PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", picture.xmp.decode("utf-8", "replace"))
        elif picture.xmp and kind == "TIFF":
            options["tiffinfo"] = {700: picture.xmp}
        elif picture.xmp:
            options["xmp"] = picture.xmp
    out = io.BytesIO()
    try:
        picture.to_pillow().save(out, kind, **options)
    except (OSError, ValueError, KeyError) as error:
        raise CodecError(f"cannot be written as {kind}: {_one_line(error)}", "unsupported"
                         ) from None
    return out.getvalue()


def pack_alpha(alpha: np.ndarray) -> bytes:
    """alpha uint8 [H, W] -> PNG bytes, lossless."""
    out = io.BytesIO()
    Image.fromarray(alpha).save(out, "PNG", optimize=True)
    return out.getvalue()


def unpack_alpha(data: bytes, width: int, height: int) -> np.ndarray:
    """The inverse; raises CodecError if it is not of this size."""
    try:
        image = PngImagePlugin.PngImageFile(io.BytesIO(data))
        if image.mode == "L" and image.size == (width, height):
            return np.array(image)
    except (OSError, ValueError, SyntaxError):
        pass
    raise CodecError("damaged: the alpha channel does not decode", "damaged")


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
