"""The model of volumes: `codec train VOLUMES --config volume --bfloat16`.

The shipped weights: averages, from the DCT, 38 minutes, 4,797 steps on two CPU cores that others
used too, on 25 recordings (models/weights/volume/README.md lists them), without `relative`; of what
lies far from 0 the range was that from 0. models/weights/volume/NOTES.md has what was measured.
"""

from codec.models.config import Config

MEDIUM = "volume"
LEAN = True
MODEL = Config("volume", family="volume", channels=(64, 96), latents=256, hyper_latents=64,
               slices=(16, 48, 64, 128), quarters=True, context=64, rdoq=0.5, feedback=0.7,
               lambdas=(0.0005, 12.0), samples=1, whole=False, cell=(4, 8, 8), hyper_cell=(4, 4, 4),
               halo={"analysis": 2, "hyper_analysis": 1, "hyper_synthesis": 1, "synthesis": 1})
TRAINING = dict(minutes=90, batch=4, patch=(16, 64, 64), adam=1.6e-3, muon=2e-3, ema=0.999,
                relative=True)
