"""The default picture model: `codec train DATA --config photo`.

Decoder 15 kMAC/pixel. See the foot of README for what it reached and how long it took.
"""

TRAINING = dict(minutes=60, batch=2, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999)
