"""Every seed and every former finding, and a few mutations of each."""

import random

import pytest

from tests.fuzz.targets import TARGETS, mutated, repaired, seeds


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_results_and_errors_of_one_line(name):
    chance = random.Random(0)
    for data in seeds(name):
        TARGETS[name](data)
        for _ in range(2):
            TARGETS[name](mutated(data, chance))


def test_sound_files_need_no_repair():
    for data in seeds("decoder") + [d for d in seeds("pictures") if d.startswith(b"\x89PNG")]:
        assert repaired(data) == data
