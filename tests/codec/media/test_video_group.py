"""The order of frames in a group."""

from hypothesis import given
from hypothesis import strategies as st

from codec.media import video_group
from codec.media.video_group import Plan


@given(st.integers(1, 40), st.sampled_from(video_group.SPANS))
def test_every_frame_comes_once_and_after_its_references(count, span):
    plan = Plan(50.0, span, (4.0,) * 6)
    waves, done = plan.order(count), set()
    for places in waves:
        for place in places:
            assert set(place.references) <= done and 26 <= plan.quality_of(place) <= 50
            assert len(place.references) == len(set(place.references)) <= 2
            if len(place.references) == 2:
                assert place.references[0] < place.frame < place.references[1]
        done |= {place.frame for place in places}
    frames = [place.frame for places in waves for place in places]
    assert sorted(frames) == list(range(count))
    assert [place.frame for places in waves for place in places if not place.references] == [0]


def test_quality_falls_from_level_to_level():
    plan = Plan(50.0, 8, (6.0, 14.0, 20.0, 24.0))
    found = [[plan.quality_of(place) for place in places] for places in plan.order(9)]
    assert found == [[50.0], [44.0], [36.0], [30.0, 30.0], [26.0] * 4]
    assert Plan(3.0, 1, (9.0,)).quality_of(video_group.Place(1, [0], 0)) == 1.0


@given(st.binary(max_size=20))
def test_any_bytes_are_a_plan_or_an_error(data):
    try:
        plan, end = Plan.unpack(data)
    except (IndexError, ValueError):
        return
    assert plan.pack() == data[:end] or data[0] > 127       # a varint of more bytes than it needs
    assert 1 <= plan.quality <= 100 and plan.span in video_group.SPANS
