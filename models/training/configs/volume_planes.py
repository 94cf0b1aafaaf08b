"""The model of volumes whose planes are far apart, or that are but one:
`codec train VOLUMES --config volume-planes --bfloat16`.

Planes have a DCT of 16x16 each; only networks, and what codes latents, look across them.

The shipped weights: averages, from the DCT, with the exact networks and hyper-analysis of `volume`
to begin with, at 0.9 of the rates, 20 minutes, 4,425 steps on two CPU cores, on the same
recordings.
"""

from codec.models.config import Config

MEDIUM = "volume"
LEAN = True
MODEL = Config("volume-planes", family="volume", channels=(64, 96), latents=256, hyper_latents=64,
               slices=(16, 48, 64, 128), quarters=True, context=64, rdoq=0.5, feedback=0.7,
               lambdas=(0.0005, 12.0), samples=1, whole=False, cell=(1, 16, 16),
               hyper_cell=(4, 4, 4),
               halo={"analysis": 3, "hyper_analysis": 1, "hyper_synthesis": 1, "synthesis": 2})
TRAINING = dict(minutes=60, batch=4, patch=(4, 128, 128), adam=1.6e-3, muon=2e-3, ema=0.999,
                relative=True)
