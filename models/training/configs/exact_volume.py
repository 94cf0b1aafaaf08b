"""Lossless and bounded-error coding of volumes: `codec train DATA --config exact-volume`.

Blocks of up to eight planes, some turned to another axis, some of one plane or two: whole numbers,
floats within 0.1 and 0.01 % of their range.
"""

from codec.models.config import Config

MEDIUM = "volume"
MODEL = Config("exact-volume", family="exact", hyper="none", channels=(32,), cell=(1, 1, 1, 1),
               hyper_cell=(1, 1, 1, 1), halo={})
TRAINING = dict(minutes=8, patch=72, planes=8, crops=2200, rate=4e-3,
                bounds=(0, 0, 0, 0, 0, 1, 2, 4), seed=0)
