"""Lossless and bounded-error coding of pictures: `codec train DATA --config exact`.

Crops of the pictures, scaled by 0.45 to 0.68, so that what lossy files lost is gone with it; 60 %
of them with chroma of half the resolution, as most photographs have it.
"""

from codec.models.config import Config

MEDIUM = "picture"
MODEL = Config("exact", family="exact", hyper="none", channels=(32,), cell=(1, 1),
               hyper_cell=(1, 1), halo={})
TRAINING = dict(minutes=9, patch=144, scales=(0.45, 0.68), crops=1600, rate=4e-3, soft=0.6,
                bounds=(0, 0, 0, 0, 0, 0, 1, 2, 4), seed=0)
