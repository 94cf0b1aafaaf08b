"""After `import codec.pillow_plugin`, Pillow opens and saves .tfci like any other format.

    Image.open("photo.jpg.tfci").show()
    image.save("photo.tfci", quality=60)            # or size=, bpp=, psnr=, model=
    image.save("photo.tfci", exif=image.getexif(), icc_profile=profile, xmp=packet)

The import is needed: Pillow looks for no plugins by itself.
"""

from __future__ import annotations

from dataclasses import replace

from PIL import Image, ImageFile

import codec
from codec import bitstream
from codec.media import picture
from codec.media.picture_metadata import INCH, unpack_density

OPTIONS = ("quality", "size", "bpp", "psnr", "model", "threads", "exact_alpha")


class TfciImageFile(ImageFile.ImageFile):
    """A .tfci file: header and metadata are read on opening, pixels are decoded on first use."""

    format = "TFCI"
    format_description = "learned picture codec"

    def _open(self) -> None:
        try:
            sections = iter(bitstream.Reader(self.fp))      # type: ignore[arg-type]
            header = bitstream.read_header(sections)
            if header.medium.name != "picture":
                raise SyntaxError(f"holds no picture but a {header.medium.name}")
            found: dict[str, bytes] = {}
            for kind, payload in sections:                  # metadata, then alpha, come first
                if kind in (bitstream.HYPER_LATENTS, bitstream.LATENTS):
                    break
                found[kind] = payload
        except codec.CodecError as error:
            raise SyntaxError(str(error)) from None
        told = picture.info(header)
        self._size = told["width"], told["height"]
        self._mode = ("L" if told["channels"] == "gray" else "RGB") + "A" * (
            bitstream.ALPHA in found)
        self.info["quality"] = header.quality
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
                self.im = codec.decompress(self.fp).to_pillow().im
            except codec.CodecError as error:
                raise OSError(str(error)) from None
            if self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Checks every checksum; the image cannot be used afterwards, as Pillow has it."""
        try:
            self.fp.seek(0)                                 # type: ignore[union-attr]
            codec.info(self.fp)
        except codec.CodecError as error:
            raise OSError(str(error)) from None
        super().verify()


def _save(image: Image.Image, file, filename) -> None:
    given = image.encoderinfo
    if given.get("lossless"):
        raise OSError("lossless=True: .tfci has no lossless mode yet")
    try:
        value = codec.read_picture(image, exact_alpha=given.get("exact_alpha", False))
        exif = given.get("exif", value.exif)
        value = replace(value, icc=given.get("icc_profile", value.icc) or None,
                        exif=(exif.tobytes() if isinstance(exif, Image.Exif) else exif) or None,
                        xmp=given.get("xmp", value.xmp) or None)
        file.write(codec.compress(value, **{name: given[name] for name in OPTIONS
                                            if name in given}))
    except codec.CodecError as error:
        raise OSError(str(error)) from None


Image.register_open(TfciImageFile.format, TfciImageFile,
                    lambda prefix: prefix[:8] == bitstream.SIGNATURE)
Image.register_save(TfciImageFile.format, _save)
Image.register_extension(TfciImageFile.format, ".tfci")
Image.register_mime(TfciImageFile.format, "image/x-tfci")
