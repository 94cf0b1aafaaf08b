"""After `import codec.pillow_plugin`, Pillow opens and saves .tfci like any other format.

    Image.open("photo.jpg.tfci").show()
    image.save("photo.tfci", quality=60)            # or size=, bpp=, psnr=, model=
"""

from __future__ import annotations

from PIL import Image, ImageFile

import codec
from codec import bitstream

OPTIONS = ("quality", "size", "bpp", "psnr", "model", "threads")


class TfciImageFile(ImageFile.ImageFile):
    """A .tfci file; its header is read on opening, its pixels are decoded on first use."""

    format = "TFCI"
    format_description = "learned picture codec"

    def _open(self) -> None:
        self._blob = self.fp.read() if self.fp else b""
        try:
            info = codec.info(self._blob)
        except codec.CodecError as error:
            raise SyntaxError(str(error)) from None
        self._size = info["width"], info["height"]
        self._mode = ("L" if info["channels"] == "gray" else "RGB") + "A" * info["alpha"]
        self.info["quality"] = info["quality"]

    def load(self):
        if self._blob:
            blob, self._blob = self._blob, b""
            try:
                picture = codec.decompress(blob)
            except codec.CodecError as error:
                raise OSError(str(error)) from None
            self.im = picture.to_pillow().im
            metadata = {"icc_profile": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
            self.info |= {name: value for name, value in metadata.items() if value}
        return super().load()


def _save(image: Image.Image, file, filename) -> None:
    options = {name: image.encoderinfo[name] for name in OPTIONS if name in image.encoderinfo}
    try:
        file.write(codec.compress(image, **options))
    except codec.CodecError as error:
        raise OSError(str(error)) from None


Image.register_open(TfciImageFile.format, TfciImageFile,
                    lambda prefix: prefix[:8] == bitstream.SIGNATURE)
Image.register_save(TfciImageFile.format, _save)
Image.register_extension(TfciImageFile.format, ".tfci")
Image.register_mime(TfciImageFile.format, "image/x-tfci")
