"""What a model of residual pictures learns from."""

import numpy as np
from PIL import Image

from codec.training import arrays
from tests.codec.media.made_clips import moving, scrolling


def test_clips_are_learned_from_as_they_are_coded(tmp_path):
    for name, frames in (("a", scrolling(3, 96, 96)), ("b", moving(3, 64, 64))):
        Image.fromarray(frames.reshape(-1, *frames.shape[2:])).save(tmp_path / f"{name}.png")
    found = list(arrays("video", tmp_path, (64, 64), 1))
    assert [a.shape for a in found] == [(64, 64, 7)] * 4        # of b, twice; a is a drawn one
    residual, prediction, quality = np.split(found[0].astype(int), [3, 6], -1)
    assert len(np.unique(quality)) == 1
    shown = np.clip(residual - 128 + prediction, 0, 255)
    assert (shown == moving(3, 64, 64)[2]).mean() > 0.95        # the last frame is coded first
