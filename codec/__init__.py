"""A learned codec: `codec.compress`, `decompress`, `info`, `verify`.

    blob = codec.compress("photo.jpg", quality=60)          # bytes of a .tfci file
    picture = codec.decompress(blob)                        # picture.pixels: uint8 [H, W, 3]
    codec.info(blob)["bpp"]

Sources are paths, bytes of a file, arrays (uint8 [H, W, 3] or [H, W] are pictures, [T, H, W, 3]
clips, those of one long axis signals, others volumes) or Pillow images. A clip comes back with
.array [T, H, W, 3] and .rate; a volume with .samples, an array as its file has it; a signal with
.samples [T, C] and .rate.
Everything that can go wrong with them is a CodecError whose text is one line, and whose `kind` says
what sort of thing it is. All of it may be called from any number of threads at once.
"""

from codec.api import (
    DEFAULT_MODEL,
    DEFAULT_QUALITY,
    MAX_PIXELS,
    compress,
    decompress,
    engine_for,
    find_model,
    info,
    installed_models,
    opened,
    read_picture,
    verify,
)
from codec.bitstream import MAX_BYTES
from codec.media.picture import Picture, psnr
from codec.media.signal_file import Signal
from codec.media.video_value import Clip
from codec.media.volume_value import Volume
from codec.models.errors import CodecError
from codec.models.ms_ssim import ms_ssim
from codec.models.ssimulacra2 import score as ssimulacra2
from codec.windows import Seconds

__version__ = "0.1.0"
__all__ = ["DEFAULT_MODEL", "DEFAULT_QUALITY", "MAX_BYTES", "MAX_PIXELS", "Clip", "CodecError",
           "Picture", "Seconds", "Signal", "Volume", "compress", "decompress", "engine_for",
           "find_model", "info", "installed_models", "ms_ssim", "opened", "psnr", "read_picture",
           "ssimulacra2", "verify"]
