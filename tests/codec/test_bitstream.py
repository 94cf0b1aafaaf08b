import io
import os
import struct
import tracemalloc
import zlib

import pytest

from codec import bitstream
from codec.bitstream import Header, Reader, Section, Unit
from codec.models.errors import CodecError

HEADER = Header(0, (512, 768), 1024, 42.5, b"\x01\x02\x03\x04", "photo")


def file_of(*sections: Section) -> bytes:
    out = io.BytesIO()
    bitstream.write(out, sections)
    return out.getvalue()


def read(blob: bytes) -> list[Section]:
    return list(Reader(io.BytesIO(blob)))


class Trickle:
    """Gives few bytes at a time, whatever is asked for, as pipes and sockets may."""

    def __init__(self, blob: bytes, most: int):
        self.file, self.most = io.BytesIO(blob), most

    def read(self, count: int) -> bytes:
        return self.file.read(min(count, self.most))


def test_a_file_is_these_bytes():
    blob = file_of(Section("H", HEADER.pack()), Section("Z", b"zz"))
    assert blob[:9] == b"\x89TFC\r\n\x1a\n\x04"
    header = b"H\x11" + bytes.fromhex("00 8006 8004 0a 802a 01020304") + b"photo"
    assert blob[9:32] == header + struct.pack("<I", zlib.crc32(header))
    assert blob[32:] == b"Z\x02zz" + struct.pack("<I", zlib.crc32(b"Z\x02zz"))


def test_everything_but_latents_takes_32_bytes():
    assert len(file_of(Section("H", HEADER.pack()))) == 32


def test_unknown_optional_sections_are_skipped_and_unknown_critical_ones_refused():
    assert read(file_of(Section("q", b"?"), Section("H", b"!"))) == [Section("H", b"!")]
    with pytest.raises(CodecError, match="needs section 'Q'") as told:
        read(file_of(Section("Q", b"?")))
    assert told.value.kind == "unsupported"


DAMAGE = [
    (lambda b: b"", "is empty", "damaged"),
    (lambda b: b"hello", "not a .tfci file", "unsupported"),
    (lambda b: b.replace(b"\r\n", b"\n"), "text-mode transfer", "damaged"),
    (lambda b: b[:8] + b"\x05" + b[9:], "version 5 is newer", "unsupported"),
    (lambda b: b[:8] + b"\x02" + b[9:], "version 2 is older", "unsupported"),
    (lambda b: b[:8], "cut short", "damaged"),
    (lambda b: b[:-1], "cut short", "damaged"),
    (lambda b: b[:9] + b"H\xff\xff\xff\xff\x0f", "cut short or damaged", "damaged"),
    (lambda b: b[:9] + b"H\xff\xff\xff\xff\xff\xff", "cut short", "damaged"),
    (lambda b: b[:15] + b"\x7f" + b[16:], "checksum of section 'H' at byte 9", "damaged"),
]


@pytest.mark.parametrize("change, message, kind", DAMAGE)
def test_damage_has_a_name(change, message, kind):
    blob = file_of(Section("H", HEADER.pack()))
    with pytest.raises(CodecError, match=message) as told:
        read(change(blob))
    assert told.value.kind == kind


@pytest.mark.parametrize("most", [1, 2, 7])
@pytest.mark.parametrize("change, message, kind", DAMAGE)
def test_so_it_has_where_few_bytes_come_at_a_time(change, message, kind, most):
    blob = file_of(Section("H", HEADER.pack()))
    with pytest.raises(CodecError, match=message) as told:
        list(Reader(Trickle(change(blob), most)))
    assert told.value.kind == kind


@pytest.mark.parametrize("payload", [
    b"", b"\x00", b"\x09" + HEADER.pack()[1:], HEADER.pack()[:12], HEADER.pack()[:-5],
    HEADER.pack()[:-1] + b"\xff", bytes.fromhex("00 00 8004 0a 802a 01020304") + b"photo"])
def test_a_header_that_makes_no_sense_is_refused(payload):
    with pytest.raises(CodecError, match="damaged: the header") as told:
        Header.unpack(payload)
    assert told.value.kind == "damaged"


def test_a_header_says_what_it_is_of():
    gray = Header(1, (2100, 1025), 1024, 75.25, b"abcd", "m")
    assert Header.unpack(gray.pack()) == gray
    assert gray.medium == ("picture", "gray", 2, 1, False, False)
    assert (gray.size, gray.tiles, gray.at_once) == (2100 * 1025, 3 * 2, (2100, 1025))
    clip = Header(2, (90, 480, 720), bitstream.WHOLE, 40.0, b"abcd", "m")
    assert Header.unpack(clip.pack()) == clip and clip.medium.coded == "G"
    assert (clip.size, clip.tiles, clip.at_once) == (90 * 480 * 720, 1, (480, 720))


@pytest.mark.parametrize("most", [1, 3, 64, 1 << 20])
def test_sections_come_whole_however_few_bytes_are_read_at_a_time(most):
    sections = [Section("H", HEADER.pack()), Section("i", b""), Section("Y", os.urandom(5000))]
    blob = file_of(*sections)
    reader = Reader(Trickle(blob, most))
    assert list(reader) == sections
    assert (reader.version, reader.position) == (4, len(blob))


def test_sections_are_read_as_they_are_asked_for():
    ends = [32, 32 + 1 + 1 + 10 + 4]            # of the header; of Y: type, length, payload, CRC-32
    blob = file_of(Section("H", HEADER.pack()), Section("Y", b"0123456789"))
    file = io.BytesIO(blob + b"Q, and what follows is no section")
    reader = Reader(file)
    assert file.tell() == 9
    sections = iter(reader)
    for end, kind in zip(ends, "HY"):
        assert next(sections).type == kind
        assert file.tell() == reader.position == end
    with pytest.raises(CodecError, match="cut short or damaged: section 'Q'"):
        next(sections)


def test_sections_are_written_as_they_come():
    out, seen = io.BytesIO(), []

    def sections():
        yield Section("H", HEADER.pack())
        seen.append(out.tell())
        yield Section("Y", b"0123456789")
        seen.append(out.tell())
    assert bitstream.write(out, sections()) == len(out.getvalue()) == 48
    assert seen == [32, 48]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 1 << 14, 1 << 21])
def test_a_size_is_known_without_writing(length):
    sections = [Section("H", HEADER.pack()), Section("Y", bytes(length))]
    blob = file_of(*sections)
    assert bitstream.size(sections) == bitstream.write(io.BytesIO(), sections) == len(blob)
    assert read(blob) == sections


@pytest.mark.parametrize("way", ["bytes", "file", "pipe"])
def test_a_section_that_claims_much_costs_little(way, tmp_path):
    """800 MB said in a file of 100 bytes."""
    blob = file_of(Section("H", HEADER.pack())) + b"Y" + bitstream.varint(800_000_000)
    blob += bytes(100 - len(blob))
    (tmp_path / "x.tfci").write_bytes(blob)

    def pipe():
        there, here = os.pipe()
        os.write(here, blob)
        os.close(here)
        return os.fdopen(there, "rb")
    with {"bytes": lambda: io.BytesIO(blob), "file": lambda: open(tmp_path / "x.tfci", "rb"),
          "pipe": pipe}[way]() as file:
        tracemalloc.start()
        try:
            with pytest.raises(CodecError, match="section 'Y' says 800000000 bytes, 58 are left"):
                list(Reader(file))
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


def test_a_file_over_the_limit_is_refused_as_soon_as_it_is():
    blob = file_of(Section("H", HEADER.pack()), Section("Y", bytes(1 << 22)))
    assert len(list(Reader(io.BytesIO(blob), limit=len(blob)))) == 2
    file = io.BytesIO(blob)
    with pytest.raises(CodecError, match="is over 1000 bytes") as told:
        list(Reader(file, limit=1000))
    assert told.value.kind == "limit" and file.tell() < 1 << 21


def test_a_file_of_more_sections_than_anyone_writes_is_refused():
    most = 1 << 16
    head, one = file_of(), file_of(Section("q", b""))[9:]
    assert read(head + most * one) == []
    with pytest.raises(CodecError, match="holds more than 65536 sections") as told:
        read(head + (most + 1) * one)
    assert told.value.kind == "limit"


# ---- units

Z, Y1, Y2, Y3 = b"zz", b"1111", b"22222", b"333333"


def sections_of(text: str) -> list[Section]:
    """`ZYYx`: a section for each letter, tiles numbered."""
    tiles = iter([Y1, Y2, Y3, Y1, Y2, Y3])
    return [Section(kind, next(tiles) if kind == "Y" else Z) for kind in text]


def units_of(text: str, tiles: int) -> tuple[list[Unit], dict[str, bytes]]:
    extras: dict[str, bytes] = {}
    return list(bitstream.units(sections_of(text), tiles, extras)), extras


@pytest.mark.parametrize("text, tiles, expected", [
    ("ZY", 1, [Unit(Z, [Y1])]),
    ("Y", 1, [Unit(None, [Y1])]),
    ("ZYYY", 3, [Unit(Z, [Y1, Y2, Y3])]),
    ("ZYZY", 1, [Unit(Z, [Y1]), Unit(Z, [Y2])]),
    ("YYYY", 2, [Unit(None, [Y1, Y2]), Unit(None, [Y3, Y1])]),
    ("iAZYexZYY", 1, [Unit(Z, [Y1]), Unit(Z, [Y2]), Unit(None, [Y3])]),
])
def test_sections_make_units(text, tiles, expected):
    units, extras = units_of(text, tiles)
    assert units == expected
    assert extras == {kind: Z for kind in text if kind in "iAex"}


@pytest.mark.parametrize("text, tiles, message", [
    ("", 1, "holds 0 of 1 tiles"), ("Z", 1, "holds 0 of 1 tiles"), ("ZYY", 3, "holds 2 of 3 tiles"),
    ("ZYYYZ", 3, "holds 0 of 3 tiles"), ("YYY", 2, "holds 1 of 2 tiles"),
    ("i", 1, "holds 0 of 1 tiles"), ("ZZY", 1, "contradict"), ("YZY", 2, "contradict"),
    ("ZYH", 1, "contradict"), ("HZY", 1, "contradict"), ("iiY", 1, "contradict"),
    ("AYA", 1, "contradict"),
])
def test_sections_that_make_none_are_refused(text, tiles, message):
    with pytest.raises(CodecError, match=message) as told:
        units_of(text, tiles)
    assert told.value.kind == "damaged"


@pytest.mark.parametrize("text, tiles, most, fits", [
    ("ZYY", 2, 1, True), ("ZYYZYY", 2, 1, False), ("ZYYYY", 2, 1, False), ("ZYYZ", 2, 1, False),
    ("YYi", 1, 2, True), ("YYY", 1, 2, False), ("YYYYYY", 1, None, True)])
def test_no_file_has_more_units_than_its_medium_allows(text, tiles, most, fits):
    units = bitstream.units(sections_of(text), tiles, {}, most)
    if fits:
        assert len(list(units)) == text.count("Y") // tiles
    else:
        with pytest.raises(CodecError, match="contradict"):
            list(units)


def test_a_tile_too_short_for_its_checksum_is_refused():
    with pytest.raises(CodecError, match="contradict"):
        list(bitstream.units([Section("Y", b"123")], 1, {}))


def test_a_unit_comes_as_soon_as_it_is_whole():
    asked = []

    def sections():
        for section in sections_of("ZYYZYY"):
            asked.append(section.type)
            yield section
    units = bitstream.units(sections(), 2, {})
    assert next(units) == Unit(Z, [Y1, Y2]) and asked == ["Z", "Y", "Y"]
    assert next(units) == Unit(Z, [Y3, Y1]) and len(asked) == 6


def test_a_file_begins_with_its_header():
    sections = iter([Section("H", HEADER.pack()), Section("Y", Y1)])
    assert bitstream.read_header(sections) == HEADER
    assert next(sections).type == "Y"
    for other in ([], [Section("Y", Y1), Section("H", HEADER.pack())]):
        with pytest.raises(CodecError, match="damaged: the header is missing"):
            bitstream.read_header(iter(other))
