"""`codec train DATA --config factorized`: Balle, Laparra and Simoncelli, "End-to-end optimized
image compression" (ICLR 2017).

The paper's transforms and priors; the gain vectors that make the rate variable are ours, and
hyper-synthesis is the integer network of all models. No weights ship, and no long run was made.
"""

from codec.models.config import Config

MEDIUM = "picture"
MODEL = Config("factorized", "balle", "none", (128,), 192, 128)
TRAINING = dict(minutes=600, batch=8, patch=256, adam=1e-4, muon=0.0, ema=0.999)
