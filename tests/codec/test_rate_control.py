import pytest

from codec import rate_control
from codec.models.errors import CodecError
from codec.rate_control import Target


@pytest.mark.parametrize("arguments", [
    {}, {"quality": 50, "bpp": 1}, {"quality": 0}, {"quality": 100.1}, {"size": 0}, {"bpp": -1},
    {"psnr": float("inf")}, {"bpp": float("nan")}, {"ssimulacra2": 0},
    {"psnr": 30, "ssimulacra2": 60}])
def test_a_target_is_one_possible_thing(arguments):
    with pytest.raises(CodecError) as told:
        Target(**arguments)
    assert told.value.kind == "usage"


@pytest.mark.parametrize("target, quality", [
    (Target(quality=42.123), 42.125), (Target(size=4299), 42.5), (Target(bpp=34.4), 42.5),
    (Target(psnr=62.5), 42.5), (Target(ssimulacra2=62.5), 42.5),
    (Target(bpp=1000.0), 100), (Target(psnr=1.0), 1)])
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
    with pytest.raises(CodecError, match=r"of 10 qualities tried, 1 takes least: 500$") as told:
        rate_control.largest_within(499, lambda q: 500)
    with pytest.raises(CodecError, match=r"takes least: 500 \(480 of them metadata"):
        rate_control.largest_within(499, lambda q: 500, 480)
    assert told.value.kind == "limit"
    assert rate_control.smallest_reaching(20, lambda q: 20 + q) == 1
    with pytest.raises(CodecError, match=r"of 9 qualities tried, 100 reaches most: 40\.00") as told:
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


def graphics(q):
    """Sizes of a drawing: sharp lines cost most where they are worst."""
    return int(557 if q < 20 else 381 + 4 * abs(q - 25))


@pytest.mark.parametrize("limit, least, most", [
    (400, 22, 29.75), (381, 25, 25.01), (500, 52, 54.75)])
def test_sizes_that_fall_first_are_met_all_the_same(limit, least, most):
    found = rate_control.largest_within(limit, graphics)
    assert graphics(found) <= limit and least <= found <= most


def test_the_other_end_is_tried_too():
    assert rate_control.largest_within(100, lambda q: 200 if q < 4 else 90) == 100


def test_what_was_not_tried_is_not_claimed():
    tried = []

    def size(q):
        tried.append((graphics(q), q))
        return graphics(q)
    with pytest.raises(CodecError) as told:
        rate_control.largest_within(300, size)
    assert str(told.value) == ("cannot be made as small as 300 bytes; of "
                               f"{len(tried)} qualities tried, {min(tried)[1]:g} takes least: 381")


def test_a_photograph_that_cannot_be_so_small_is_not_tried_at_length():
    looks = []
    with pytest.raises(CodecError, match="cannot be made as small as 10 bytes"):
        rate_control.largest_within(10, lambda q: looks.append(q) or int(1000 * 1.04**q))
    assert len(looks) <= 4


def test_a_psnr_that_falls_at_last_is_reached_before():
    def psnr(q):
        return 20 + q / 4 if q < 80 else 30 - (q - 80) / 4
    assert psnr(rate_control.smallest_reaching(33, psnr)) == pytest.approx(33, abs=0.1)
    with pytest.raises(CodecError, match=r"cannot reach 45 dB; of 9 qualities tried, 70 reaches"):
        rate_control.smallest_reaching(45, psnr)
