"""Files <-> arrays and metadata, one module a kind of signal, all behind these two functions.

A media module offers SUFFIXES (what it reads), DEFAULT_SUFFIX (what it writes unless told) and
`read` and `write` as below. `image` is the first; who adds a kind adds its choice here.
"""

from codec.media import image

SUFFIXES = image.SUFFIXES


def read(data: bytes, max_pixels: int) -> image.Picture:
    """The bytes of a file -> arrays and metadata; CodecError with one line if that cannot be."""
    return image.read(data, max_pixels)


def write(value: image.Picture, suffix: str) -> bytes:
    """Arrays and metadata -> the bytes of a file of the format that a suffix names; CodecError."""
    return image.write(value, suffix)
