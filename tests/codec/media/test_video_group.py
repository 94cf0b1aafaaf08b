"""The order of frames in a group."""

from hypothesis import given
from hypothesis import strategies as st

from codec.media import video_group


@given(st.integers(1, 40), st.sampled_from(video_group.SPANS))
def test_every_frame_comes_once_and_after_its_references(count, span):
    levels, done = video_group.order(count, span), set()
    for places in levels:
        for place in places:
            assert set(place.references) <= done
            assert len(place.references) == len(set(place.references)) <= 2
            if len(place.references) == 2:
                assert place.references[0] < place.frame < place.references[1]
        done |= {place.frame for place in places}
    frames = [place.frame for places in levels for place in places]
    assert sorted(frames) == list(range(count))
    assert [place.frame for places in levels for place in places if not place.references] == [0]


def test_quality_falls_from_level_to_level():
    levels = video_group.order(9, 8)
    found = [[place.quality(50.0) for place in places] for places in levels]
    assert found == [[50.0], [44.0], [36.0], [30.0, 30.0], [26.0] * 4]
    assert video_group.Place(1, [0, 2], 5).quality(3.0) == 1.0
