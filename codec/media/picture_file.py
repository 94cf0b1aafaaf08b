"""What is in a picture file: a `Picture`.

    bytes -> Pillow's image -> picture_metadata, picture_samples -> Picture
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, ClassVar

import numpy as np
from PIL import Image

from codec.bands import Bands
from codec.bitstream import check_size
from codec.media import picture_metadata, picture_samples
from codec.media.picture_alpha import filled
from codec.models.errors import CodecError

SUFFIXES = {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".tif", ".tiff",
            ".bmp", ".dib", ".gif", ".avif", ".avifs", ".jp2", ".j2k", ".jpx", ".jpf", ".ppm",
            ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".pcx", ".sgi", ".rgb", ".qoi", ".psd"}


@dataclass(frozen=True)
class Picture:
    """pixels uint8 [H, W, 3], an array or, of large ones, `Bands`; gray: its channels are equal;
    alpha uint8 [H, W] or None; colour profile, EXIF and XMP as bytes or None; density: pixels a
    metre, across and down, or None; notes: what reading had to change or leave out; changed: how
    samples are not those that were read, empty if they are; deep uint16 [H, W, C], alpha included:
    the samples of a picture of more than 8 bits, which pixels and alpha are rounded from; hidden:
    pixels as they were read, where those that nobody sees, under alpha 0, were replaced; palette:
    its file numbers its colours, at most 256, and so does a PNG of it.

    Raises:
        CodecError: if they are not of these types and shapes.
    """

    pixels: Any
    gray: bool = False
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    density: tuple[int, int] | None = None
    notes: list[str] = field(default_factory=list)
    changed: str = ""
    deep: np.ndarray | None = None
    hidden: np.ndarray | None = None
    palette: bool = False
    medium: ClassVar[str] = "picture"
    is_series: ClassVar[bool] = False
    suffix: ClassVar[str] = ""

    def __post_init__(self):
        _check_array("pixels", self.pixels, (np.ndarray, Bands), 3)
        if self.pixels.shape[2] != 3:
            raise CodecError(f"pixels are {list(self.pixels.shape)}; allowed is [H, W, 3]", "usage")
        if self.alpha is not None:
            _check_array("alpha", self.alpha, (np.ndarray,), 2)
            if self.alpha.shape != self.pixels.shape[:2]:
                raise CodecError(f"alpha is {list(self.alpha.shape)}, pixels are "
                                 f"{list(self.pixels.shape)}; both must have one size", "usage")
        for name in "icc", "exif", "xmp":
            if not isinstance(getattr(self, name), (bytes, type(None))):
                raise CodecError(f"{name} is {type(getattr(self, name)).__name__}; allowed is "
                                 "bytes", "usage")
        if self.density is not None and not (
                isinstance(self.density, tuple) and len(self.density) == 2
                and all(isinstance(n, int) and 0 < n < 1 << 31 for n in self.density)):
            raise CodecError(f"density is {self.density!r}; allowed are two whole numbers, pixels "
                             "a metre", "usage")

    @property
    def array(self) -> np.ndarray:
        return self.pixels

    @property
    def channels(self) -> int:
        """Of its samples, alpha among them."""
        return (1 if self.gray else 3) + (self.alpha is not None)

    def stripped(self) -> Picture:
        """Without EXIF, XMP and density. The colour profile stays, and the turn that EXIF asks
        for: without them it would look different."""
        turn, exif = picture_metadata.orientation_of(self.exif), None
        if turn != 1:
            kept = Image.Exif()
            kept[0x0112] = turn
            exif = kept.tobytes()
        return replace(self, exif=exif, xmp=None, density=None)

    def in_memory(self) -> Picture:
        """With an array of pixels."""
        return replace(self, pixels=np.asarray(self.pixels))

    def described(self) -> dict:
        """What to tell of it when it has been decoded."""
        return {"width": self.pixels.shape[1], "height": self.pixels.shape[0]}

    def to_pillow(self) -> Image.Image:
        """The same as a Pillow image: L, LA, RGB or RGBA."""
        pixels = np.asarray(self.pixels)
        planes = pixels[..., :1] if self.gray else pixels
        if self.alpha is not None:
            planes = np.concatenate([planes, self.alpha[..., None]], 2)
        return Image.fromarray(planes[..., 0] if planes.shape[2] == 1 else planes)


def _check_array(name: str, value, kinds: tuple, rank: int) -> None:
    if not isinstance(value, kinds) or value.dtype != np.uint8 or value.ndim != rank:
        what = (f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray)
                else type(value).__name__)
        raise CodecError(f"{name} are {what}; allowed is uint8 "
                         f"{'[H, W, 3]' if rank == 3 else '[H, W]'}", "usage")
    if 0 in value.shape:
        raise CodecError(f"is {value.shape[1]}x{value.shape[0]} pixels: nothing to compress",
                         "usage")


# ---- read

def recognises(file: BinaryIO) -> bool:
    """Pillow knows so many formats that whatever else is none is left to `read`."""
    return True


def read(source: Any, limit: int, exact_alpha: bool = False, deep: bool = False) -> Picture:
    """The picture in a file (its bytes, or open and seekable), an array, a Pillow image or a
    Picture, of at most so many pixels. Colours under alpha 0 go on smoothly from those around,
    unless exact_alpha. deep: more than 8 bits a sample are kept too.

    Raises:
        CodecError: if there is none, it is damaged, has too many pixels, several frames, or
            samples that do not fit 8 or 16 bits.
    """
    if isinstance(source, Picture):
        check_size(source.pixels.shape[:2], limit)
        picture = source
    elif isinstance(source, np.ndarray):
        picture = _from_array(source, limit, deep)
    elif isinstance(source, Image.Image):
        picture = _from_pillow(source, None, limit, deep)
    else:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        try:
            picture = _from_pillow(picture_samples.opened(file), file, limit, deep)
        except (CodecError, MemoryError):
            raise
        except Exception as error:      # readers raise whatever damaged bytes lead them to
            if isinstance(error, OSError) and error.errno is not None:
                raise CodecError(error.strerror or str(error), "missing") from None
            raise CodecError(f"damaged picture: {one_line(error)}", "damaged") from None
    return picture if exact_alpha else _with_hidden_filled(picture)


def _with_hidden_filled(picture: Picture) -> Picture:
    """See `picture_alpha.filled`."""
    if picture.alpha is None or picture.hidden is not None or picture.alpha.all():
        return picture
    if picture.gray:
        plane = filled(picture.pixels[..., :1], picture.alpha)
        return replace(picture, pixels=np.repeat(plane, 3, 2), hidden=picture.pixels)
    return replace(picture, pixels=filled(picture.pixels, picture.alpha), hidden=picture.pixels)


def _from_array(array: np.ndarray, limit: int, deep: bool) -> Picture:
    planes = array[..., None] if array.ndim == 2 else array
    if array.dtype not in (np.uint8, np.uint16) or planes.ndim != 3 or not (
            1 <= planes.shape[2] <= 4):
        raise CodecError(f"array is {array.dtype} {list(array.shape)}; allowed is uint8 or uint16, "
                         "[H, W, 3] or [H, W], or with 1, 2 or 4 channels", "usage")
    check_size(planes.shape[:2], limit)
    if deep and array.dtype == np.uint16:
        return replace(_of_planes(picture_samples.to_8_bits(planes), []), deep=planes)
    changed = picture_samples.ROUNDED if array.dtype == np.uint16 else ""
    picture = _of_planes(picture_samples.to_8_bits(planes), [changed] if changed else [])
    return replace(picture, changed=changed)


def _from_pillow(image: Image.Image, file: BinaryIO | None, limit: int, deep: bool) -> Picture:
    width, height = image.size
    check_size((height, width), limit)
    if width * height == 0:
        raise CodecError(f"is {width}x{height} pixels: nothing to compress", "usage")
    told = picture_metadata.of_image(image, file)
    samples = picture_samples.of_image(image, file, told.icc, deep)
    notes = samples.notes + told.notes
    if told.left_out:
        notes.append(f"left out: {', '.join(told.left_out)}")
    picture = (Picture(samples.planes, samples.gray, notes=notes)
               if isinstance(samples.planes, Bands) else _of_planes(samples.planes, notes))
    icc = told.icc if samples.own_colours else None
    wrong = picture_metadata.why_not(icc, picture.gray)
    if wrong:
        notes.append(f"its colour profile {wrong} and is left out")
    return replace(picture, icc=None if wrong else icc, exif=told.exif, xmp=told.xmp,
                   density=told.density, changed=samples.changed or told.changed,
                   deep=samples.deep, palette=samples.palette)


def _of_planes(planes: np.ndarray, notes: list[str]) -> Picture:
    """Of uint8 [H, W, C]: gray, gray and alpha, RGB, RGBA."""
    channels = planes.shape[2]
    alpha = planes[..., -1].copy() if channels in (2, 4) else None
    pixels = (np.repeat(planes[..., :1], 3, 2) if channels < 3
              else np.ascontiguousarray(planes[..., :3]))
    return Picture(pixels, channels < 3, alpha, notes=notes)


def one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
