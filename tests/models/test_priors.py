from math import tanh

import numpy as np
import pytest
import tensorflow_compression as tfc

from codec.models import priors, rules
from codec.models.priors import TOTAL, Tables


def test_logistic_tables_are_the_logistic():
    tables = priors.logistic_tables()
    assert len(tables) == 64
    for index in (0, 20, 40, 63):
        row, offset = tables.frequencies[index], tables.offsets[index]
        assert row.sum() == TOTAL and row.min() >= 1
        at_zero = tanh(np.pi / np.sqrt(3) * 0.25 / np.exp(rules.log_scale(index)))
        assert row[-offset] / TOTAL == pytest.approx(at_zero, rel=5e-3)
        assert (row[:-1] == row[-2::-1]).all()


def test_factorized_tables_are_the_prior():
    prior = tfc.NoisyDeepFactorized(batch_shape=(3,))
    tables = priors.factorized_tables(prior)
    at_zero = [row[-offset] / TOTAL for row, offset in zip(tables.frequencies, tables.offsets)]
    np.testing.assert_allclose(at_zero, prior.prob(np.zeros(3, np.float32)), rtol=1e-3)


def test_storage_and_damage():
    tables = Tables.from_probabilities([np.array([0.5, 0.25]), np.array([1.0])], [-3, 7])
    again = Tables.from_arrays(tables.arrays())
    assert [r.tolist() for r in again.frequencies] == [r.tolist() for r in tables.frequencies]
    assert again.offsets.tolist() == [-3, 7]
    broken = tables.arrays()
    broken["frequencies"][0] += 1
    with pytest.raises(ValueError, match="table 0 is no table"):
        Tables.from_arrays(broken)
