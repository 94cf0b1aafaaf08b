"""Files <-> arrays and metadata, one module a kind of signal.

A media module offers SUFFIXES (what it reads), DEFAULT_SUFFIX (what it writes unless told), and

    read(data: bytes, max_pixels: int) -> its own dataclass of arrays and metadata
    write(value, suffix: str) -> bytes

both raising CodecError with one line. `image` is the first; the kinds are listed in MEDIA.
"""

from codec.media import image

MEDIA = {"picture": image}
