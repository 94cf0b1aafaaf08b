"""What is around the samples of DICOM files, and whose samples are which. Nothing is trusted."""

from __future__ import annotations

import json
import lzma
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from codec.bands import Bands
from codec.models.errors import CodecError

MOST_AROUND = 1 << 27   # bytes of all of it
MEMORY = 1 << 26        # that unpacking it may take besides


def pack(files: list[tuple[str, tuple[bytes, bytes]]]) -> tuple[bytes, bytes, bytes]:
    """What `unpack` understands, of names and what is around their samples; names are its last
    piece.

    >>> unpack(pack([("a", (b"before", b"")), ("b", (b"", b"after"))]))
    [('a', b'before', b''), ('b', b'', b'after')]
    """
    pieces = [piece for _, around in files for piece in around]
    packed = lzma.compress(b"".join(pieces), check=lzma.CHECK_NONE)     # the section has one
    names = json.dumps([name for name, _ in files], separators=(",", ":"))
    return struct.pack(f"<{len(pieces)}I", *map(len, pieces)), packed, names.encode()


def unpack(around: tuple[bytes, ...]) -> list[tuple[str, bytes, bytes]]:
    """(name, what is before samples, what is after) of every file; of a file alone without a name.

    Raises:
        CodecError: if that cannot be, or a name is not that of a file in a folder.
    """
    try:
        lengths = struct.unpack(f"<{len(around[0]) // 4}I", around[0])
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY)
        data = unpacker.decompress(around[1], MOST_AROUND)
        names = json.loads(around[2]) if len(around) > 2 else [""]
        sound = (unpacker.eof and not unpacker.unused_data and sum(lengths) == len(data)
                 and isinstance(names, list) and len(lengths) == 2 * len(names) > 0)
        if not sound or (len(around) > 2 and not (all(map(is_plain, names))
                                                  and len(set(names)) == len(names))):
            raise ValueError
    except (ValueError, IndexError, EOFError, RecursionError, struct.error, lzma.LZMAError):
        raise CodecError("damaged: what its DICOM files held besides samples cannot be read",
                         "damaged") from None
    pieces, at = [], 0
    for length in lengths:
        pieces.append(data[at:at + length])
        at += length
    return list(zip(names, pieces[::2], pieces[1::2]))


def is_plain(name: Any) -> bool:
    """Whether it names a file in a folder, nothing else, and none that is hidden.

    >>> [is_plain(name) for name in ("IM 1.dcm", "../x", "a/b", "C:x", ".profile", "", 7)]
    [True, False, False, False, False, False, False]
    """
    return (isinstance(name, str) and 0 < len(name) < 256 and name[0] != "."
            and not any(sign in name for sign in "/\\:\0"))


def each_file(samples: Any, count: int) -> Iterator[np.ndarray]:
    """The samples of every file of a series; CodecError if they are not of so many files."""
    shape = samples.shape
    each = next((n for n in (1, *shape[1:2]) if n * shape[0] == count), 0)
    if not each:
        raise CodecError(f"damaged: {count} files and {'x'.join(map(str, shape))} samples "
                         "contradict each other", "damaged")
    rows = samples.height if isinstance(samples, Bands) else shape[0]
    for top in range(0, shape[0], rows):
        band = samples[top:top + rows]
        yield from np.ascontiguousarray(band).reshape(len(band) * each, -1)
