"""After `import codec.pillow_plugin`, Pillow opens and saves .tfci like any other format.

    Image.open("photo.jpg.tfci").show()
    image.save("photo.tfci", quality=60)            # or size=, bpp=, psnr=, ssimulacra2=, model=
    image.save("photo.tfci", exif=image.getexif(), icc_profile=profile, xmp=packet, dpi=(300, 300))

The import is needed: Pillow looks for no plugins by itself, it knows a list of its own. As with
Pillow's other formats a colour profile is saved with its image, but EXIF, XMP and resolution only
where they are given: an image that was turned still carries the EXIF of before. Pillow's limit of
pixels holds, not the codec's.
"""

from __future__ import annotations

from dataclasses import replace

from PIL import Image, ImageFile

import codec
from codec import api, bitstream
from codec.media import picture
from codec.media.picture_metadata import EXIF, INCH, unpack_density

OPTIONS = ("quality", "size", "bpp", "psnr", "ssimulacra2", "tune", "model", "threads",
           "exact_alpha")


class TfciImageFile(ImageFile.ImageFile):
    """A .tfci file: header and metadata are read on opening, pixels are decoded on first use."""

    format = "TFCI"
    format_description = "learned picture codec"

    def _open(self) -> None:
        assert self.fp is not None
        if not _is_ours(self.fp.read(16)):
            raise SyntaxError("not a .tfci file")
        self.fp.seek(0)
        try:
            sections = iter(bitstream.Reader(self.fp))      # type: ignore[arg-type]
            header = bitstream.read_header(sections)
            if header.medium.name != "picture":
                raise OSError(f"holds no picture but a {header.medium.name}")
            found: dict[str, bytes] = {}
            for kind, payload in sections:                  # metadata, then alpha, come first
                if kind in bitstream.OF_UNITS:
                    break
                found[kind] = payload
            told = picture.info(header) | picture.exactness(header, found)
        except codec.CodecError as error:
            raise OSError(str(error)) from None
        self._size = told["width"], told["height"]
        self._mode = ("L" if told["channels"] == "gray" else "RGB") + "A" * (
            told.get("alpha", not bitstream.ALPHAS.isdisjoint(found)))
        self.info["quality"] = api.asked_quality(header)
        for name, kind in (("icc_profile", bitstream.ICC), ("exif", bitstream.EXIF),
                           ("xmp", bitstream.XMP)):
            if kind in found:
                self.info[name] = found[kind]
        if density := unpack_density(found.get(bitstream.DENSITY)):
            self.info["dpi"] = tuple(v * INCH for v in density)

    def load(self):
        if self._im is None and self.fp:
            try:
                self.fp.seek(0)
                pixels = self.width * self.height       # Pillow has checked them on opening
                image = codec.decompress(self.fp, max_pixels=pixels).to_pillow()
            except codec.CodecError as error:
                raise OSError(str(error)) from None
            self.im, self._mode = image.im, image.mode
            if self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Checks every checksum; the image cannot be used afterwards, as Pillow has it."""
        if self.fp is None:
            raise RuntimeError("verify must be called directly after open")
        try:
            self.fp.seek(0)
            codec.info(self.fp)
        except codec.CodecError as error:
            raise OSError(str(error)) from None
        super().verify()


def _save(image: Image.Image, file, filename) -> None:
    given = image.encoderinfo
    if given.get("lossless"):
        raise OSError("lossless=True: .tfci has no lossless mode yet")
    try:
        value = codec.read_picture(image, image.width * image.height,
                                   given.get("exact_alpha", False))
        value = replace(value, icc=given.get("icc_profile", value.icc) or None,
                        exif=_exif(given.get("exif")), xmp=given.get("xmp") or None,
                        density=_density(given.get("dpi") or (0, 0)))
        file.write(codec.compress(value, max_pixels=image.width * image.height,
                                  **{name: given[name] for name in OPTIONS if name in given}))
    except codec.CodecError as error:
        raise OSError(str(error)) from None


def _save_all(image: Image.Image, file, filename) -> None:
    if image.encoderinfo.get("append_images") or getattr(image, "n_frames", 1) > 1:
        raise OSError("save_all: a .tfci file holds one picture")
    _save(image, file, filename)


def _exif(exif):
    """Of bytes or Pillow's own: the bytes, behind their prefix."""
    data = exif.tobytes() if exif and isinstance(exif, Image.Exif) else exif or None
    return EXIF + data if isinstance(data, bytes) and not data.startswith(EXIF) else data


def _density(dpi) -> tuple[int, int] | None:
    across, down = (round(v / INCH) for v in dpi)
    return (across, down) if min(across, down) > 0 else None


def _is_ours(prefix: bytes) -> bool:
    return prefix.startswith(bitstream.SIGNATURE)


Image.register_open(TfciImageFile.format, TfciImageFile, _is_ours)
Image.register_save(TfciImageFile.format, _save)
Image.register_save_all(TfciImageFile.format, _save_all)
Image.register_extension(TfciImageFile.format, ".tfci")
Image.register_mime(TfciImageFile.format, "image/x-tfci")
