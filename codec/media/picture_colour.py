"""Colours that a file names by numbers, as an ICC profile, so that every format can carry them.

A file without tags is sRGB to whoever shows it. What names other primaries or another transfer
curve (PNG's gAMA and cHRM, the code points of cICP and nclx) would look different without them.
"""

from __future__ import annotations

import struct
from functools import reduce

import numpy as np

SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)         # x, y of red, green, blue
D65 = (0.3127, 0.3290)
# ITU-T H.273 (2021), tables 2 and 3: by code point
_PRIMARIES = {1: SRGB, 5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
              6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
              9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
              12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)}
# g, a, b, c, d of ICC's curve of type 3; a gamma alone is one of type 0
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVES: dict[int, tuple[float, ...]] = {4: (2.2,), 5: (2.8,), 8: (1.0,), 13: _SRGB_CURVE}
_AS_SRGB = (1, 2, 6, 14, 15)        # unspecified; that of BT.709 video, which viewers show as sRGB
_D50 = np.array([0.9642, 1.0, 0.8249])              # of the profile connection space


def from_code_points(primaries: int, transfer: int, gray: bool) -> bytes | None:
    """The profile of H.273's code points; None where untagged says the same.

    Raises:
        ValueError: if a profile of three primaries and a curve cannot say it, as PQ and HLG.
    """
    primaries = 1 if primaries == 2 else primaries
    transfer = 13 if transfer in _AS_SRGB else transfer
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        name = {16: "PQ", 18: "HLG"}.get(transfer, f"code points {primaries}/{transfer}")
        raise ValueError(name)
    if (primaries == 1 or gray) and transfer == 13:
        return None
    return profile(_PRIMARIES[primaries], D65, _CURVES[transfer], gray)


def from_gamma(gamma: float | None, chromaticity: tuple[float, ...] | None, gray: bool
               ) -> bytes | None:
    """The profile of PNG's gAMA (the exponent that made the samples) and cHRM (white x, y, red,
    green, blue); None where untagged says the same, or nothing that can be."""
    curve: tuple[float, ...] = _SRGB_CURVE
    if gamma and abs(gamma - 1 / 2.2) > 0.002:
        curve = (1 / gamma,)
    white, primaries = (chromaticity[:2], chromaticity[2:]) if chromaticity else (D65, SRGB)
    as_srgb = np.allclose([*white, *primaries], [*D65, *SRGB], atol=0.002)
    if curve is _SRGB_CURVE and (as_srgb or gray):
        return None
    if not 0.05 < curve[0] < 20:
        return None
    try:
        return profile(primaries, white, curve, gray)
    except (np.linalg.LinAlgError, ZeroDivisionError, struct.error):
        return None                 # primaries on one line: nobody can show those


def profile(primaries, white, curve: tuple[float, ...], gray: bool) -> bytes:
    """An ICC profile, version 4 (ICC.1:2022), of display primaries (x, y of red, green, blue), a
    white point and a parametric curve; of a curve alone for gray samples.

    >>> profile(SRGB, D65, (2.2,), gray=False)[16:20]
    b'RGB '
    """
    def xyz(x, y):
        return np.array([x / y, 1.0, (1 - x - y) / y])

    def text(words: str) -> bytes:
        data = words.encode("utf-16-be")
        return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(data), 28) + data

    def point(values) -> bytes:
        return struct.pack(">4sI3i", b"XYZ ", 0, *(round(v * 65536) for v in values))
    trc = struct.pack(">4sIHH", b"para", 0, 3 if len(curve) > 1 else 0, 0) + struct.pack(
        f">{len(curve)}i", *(round(v * 65536) for v in curve))
    tags = {b"desc": text("From the file's own tags"), b"cprt": text("No rights are reserved"),
            b"wtpt": point(_D50)}
    adapt = _adaptation(xyz(*white))
    if gray:
        tags[b"kTRC"] = trc
    else:
        matrix = np.stack([xyz(*primaries[i:i + 2]) for i in (0, 2, 4)], 1)
        matrix = adapt @ (matrix * np.linalg.solve(matrix, xyz(*white)))
        tags |= {name: point(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T)}
        tags |= {name: trc for name in (b"rTRC", b"gTRC", b"bTRC")}
    tags[b"chad"] = struct.pack(">4sI9i", b"sf32", 0, *np.rint(adapt.ravel() * 65536).astype(int))
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s12s4s28s3i", at + len(body), b"", 0x04400000, b"mntr",
                       b"GRAY" if gray else b"RGB ", b"XYZ ", b"", b"acsp", b"",
                       *(round(v * 65536) for v in _D50))
    return head.ljust(128, b"\0") + table + body


def _adaptation(white: np.ndarray) -> np.ndarray:
    """From a white point to D50, by the Bradford transform that ICC asks for."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367],
                         [0.0389, -0.0685, 1.0296]])
    ratio = np.diag((bradford @ _D50) / (bradford @ white))
    return reduce(np.matmul, [np.linalg.inv(bradford), ratio, bradford])
