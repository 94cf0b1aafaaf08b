"""The model of residual pictures: `codec train CLIPS --config video --start photo --bfloat16`.

The networks of `photo`, whose analysis and linear paths stay as they are; synthesis sees the
prediction. What it learns from are clips as they are coded, at random qualities.

The shipped weights: eleven twelfths of 357 sequences of frames of 256x256 pixels
(models/weights/video/README.md lists them), 3,270 residual pictures, made by an earlier encoder
(means of two references, groups of seven frames, no choices); averaged weights, 70 minutes on two
CPU cores that others used too:

1. From the weights of `photo`, 50 minutes, 6,675 steps of four 192x192 crops, without `feedback`.
2. On with the averages of 1., 20 minutes, 4,232 steps, with it.

What was tried on the way is in models/weights/video/NOTES.md.
"""

from codec.models.config import Config

MEDIUM = "video"
BASE = "photo"
MODEL = Config("video", family="video", slices=(16, 48, 96, 224), quarters=True, rdoq=0.5,
               feedback=0.7)
TRAINING = dict(minutes=90, batch=4, patch=192, adam=1.6e-3, muon=2e-3, ema=0.999)
