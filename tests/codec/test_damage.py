"""What bad streams get: one line, quickly, in little memory."""

import io
import resource
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import codec
from codec import bitstream, latents
from codec.bitstream import Header, Section
from codec.models import zoo


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
        assert raised.value.kind in ("damaged", "unsupported")


def sections_of(blob: bytes) -> list[Section]:
    return list(bitstream.Reader(io.BytesIO(blob)))


def file_of(sections) -> bytes:
    out = io.BytesIO()
    bitstream.write(out, sections)
    return out.getvalue()


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
    sections = sections_of(blob)
    which = data.draw(st.integers(0, len(sections) - 1))
    payload = bytearray(sections[which].payload)
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    sections[which] = Section(sections[which].type, bytes(payload))
    try:
        found = codec.verify(file_of(sections), max_pixels=1 << 20)
    except codec.CodecError:
        return
    assert found == codec.verify(blob)


def test_a_small_file_that_claims_much_costs_little(streams):
    """As many latents as the limit allows, from a few bytes: refused, or at least cheap."""
    header = Header.unpack(sections_of(streams[0])[0].payload)
    huge = Header(header.media, (200_000, 200_000), 1 << 10, 50, header.digest, "photo")
    blob = file_of([Section("H", huge.pack())])
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.time()
    with pytest.raises(codec.CodecError, match="allowed are 134217728"):
        codec.decompress(blob)
    with pytest.raises(codec.CodecError, match="holds 0 of 38416 tiles"):
        codec.info(blob)
    wide = Header(header.media, (1 << 12, 1 << 15), 1 << 12, 50, header.digest, "photo")
    with pytest.raises(codec.CodecError, match="holds impossible values"):
        codec.decompress(file_of([Section("H", wide.pack())]))
    large = Header(header.media, (1 << 12, 1 << 15), 1 << 10, 50, header.digest, "photo")
    with pytest.raises(codec.CodecError, match="0 of 128 tiles"):
        codec.decompress(file_of([Section("H", large.pack())]))
    assert time.time() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000    # kB


@pytest.mark.parametrize("order", ["HHZY", "HZZY", "HZYY", "ZHY", "HY", "HZ", "H", ""])
def test_sections_must_belong_together(streams, order):
    parts = {s.type: s for s in sections_of(streams[0])}
    blob = file_of([parts[kind] for kind in order])
    for read in (codec.info, codec.decompress, codec.verify):
        if (read, order) != (codec.info, "HY"):         # only the model tells that Z is missing
            with pytest.raises(codec.CodecError) as told:
                read(blob)
            assert told.value.kind == "damaged"


# ---- as it comes through pipes

class Trickle:
    """Gives few bytes at a time, whatever is asked for, as pipes and sockets may."""

    def __init__(self, blob: bytes, most: int):
        self.file, self.most = io.BytesIO(blob), most

    def read(self, count: int = -1) -> bytes:
        return self.file.read(self.most if count < 0 else min(count, self.most))


@pytest.mark.parametrize("most", [1, 5, 1000])
def test_few_bytes_at_a_time_are_a_file_too(streams, most):
    for blob in streams:
        assert codec.info(Trickle(blob, most)) == codec.info(blob)
        assert codec.verify(Trickle(blob, most)) == codec.verify(blob)
        one, other = codec.decompress(Trickle(blob, most)), codec.decompress(blob)
        assert (one.pixels == other.pixels).all()


@settings(max_examples=100, deadline=10_000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_is_found_however_it_comes(streams, data):
    blob, most = bytearray(streams[2]), data.draw(st.integers(1, 300))
    if data.draw(st.booleans()):
        del blob[data.draw(st.integers(0, len(blob) - 1)):]
    else:
        blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    for read in (codec.info, codec.decompress, codec.verify):
        with pytest.raises(codec.CodecError) as at_once:
            read(bytes(blob))
        with pytest.raises(codec.CodecError) as in_pieces:
            read(Trickle(bytes(blob), most))
        assert str(in_pieces.value) == str(at_once.value)


@pytest.mark.parametrize("read", [codec.info, codec.decompress, codec.verify])
@pytest.mark.parametrize("kind", ["Y", "x", "Q"])
def test_a_section_that_claims_much_costs_little(streams, kind, read):
    """800 MB said in a file of 100 bytes."""
    blob = streams[0][:37] + kind.encode() + bitstream.varint(800_000_000)
    blob += bytes(100 - len(blob))
    codec.decompress(streams[0])                        # what is made once in a process, is made
    for source in (blob, Trickle(blob, 10)):
        tracemalloc.start()
        try:
            with pytest.raises(codec.CodecError, match="says 800000000 bytes, 53 are left"):
                read(source)
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


# ---- several arrays of latents in a file

@pytest.fixture(scope="module")
def two_units():
    """(header, model's coding, the latents of two arrays, the sections of each)."""
    model, header = codec.find_model("photo"), Header(0, (80, 140), 64, 50, b"abcd", "photo")
    arrays, coded = [], []
    for number in 0, 1:
        random = np.random.default_rng(number)
        y = random.normal(0, 2, [5, 9, 384]).astype(np.float32)
        z = random.integers(-3, 4, [2, 3, 128]).astype(np.int32)
        choose = model.chooser(50)
        arrays.append(latents.rounded(y, z, header, model.coding, choose))
        coded.append(list(latents.encode(y, z, header, model.coding, choose, number=number)))
    return header, model.coding, arrays, coded


def units_of(header: Header, sections: list[Section]) -> list[bitstream.Unit]:
    """What a reader of the file with these sections finds."""
    blob = file_of([Section("H", header.pack()), *sections])
    found = iter(bitstream.Reader(io.BytesIO(blob)))
    assert bitstream.read_header(found) == header
    return list(bitstream.units(found, header.tiles, {}))


def test_units_follow_one_another(two_units):
    header, coding, arrays, (first, second) = two_units
    assert "".join(section.type for section in first + second) == "ZYYYYYYZYYYYYY"
    units = units_of(header, first + second)
    for number, unit in enumerate(units):
        assert (latents.decode(unit, header, coding, number=number) == arrays[number]).all()
    assert latents.digest(units, header, coding)["symbols"] == 2 * 5 * 9 * 384


@pytest.mark.parametrize("order", ["swapped", "repeated", "the second alone", "a tile swapped",
                                   "hyper-latents swapped"])
def test_units_out_of_their_order_are_refused(two_units, order):
    header, coding, _, (first, second) = two_units
    units = units_of(header, {
        "swapped": second + first, "repeated": first + first, "the second alone": second,
        "a tile swapped": [*first[:3], second[3], *first[4:], *second[:3], first[3], *second[4:]],
        "hyper-latents swapped": [second[0], *first[1:], first[0], *second[1:]]}[order])
    wrong = {"repeated": [1], "the second alone": [0]}.get(order, [0, 1])
    for number in wrong:
        with pytest.raises(codec.CodecError, match=REFUSED) as told:
            latents.decode(units[number], header, coding, number=number)
        assert told.value.kind == "damaged"
    with pytest.raises(codec.CodecError, match=REFUSED):
        latents.digest(units, header, coding)


REFUSED = r"damaged: (latents differ from those that were written|the coded latents are not)"


@pytest.mark.parametrize("side, message", [
    (8192, "44 bytes cannot hold latents that take 56117 at least"),
    (64, "latents differ from those that were written")])
def test_a_tiny_file_costs_no_more_than_its_bytes_allow(side, message):
    """What a header announces is not worked on where so few bytes cannot hold it."""
    model = zoo.find("photo")
    header = Header(0, (side, side), 1024, 50.0, model.digest, "photo")
    tiles = [Section("Y", bytes(9))] * header.tiles
    file = io.BytesIO()
    bitstream.write(file, [Section("H", header.pack()), Section("Z", b"\x12" * 44), *tiles])
    start = time.process_time()
    with pytest.raises(codec.CodecError, match=message):
        codec.verify(file.getvalue())
    assert time.process_time() - start < 1
