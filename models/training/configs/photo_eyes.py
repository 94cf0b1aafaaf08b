"""The picture model for eyes: `codec train DATA --config photo-eyes --start photo --bfloat16`.

The networks of `photo`, trained on from its weights for SSIMULACRA2, MS-SSIM and chroma beside a
share of squared error: see models/weights/photo-eyes/NOTES.md.
"""

from codec.models.config import Config

MEDIUM = "picture"
MODEL = Config("photo-eyes", slices=(16, 48, 96, 224), quarters=True, rdoq=0.5, feedback=0.7)
TRAINING = dict(minutes=90, batch=4, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999,
                squared=0.3, ssimulacra2=0.15, ms_ssim=0.1, chroma=0.015)
