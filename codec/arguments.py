"""What the options of the command line may be: text -> value, or a message that argparse shows."""

from __future__ import annotations

import argparse


def amount(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; it must be above 0")
    return number


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; it must be 1 or more")
    return int(text)


def words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def qualities(text: str) -> list[float]:
    return sorted(quality(part) for part in words(text))


def quality(text: str) -> float:
    number = float(text)
    if not 1 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; it must be 1 to 100")
    return number


def size(text: str) -> int:
    """200000, 200K, 1.5M (thousands), 64Ki, 2Mi (1024s).

    >>> size("200K"), size("1.5Mi")
    (200000, 1572864)
    """
    units = {"ki": 1024, "mi": 1 << 20, "k": 1000, "m": 1000**2}
    lower = text.lower().removesuffix("b")
    for unit, factor in units.items():
        if lower.endswith(unit):
            return int(amount(lower.removesuffix(unit)) * factor)
    return positive(lower)


def crop(text: str) -> tuple[int, int, int, int]:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; give X,Y,W,H in pixels")
    x, y, width, height = map(int, parts)
    return x, y, width, height
