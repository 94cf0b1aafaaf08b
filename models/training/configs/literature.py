"""How the models of the literature train: `codec train DATA --config hyperprior`, and likewise
`factorized` and `mean-scale`. No weights of them ship, and no long run has been made.
"""

TRAINING = dict(minutes=600, batch=8, patch=256, adam=1e-4, muon=0.0, ema=0.999)
