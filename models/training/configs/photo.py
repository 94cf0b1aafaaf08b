"""The default picture model: `codec train DATA --config photo --bfloat16`.

The shipped weights: 3,316 pictures (about 460 megapixels; models/weights/photo/README.md lists
them), averaged weights, 192.5 minutes on two CPU cores:

1. From the DCT, 90 minutes, 38,860 steps of two 256x256 crops (`--minutes 90`).
2. On with the averages of 1. and its optimizer's state, 15.5 minutes, 4,918 steps of four crops at
   a fifth of the rates.
3. On with the averages of 2. and its optimizer's state, 87 minutes, 26,383 steps of four crops at
   0.35 of the rates, one cosine; the last 24 minutes with `feedback`.

Kodak, real files, BD-rate in PSNR-RGB from 0.1 to 1.5 bpp: +5.7 % against BPG 4:4:4 (after 2.:
+12.9, after 1.: +13.7), +31.4 against VTM, -11.5 against AVIF 4:4:4. What was tried on the way is
in models/weights/photo/NOTES.md.
"""

from codec.models.config import Config

MEDIUM = "picture"
MODEL = Config("photo", slices=(16, 48, 96, 224), quarters=True, rdoq=0.5, feedback=0.7)
TRAINING = dict(minutes=90, batch=2, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999)
