"""`photo` for eyes."""

from codec.models.config import Config

MEDIUM = "picture"
MODEL = Config("photo-eyes", slices=(16, 48, 96, 224), quarters=True, rdoq=0.5, feedback=0.7)
TRAINING = dict(minutes=90, batch=4, patch=256, adam=1.6e-3, muon=2e-3, ema=0.999,
                squared=0.3, ssimulacra2=0.15, ms_ssim=0.1)
