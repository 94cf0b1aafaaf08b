"""`codec train DATA --config hyperprior`: Balle, Minnen, Singh, Hwang and Johnston, "Variational
image compression with a scale hyperprior" (ICLR 2018).

The paper's transforms and priors; the gain vectors that make the rate variable are ours, and
hyper-synthesis is the integer network of all models. No weights ship, and no long run was made.
"""

from codec.models.config import Config

MEDIUM = "picture"
MODEL = Config("hyperprior", "balle", "scale", (128,), 192, 128)
TRAINING = dict(minutes=600, batch=8, patch=256, adam=1e-4, muon=0.0, ema=0.999)
