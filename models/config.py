"""What a model is made of, and the order in which its latents are coded. Imports no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, product
from typing import Any, NamedTuple

PEAK = 255              # of 8-bit samples; analysis sees 0..1
LATENT_STEP = 5.0       # scales the DCT so that rounding is the right step for lambda = 0.01
SAMPLE_STEP = PEAK / LATENT_STEP        # 8-bit levels that a unit of a latent is worth
PARITIES = {1: "half", 2: "quarter", 3: "eighth"}       # by rank: what a parity leaves of the cells

Cell = tuple[int, ...]      # a place in every 2x2 (2, 2x2x2)


class Step(NamedTuple):
    """Latents that are coded together: their channels, their cells (a place in every 2x2, or as
    many axes as there are; None: all cells), and how many channels of latents the network before
    it sees."""

    part: slice
    cell: Cell | None
    known: int

    @property
    def cells(self) -> tuple:
        """What picks its cells out of a grid [*grid, ...].

        >>> Step(slice(0, 4), (0, 1), 4).cells
        (slice(0, None, 2), slice(1, None, 2))
        """
        return (...,) if self.cell is None else tuple(slice(at, None, 2) for at in self.cell)


@dataclass(frozen=True)
class Config:
    """What a model is made of.

    family: whose transforms ("photo", "balle", ...: `autoencoder.FAMILIES`); hyper: "mean-scale",
    "scale" or "none" (factorized); channels: of the transforms, as the family has them; latents M,
    hyper-latents N; slices: how many latents are coded before the next ones see them (empty: all at
    once); quarters: whether the first slice is coded one parity of its cells at a time (quarters of
    a picture, halves of a signal, eighths of a volume); context: the width of the networks that
    look; prediction: how many features of a prediction they see (0: there is none); gains: number
    of gain vectors; rdoq: what bits count against error where symbols are chosen, 1 as in the loss
    (0: symbols are rounded); feedback: how far latents follow the errors that what is coded shows,
    before they are coded once more (0: they are coded once); lambdas: of quality 1 and 100, in bpp
    per squared 8-bit error; samples: channels of the signal; whole: whether these are whole numbers
    in 0..255, or any between; cell: samples that a latent spans along each axis; hyper_cell:
    latents that a hyper-latent spans; halo: cells beyond which no output of a network depends on
    its input (see codec.windows).
    """

    name: str
    family: str = "photo"
    hyper: str = "mean-scale"
    channels: tuple[int, ...] = (160, 320)
    latents: int = 384
    hyper_latents: int = 128
    slices: tuple[int, ...] = ()
    quarters: bool = False
    context: int = 128
    prediction: int = 0
    gains: int = 8
    rdoq: float = 0.0
    feedback: float = 0.0
    lambdas: tuple[float, float] = (0.00012, 0.18)
    samples: int = 3
    whole: bool = True
    cell: Cell = (16, 16)
    hyper_cell: Cell = (4, 4)
    halo: dict[str, int] = field(default_factory=lambda: {
        "analysis": 2, "hyper_analysis": 2, "hyper_synthesis": 1, "synthesis": 2})

    @classmethod
    def from_json(cls, given: dict) -> Config:
        """From what JSON makes of a configuration's dictionary: lists were tuples.

        >>> Config.from_json({"name": "x", "slices": [16, 368]}).slices
        (16, 368)
        """
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v
                                  for k, v in given.items()}
        return cls(**values)

    @property
    def rank(self) -> int:
        """Axes of the signal."""
        return len(self.cell)

    def quality_lambda(self, q):
        """lambda at q in 0..1 (quality 1..100; number, array or tensor): geometric between the two
        ends.

        >>> round(float(Config("photo").quality_lambda(0.5)), 5)
        0.00465
        """
        low, high = self.lambdas
        return low * (high / low)**q

    def codes_like(self, other: Config) -> bool:
        """Whether entropy networks are of the same sizes, but for what they see of predictions.

        >>> Config("a", prediction=8).codes_like(Config("b")), Config("a").codes_like(
        ...     Config("c", latents=16))
        (True, False)
        """
        return all(getattr(self, name) == getattr(other, name) for name in (
            "rank", "hyper", "latents", "hyper_latents", "context", "steps"))

    @property
    def steps(self) -> list[Step]:
        """The order in which latents are coded; before every step but the first runs a network.

        >>> [step.cell for step in Config("x", quarters=True).steps]
        [(0, 0), (1, 1), (0, 1), (1, 0)]
        """
        sizes = self.slices or (self.latents,)
        if sum(sizes) != self.latents:
            raise ValueError(f"slices are {sizes}; their sum must be {self.latents}, the latents")
        parts = [slice(end - size, end) for size, end in zip(sizes, accumulate(sizes))]
        steps = [Step(part, None, part.start) for part in parts]
        if self.quarters:
            steps[:1] = [Step(parts[0], cell, parts[0].stop) for cell in self._parities]
        return steps

    @property
    def _parities(self) -> list[Cell]:
        """As on a chessboard: first those cells that lie diagonally to one another."""
        return sorted(product((0, 1), repeat=self.rank), key=lambda cell: (sum(cell) % 2, cell))

    @property
    def contexts(self) -> list[str]:
        """The names of the networks of all steps but the first.

        >>> Config("x", slices=(100, 284), quarters=True).contexts
        ['quarter_1', 'quarter_2', 'quarter_3', 'context_0']
        """
        parities = [f"{PARITIES[self.rank]}_{i}" for i in range(1, 2**self.rank)]
        return [*(parities if self.quarters else []),
                *(f"context_{i}" for i in range(len(self.slices) - 1))]


def position(quality: float) -> float:
    """A quality 1..100 as a share of the range, 0..1.

    >>> position(1), position(100)
    (0.0, 1.0)
    """
    return (quality - 1) / 99
