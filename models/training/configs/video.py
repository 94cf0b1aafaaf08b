"""The model of residual pictures: `codec train CLIPS --config video --start photo --bfloat16`.

The networks of `photo`, whose analysis and linear paths stay as they are; synthesis sees the
prediction.
"""

from codec.models.config import Config

MEDIUM = "video"
BASE = "photo"
MODEL = Config("video", family="video", slices=(16, 48, 96, 224), quarters=True, rdoq=0.5,
               feedback=0.7)
TRAINING = dict(minutes=90, batch=4, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999)
