import pytest

from codec import rate_control
from codec.models.errors import CodecError
from codec.rate_control import Target


@pytest.mark.parametrize("arguments", [{}, {"quality": 50, "bpp": 1}, {"quality": 0},
                                       {"quality": 100.1}, {"size": 0}, {"bpp": -1},
                                       {"psnr": float("inf")}, {"bpp": float("nan")}])
def test_a_target_is_one_possible_thing(arguments):
    with pytest.raises(CodecError) as told:
        Target(**arguments)
    assert told.value.kind == "usage"


@pytest.mark.parametrize("target, quality", [
    (Target(quality=42.123), 42.125), (Target(size=4299), 42.5), (Target(bpp=34.4), 42.5),
    (Target(psnr=62.5), 42.5), (Target(bpp=1000.0), 100), (Target(psnr=1.0), 1)])
def test_every_target_gives_one_quality(target, quality):
    """Of 1000 pixels, 100 bytes and a decibel a step of quality, from 20 dB on."""
    found = rate_control.quality_for(target, lambda q: int(100 * q), lambda q: 20 + q, 1000)
    assert found == pytest.approx(quality, abs=0.5)
    if target.size or target.bpp == 34.4:
        assert 100 * found < 4301


@pytest.mark.parametrize("limit", [150, 500, 1234, 9999])
def test_sizes_are_met_from_below(limit):
    def size(q):
        return int(100 * 1.05**q)
    assert 0.97 * limit < size(rate_control.largest_within(limit, size)) <= limit


def test_the_ends_of_the_range():
    assert rate_control.largest_within(1e9, lambda q: int(q)) == 100
    with pytest.raises(CodecError, match="lowest quality takes 500") as told:
        rate_control.largest_within(499, lambda q: 500)
    assert told.value.kind == "limit"
    assert rate_control.smallest_reaching(20, lambda q: 20 + q) == 1
    with pytest.raises(CodecError, match=r"reaches 40\.00") as told:
        rate_control.smallest_reaching(41, lambda q: 40)
    assert told.value.kind == "limit"


def test_few_looks_find_what_is_nearly_linear():
    looks = []

    def size(q):
        looks.append(q)
        return int(1000 * 1.04**q * (1 + q / 100))
    for limit in 1500, 5000, 20000, 80000:
        looks.clear()
        assert 0.98 * limit < size(rate_control.largest_within(limit, size)) <= limit
        assert len(looks) <= 7


def test_a_staircase_ends():
    assert rate_control.largest_within(10, lambda q: 5 if q < 33.3 else 50) == \
        pytest.approx(33.3, abs=1 / 256)
