"""How the weights of the shipped configuration learn, said by their names."""

import re

import pytest

from codec.models.autoencoder import Autoencoder
from codec.models.learning import Learning
from codec.models.training.run import configuration

SLOW = (r"(analysis|synthesis)/linear|synthesis/patches/(kernel|bias)"
        r"|hyper_synthesis/(kernel|bias)_2|(context|quarter)_\d/(kernel|bias)_1")
MUON = (r"analysis/down/kernel|synthesis/(latents|up)/kernel"
        r"|\w+/block_\d/(mix_in/kernel|mix_out/pointwise_kernel|point_(in|out)/kernel)"
        r"|hyper_analysis/(point|down_[01])/kernel|hyper_synthesis/kernel_[012]"
        r"|(context|quarter)_\d/kernel_[01]")
TAPS = "synthesis/up/kernel"
PHASES = r"hyper_synthesis/kernel_[01]"         # outputs become 2x2 cells


@pytest.fixture(scope="module")
def model():
    return Autoencoder(configuration("photo").MODEL)


def test_the_weights_of_photo_learn_as_their_names_say(model):
    expected = {name: Learning(bool(re.fullmatch(SLOW, name)), bool(re.fullmatch(MUON, name)),
                               name == TAPS, 4 if re.fullmatch(PHASES, name) else 1)
                for name in model.weights()}
    assert model.learning() == expected
    found = expected.values()
    assert len(found) == 123
    assert (sum(how.slow for how in found), sum(how.muon for how in found)) == (18, 49)
    assert sum(how.taps for how in found) == 1
    assert sum(how.phases == 4 for how in found) == 2


def test_that_is_the_rule_by_which_the_shipped_weights_were_trained(model):
    """It knew weights by their names and shapes."""
    slow = re.compile(r".*/linear|synthesis/patches/\w+|hyper_synthesis/\w+_2|"
                      r"(context|quarter)_\d/\w+_1")
    weights = model.weights()
    for name, how in model.learning().items():
        shape = weights[name].shape
        muon = len(shape) == 4 and min(shape[2:]) > 1 and not name.endswith("patches/kernel")
        assert (how.slow, how.muon) == (bool(slow.fullmatch(name)), muon), name
        if muon:
            assert how.taps == (shape[0] == 2), name
            assert how.phases == (4 if shape[3] == 4 * shape[2] and not how.taps else 1), name


@pytest.mark.parametrize("name", ["factorized", "hyperprior", "mean-scale"])
def test_kernels_of_the_papers_are_matrices_too_and_none_is_slow_but_of_distributions(name):
    learning = Autoencoder(configuration(name).MODEL).learning()
    slow = {name for name, how in learning.items() if how.slow}
    assert slow == (set() if name == "factorized" else {
        "hyper_synthesis/kernel_2", "hyper_synthesis/bias_2"})
    muon = {name for name, how in learning.items() if how.muon}
    assert {f"{part}/{layer}_{i}/kernel" for part, layer in (("analysis", "down"), (
        "synthesis", "up")) for i in range(4)} <= muon
    assert all(re.search(r"kernel(_\d)?$", name) for name in muon)
    assert not any(how.taps for how in learning.values())       # 5x5 taps to a stride of 2
