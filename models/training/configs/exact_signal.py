"""Lossless and bounded-error coding of signals: `codec train DATA --config exact-signal`.

Pieces of sound and of recordings, one to three channels of each: whole numbers, floats within 0.1
and 0.01 % of their range.
"""

from codec.models.config import Config

MEDIUM = "signal"
MODEL = Config("exact-signal", family="exact", hyper="none", channels=(32,), cell=(1,),
               hyper_cell=(1,), halo={})
TRAINING = dict(minutes=6, patch=8192, cuts=16, rate=4e-3, bounds=(0, 0, 0, 0, 0, 0, 1, 4),
                seed=0)
