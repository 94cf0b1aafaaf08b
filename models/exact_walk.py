"""The channels of exactly coded tiles, one after the other: what each sees and is coded less of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from codec.models.exact import Known, Linear, Setting

MOST = 2        # other planes that one sees


class Channel(NamedTuple):
    """A channel: its place among a sample's; how many of the channels before it in coding order it
    sees; of how many of these it is coded less (0; 1: the last one; 2: the mean of the last two);
    how many earlier planes of itself it sees; and the bound that holds for it."""

    place: int
    others: int
    less: int
    back: int
    bound: int

    @property
    def crosses(self) -> int:
        return self.others + self.back


def channels(count: int, planes: int, bound: int, luma: bool = False) -> list[Channel]:
    """Gray, gray and alpha, RGB, RGBA in coding order, or luma and chroma, which are not coded less
    of one another. Alpha is never changed.

    >>> [channel.place for channel in channels(4, 1, 2)]
    [1, 0, 2, 3]
    >>> [channel.back for channel in channels(3, 2, 0)]
    [1, 1, 0]
    >>> [channel.less for channel in channels(3, 1, 0, luma=True)]
    [0, 0, 0]
    """
    order = (0, 1, 2) if luma else (1, 0, 2)
    places = [0] if count < 3 else order
    kinds = [(place, others, bound) for others, place in enumerate(places)]
    kinds += [(count - 1, 0, 0)] * (count in (2, 4))
    return [Channel(place, others, 0 if luma else others, min(MOST - others, planes - 1), most)
            for place, others, most in kinds]


class Walk:
    """Goes through tiles [T, D, h, w, C] channel by channel; samples: as decoded so far."""

    def __init__(self, shape: tuple[int, ...], depth: int, bound: int, luma: bool = False):
        self.shape, self.depth = shape, depth
        self.channels = channels(shape[4], shape[1], bound, luma)
        self.samples: np.ndarray = np.zeros(shape, np.min_scalar_type((1 << depth) - 1))
        self._known: list[Known] = []

    def less_base(self, channel: Channel, samples: np.ndarray) -> np.ndarray:
        """A channel of samples [T, D, h, w, C] as it is coded, int32 [T, D, h, w]."""
        base, own = self._base(channel), samples[..., channel.place].astype(np.int32)
        return own if base is None else own - base

    def _base(self, channel: Channel) -> np.ndarray | None:
        """Decoded samples that a channel is coded less of, int32 [T, D, h, w]."""
        before = [self.samples[..., other.place].astype(np.int32) for other in
                  self.channels[len(self._known) - channel.less:len(self._known)]]
        return None if not before else np.sum(before, 0) >> (len(before) - 1)

    def others(self, channel: Channel) -> list[np.ndarray]:
        """What a channel sees of others, less their bases, nearest first."""
        return [known.samples.whole() for known in self._seen(channel)]

    def _seen(self, channel: Channel) -> tuple[Known, ...]:
        return tuple(self._known[::-1][:channel.others])

    def setting(self, channel: Channel, linear: Linear) -> Setting:
        """What it takes to predict a channel."""
        return Setting(self.depth, channel.bound, linear, self._seen(channel), channel.back,
                       self._base(channel))

    def add(self, channel: Channel, setting: Setting, known: Known) -> None:
        """A channel is decoded."""
        found = known.samples.whole()
        self.samples[..., channel.place] = found if setting.base is None else found + setting.base
        self._known.append(known)
