import struct
import zlib

import pytest

from codec import bitstream
from codec.bitstream import Header, Section
from codec.errors import CodecError

HEADER = Header(("picture", "RGB"), 768, 512, 1024, 42.5, b"\x01\x02\x03\x04", "photo")


def test_a_file_is_these_bytes():
    blob = bitstream.write([Section("H", HEADER.pack()), Section("Z", b"zz")])
    assert blob[:9] == b"\x89TFC\r\n\x1a\n\x03"
    header = b"H\x11" + bytes.fromhex("00 8006 8004 0a 802a 01020304") + b"photo"
    assert blob[9:32] == header + struct.pack("<I", zlib.crc32(header))
    assert blob[32:] == b"Z\x02zz" + struct.pack("<I", zlib.crc32(b"Z\x02zz"))


def test_everything_but_latents_takes_32_bytes():
    assert len(bitstream.write([Section("H", HEADER.pack())])) == 32


def test_unknown_optional_sections_are_skipped_and_unknown_critical_ones_refused():
    assert bitstream.read(bitstream.write([Section("q", b"?"), Section("H", b"!")])) == [
        Section("H", b"!")]
    with pytest.raises(CodecError, match="needs section 'Q'"):
        bitstream.read(bitstream.write([Section("Q", b"?")]))


@pytest.mark.parametrize("change, message", [
    (lambda b: b"", "is empty"),
    (lambda b: b"hello", "not a .tfci file"),
    (lambda b: b.replace(b"\r\n", b"\n"), "text-mode transfer"),
    (lambda b: b[:8] + b"\x04" + b[9:], "version 4 is newer"),
    (lambda b: b[:8] + b"\x02" + b[9:], "version 2 is older"),
    (lambda b: b[:8], "cut short"),
    (lambda b: b[:-1], "cut short"),
    (lambda b: b[:9] + b"H\xff\xff\xff\xff\x0f", "cut short or damaged"),
    (lambda b: b[:9] + b"H\xff\xff\xff\xff\xff\xff", "cut short"),
    (lambda b: b[:15] + b"\x7f" + b[16:], "checksum of section 'H' at byte 9"),
])
def test_damage_has_a_name(change, message):
    blob = bitstream.write([Section("H", HEADER.pack())])
    with pytest.raises(CodecError, match=message):
        bitstream.read(change(blob))


@pytest.mark.parametrize("payload", [
    b"", b"\x00", b"\x09" + HEADER.pack()[1:], HEADER.pack()[:12], HEADER.pack()[:-5],
    HEADER.pack()[:-1] + b"\xff", bytes.fromhex("00 00 8004 0a 802a 01020304") + b"photo"])
def test_a_header_that_makes_no_sense_is_refused(payload):
    with pytest.raises(CodecError, match="damaged: the header"):
        Header.unpack(payload)
