import pytest

from codec import rate_control
from codec.errors import CodecError
from codec.rate_control import Target


@pytest.mark.parametrize("arguments", [{}, {"quality": 50, "bpp": 1}, {"quality": 0},
                                       {"quality": 100.1}, {"size": 0}, {"bpp": -1},
                                       {"psnr": float("inf")}, {"bpp": float("nan")}])
def test_a_target_is_one_possible_thing(arguments):
    with pytest.raises(CodecError):
        Target(**arguments)


@pytest.mark.parametrize("limit", [150, 500, 1234, 9999])
def test_sizes_are_met_from_below(limit):
    def size(q):
        return int(100 * 1.05**q)
    assert 0.97 * limit < size(rate_control.largest_within(limit, size)) <= limit


def test_the_ends_of_the_range():
    assert rate_control.largest_within(1e9, lambda q: int(q)) == 100
    with pytest.raises(CodecError, match="lowest quality takes 500"):
        rate_control.largest_within(499, lambda q: 500)
    assert rate_control.smallest_reaching(20, lambda q: 20 + q) == 1
    with pytest.raises(CodecError, match=r"reaches 40\.00"):
        rate_control.smallest_reaching(41, lambda q: 40)


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
