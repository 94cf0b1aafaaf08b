"""What the options of the command line may be: text -> value, or a message that argparse shows."""

from __future__ import annotations

import argparse
from fractions import Fraction

from codec.media.picture_writing import SUFFIXES as WRITTEN
from codec.media.signal_file import FORMS as SIGNALS
from codec.media.video_writing import SUFFIXES as CLIPS
from codec.media.volume_value import FORMS as VOLUMES
from codec.models.errors import CodecError

SECONDS = "give seconds, as 12.5 or 1:02.5"


def amount(text: str) -> float:
    return _number(text, "it must be above 0")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; it must be 1 or more")
    return int(text)


def error(text: str) -> float | str:
    """A number, or a share of the range: 0.1%."""
    number = _number(text.removesuffix("%"), "it must be 0 or more, as 2, 1e-3 or 0.1%", 0)
    if text.endswith("%"):
        return text
    return int(number) if number.is_integer() else number


def words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def qualities(text: str) -> list[float]:
    return sorted(quality(part) for part in words(text))


def quality(text: str) -> float:
    return _number(text, "it must be 1 to 100", 1, 100)


def size(text: str) -> int:
    try:
        return bytes_of(text)
    except CodecError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def bytes_of(text: str) -> int:
    """200000, 200K, 1.5M (thousands), 64Ki, 2Mi (1024s).

    >>> bytes_of("200K"), bytes_of("1.5Mi")
    (200000, 1572864)

    Raises:
        CodecError: if the text is none of them.
    """
    units = {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "k": 10**3, "m": 10**6, "g": 10**9}
    lower = text.strip().lower().removesuffix("b")
    unit = next((unit for unit in units if lower.endswith(unit)), "")
    try:
        number = float(lower.removesuffix(unit)) * units.get(unit, 1)
        if 1 <= number < 1 << 60:
            return int(number)
    except ValueError:
        pass
    raise CodecError(f"size {text!r} is not allowed; give bytes, as 200000, 200K, 1.5M or 64Ki",
                     "usage")


def crop(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if len(parts) % 2 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give X,Y,W,H in pixels, of a "
                                         "volume X,Y,Z,W,H,D, of a signal START,COUNT")
    return tuple(map(int, parts))


def seconds(text: str) -> float:
    """12.5, 1:02.5 or 1:00:02.5."""
    *before, last = text.split(":")
    if len(before) > 2 or not all(part.isdecimal() for part in before):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; {SECONDS}")
    found = _number(last, SECONDS, 0)
    for i, part in enumerate(reversed(before)):
        found += int(part) * 60**(i + 1)
    return found


def rate(text: str) -> Fraction:
    """24, 23.976 or 24000/1001, of frames a second."""
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not Fraction(1, 1000) <= found <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give frames a second, as 24 or "
                                         "30000/1001")
    return found.limit_denominator(1001)


def suffix(text: str) -> str:
    """.jpg or jpg -> .jpg"""
    found = "." + text.lower().removeprefix(".")
    known = [*WRITTEN, *VOLUMES, *SIGNALS, *sorted(CLIPS)]
    if found not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; it must be one of "
                                         f"{', '.join(dict.fromkeys(known))}")
    return found


def _number(text: str, otherwise: str, least: float = 1e-300, most: float = 1e300) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; {otherwise}")
    return number
