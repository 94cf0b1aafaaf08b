"""What bad streams get: one line, quickly, in little memory."""

import resource
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import codec
from codec import bitstream


@pytest.fixture(scope="module")
def streams(photo):
    rgba = np.dstack([photo[:70, :90], photo[:70, :90, :1]])
    with_alpha = codec.read_picture(Image.fromarray(rgba))
    return [codec.compress(photo, quality=30), codec.compress(photo[:1, :1], quality=90),
            codec.compress(with_alpha, quality=60)]


@pytest.fixture(scope="module", autouse=True)
def memory_stays_bounded(streams):
    """Nothing in this file may take a gigabyte more than decoding a good stream does."""
    codec.decompress(streams[0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000      # kB


@settings(max_examples=600, deadline=10_000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_flip_or_cut_decodes(streams, data):
    blob = bytearray(data.draw(st.sampled_from(streams)))
    if data.draw(st.booleans()):
        del blob[data.draw(st.integers(0, len(blob) - 1)):]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(blob) - 1) | st.integers(0, 60))
            blob[min(at, len(blob) - 1)] ^= data.draw(st.integers(1, 255))
        if bytes(blob) in streams:          # two flips may undo each other
            return
    is_refused(blob)


def is_refused(blob):
    for read in (codec.info, codec.decompress):
        with pytest.raises(codec.CodecError) as raised:
            read(bytes(blob))
        assert "\n" not in str(raised.value) and len(str(raised.value)) > 5


def test_no_byte_of_the_frame_may_change(streams):
    """Every value of every byte up to the end of the header's section; 2 for the version once went
    unnoticed, as it was read like 3."""
    for at in range(9 + 6 + 17):
        for value in set(range(256)) - {streams[0][at]}:
            is_refused(streams[0][:at] + bytes([value]) + streams[0][at + 1:])


@settings(max_examples=100, deadline=10_000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_under_a_right_checksum_is_found_by_the_latents(streams, data):
    """Who repairs a section's CRC-32 still cannot pass the digest of the symbols: what decodes
    all the same (spare bits at the end of a coded payload) gives the very same symbols."""
    blob = streams[data.draw(st.integers(0, 1))]
    sections = bitstream.read(blob)
    which = data.draw(st.integers(0, len(sections) - 1))
    payload = bytearray(sections[which].payload)
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    sections[which] = bitstream.Section(sections[which].type, bytes(payload))
    try:
        found = codec.verify(bitstream.write(sections), max_pixels=1 << 20)
    except codec.CodecError:
        return
    assert found == codec.verify(blob)


def test_a_small_file_that_claims_much_costs_little(streams):
    """As many latents as the limit allows, from a few bytes: refused, or at least cheap."""
    header = bitstream.Header.unpack(bitstream.read(streams[0])[0].payload)
    huge = bitstream.Header(header.media, 200_000, 200_000, 1 << 10, 50, header.digest, "photo")
    blob = bitstream.write([bitstream.Section("H", huge.pack())])
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.time()
    with pytest.raises(codec.CodecError, match="allowed are 134217728"):
        codec.decompress(blob)
    with pytest.raises(codec.CodecError, match="holds 0 of 38416 tiles"):
        codec.info(blob)
    large = bitstream.Header(header.media, 1 << 15, 1 << 12, 1 << 12, 50, header.digest, "photo")
    with pytest.raises(codec.CodecError, match="0 of 8 tiles"):
        codec.decompress(bitstream.write([bitstream.Section("H", large.pack())]))
    assert time.time() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000    # kB


@pytest.mark.parametrize("order", ["HHZY", "HZZY", "HZYY", "ZHY", "HY", "HZ", "H", ""])
def test_sections_must_belong_together(streams, order):
    parts = {s.type: s for s in bitstream.read(streams[0])}
    with pytest.raises(codec.CodecError):
        codec.decompress(bitstream.write([parts[kind] for kind in order]))
