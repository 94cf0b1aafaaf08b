"""The model of residual pictures: `codec train CLIPS --config video --start photo --bfloat16`.

The networks of `photo`, whose analysis and linear paths stay as they are; synthesis sees the
prediction. What it learns from are clips as they are coded, at random qualities.

The shipped weights: averages, of runs on two CPU cores that others used too, on 357 sequences of
frames of 256x256 pixels (models/weights/video/README.md lists them):

1. From the weights of `photo`, 50 minutes, 6,675 steps of four 192x192 crops, without `feedback`,
   on 3,270 residual pictures of eleven twelfths of them that an earlier encoder had made (means of
   two references, groups of seven frames, no choices).
2. On with the averages of 1., 20 minutes, 4,232 steps, with it.
3. On with those of 2., 85 minutes, 8,672 steps, on all of them as clips are coded now, in groups of
   up to 17 frames. The rate fell as if for 120 minutes, from minute 64 on 2.5 times as fast.
4. On with those of 3., 46 minutes, 2,250 steps, on all of them as clips are coded since blocks
   overlap, once each, at qualities of 12 to 98.
5. On with those of 4., 66 minutes, 7,656 steps, on the same, with networks that see the prediction.
   Tables are of 406 crops, of what the weights of 3. leave.

What was tried on the way is in models/weights/video/NOTES.md.
"""

from codec.models.config import Config

MEDIUM = "video"
BASE = "photo"
MODEL = Config("video", family="video", slices=(16, 48, 96, 224), quarters=True, rdoq=0.5,
               feedback=0.7, prediction=64)
TRAINING = dict(minutes=90, batch=4, patch=192, adam=1.6e-3, muon=2e-3, ema=0.999)
