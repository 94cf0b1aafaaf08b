"""What a file says besides its samples is kept, or its loss is said."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import codec
from codec.media.picture_file import read
from codec.media.picture_metadata import pack_density, unpack_density

from .made import RGB, SRGB, XMP, chunk, exif, extended_xmp, png, raw_profile, stored, with_segments

LIMIT = 1 << 20
MEANT = b"http://ns.adobe.com/xap/1.0/" + b"\0"


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def in_a_gif(name: bytes) -> bytes:
    """A GIF with an application's extension before its picture."""
    data = stored(Image.fromarray(RGB).convert("P"), "GIF")
    at = 13 + 3 * (2 << (data[10] & 7))                 # behind its palette
    return data[:at] + b"!\xff" + bytes([len(name)]) + name + b"\3abc\0" + data[at:]


def turn_of(picture) -> int | None:
    tags = Image.Exif()
    tags.load(picture.exif or b"")
    return tags.get(274)


@pytest.mark.parametrize("data", [
    png(RGB, before=chunk(b"eXIf", exif()[6:])),
    png(RGB, after=chunk(b"eXIf", exif()[6:])),
    png(RGB, before=raw_profile(b"Raw profile type exif", b"exif", exif())),
    png(RGB, before=raw_profile(b"Raw profile type APP1", b"app1", exif())),
    stored(RGB, "JPEG", exif=exif()), stored(RGB, "WEBP", exif=exif()),
    stored(RGB, "AVIF", exif=exif()), stored(RGB, "TIFF", exif=exif()),
], ids=["before pixels", "after pixels", "in a text", "in a text, as APP1", "JPEG", "WebP", "AVIF",
        "TIFF"])
def test_exif_is_kept_wherever_it_stands(data):
    assert turn_of(read(data, LIMIT)) == 6


@pytest.mark.parametrize("data", [
    png(RGB, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
    png(RGB, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP))),
    png(RGB, before=raw_profile(b"Raw profile type xmp", b"xmp", XMP)),
    png(RGB, before=raw_profile(b"Raw profile type APP1", b"app1", MEANT + XMP)),
    stored(RGB, "JPEG", xmp=XMP), stored(RGB, "TIFF", tiffinfo={700: XMP}),
], ids=["iTXt", "deflated iTXt", "in a text", "in a text, as APP1", "JPEG", "TIFF"])
def test_xmp_is_kept_wherever_it_stands(data):
    assert read(data, LIMIT).xmp == XMP


def test_exif_and_xmp_of_a_jpeg_2000_are_kept():
    xmp, tags = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP, b"JpgTiffExif->JP2"
    picture = read(stored(RGB, "JPEG2000") + box(b"uuid", xmp) + box(b"uuid", tags + exif()[6:]),
                   LIMIT)
    assert picture.xmp == XMP and turn_of(picture) == 6


def test_xmp_in_several_segments_is_joined():
    words = "word " * 15000
    rest = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-'
            b'rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description '
            b'dc:title="' + words.encode() + b'"/></rdf:RDF></x:xmpmeta>')
    picture = read(with_segments(stored(RGB, "JPEG"), *extended_xmp(rest)), LIMIT)
    assert words.encode() in picture.xmp and b"HasExtendedXMP" not in picture.xmp
    assert picture.notes == [] and picture.xmp.count(b"<rdf:Description") == 2
    broken = read(with_segments(stored(RGB, "JPEG"), *extended_xmp(b"e" * 70000)), LIMIT)
    assert broken.notes == ["left out: extended XMP"] and b"HasExtendedXMP" not in broken.xmp


def test_exif_of_a_tiff_is_kept_whole():
    made = io.BytesIO()
    picture = read(stored(RGB, "JPEG", exif=exif(camera=True)), LIMIT)
    from codec.media.picture_writing import write
    write(picture, ".tif", made)
    again = read(made.getvalue(), LIMIT)
    tags = Image.Exif()
    tags.load(again.exif)
    assert (tags[271], tags[274]) == ("Maker", 6)
    assert tags.get_ifd(0x8769)[36867] == "2024:05:01 10:00:00"
    assert float(tags.get_ifd(0x8769)[33434]) == 1 / 250
    assert [float(v) for v in tags.get_ifd(0x8825)[2]] == [1, 2, 3]
    assert again.notes == ["its descriptive tags are kept as EXIF"]


@pytest.mark.parametrize("data, density, notes", [
    (png(RGB, before=chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1))), (11811, 5906), []),
    (png(RGB, before=chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0))), None,
     ["left out: shape of its pixels"]),
    (stored(RGB, "JPEG", dpi=(300, 300)), (11811, 11811), []),
    (stored(RGB, "JPEG"), None, []),
    (stored(RGB, "TIFF", dpi=(300, 150)), (11811, 5906), []),
    (stored(RGB, "BMP", dpi=(300, 300)), (11811, 11811), []),
])
def test_density_is_kept(data, density, notes):
    picture = read(data, LIMIT)
    assert (picture.density, picture.notes) == (density, notes)
    assert codec.decompress(codec.compress(picture, quality=20)).density == density


def test_density_that_exif_states_is_not_kept_twice():
    tags = Image.Exif()
    tags[282], tags[283], tags[296] = 300.0, 300.0, 2
    for dpi, density in (300, None), (72, (2835, 2835)):
        data = stored(RGB, "JPEG", dpi=(dpi, dpi), exif=tags.tobytes())
        assert read(data, LIMIT).density == density


@given(st.binary(max_size=12))
def test_any_bytes_are_a_density_or_none(data):
    found = unpack_density(data)
    assert found is None or unpack_density(pack_density(found)) == found


@pytest.mark.parametrize("data, note", [
    (png(RGB, before=chunk(b"tEXt", b"Title\0Waves")), "left out: text 'Title'"),
    (png(RGB, before=chunk(b"tIME", bytes(7))), "left out: time of change"),
    (png(RGB, before=chunk(b"mDCV", bytes(24))), "left out: mastering display"),
    (stored(RGB, "JPEG2000") + box(b"xml ", b"<a/>"),
     "left out: comment, data in boxes of its own"),
    (in_a_gif(b"XMP DataXMP"), "left out: XMP of a GIF"),
    (png(RGB, before=raw_profile(b"Raw profile type iptc", b"iptc", b"8BIM")), "left out: IPTC"),
    (stored(RGB, "JPEG", comment=b"hello"), "left out: comment"),
    (with_segments(stored(RGB, "JPEG"), b"Photoshop 3.0\0" b"8BIM\x04\x04\0\0\0\0\0\4text",
                   marker=b"\xff\xed"), "left out: IPTC"),
    (stored(RGB, "MPO", save_all=True, append_images=[Image.fromarray(255 - RGB)]),
     "the first of 2 pictures is kept"),
    (with_segments(stored(RGB, "JPEG"), b"urn:iso:std:iso:ts:21496:-1\0abcd", marker=b"\xff\xe2"),
     "left out: gain map"),
    (stored(RGB, "TIFF", tiffinfo={33550: (1.0, 1.0, 0.0)}), "left out: TIFF tags 33550"),
])
def test_what_is_left_out_is_said(data, note):
    assert note in read(data, LIMIT).notes


# ---- profiles

def test_a_profile_of_any_size_is_kept_or_its_loss_is_said():
    large = struct.pack(">I", len(SRGB) + 1_300_000) + SRGB[4:] + bytes(1_300_000)
    data = png(RGB, before=chunk(b"iCCP", b"icc\0\0" + zlib.compress(large)))
    assert read(data, LIMIT).icc == large
    huge = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(1 << 25)))
    picture = read(png(RGB, before=huge), LIMIT)
    assert picture.icc is None
    assert picture.notes == ["left out: colour profile, which is damaged or too large"]
    text = chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(1 << 25)))
    assert read(png(RGB, before=text), LIMIT).notes == ["left out: text 'Title'"]


@pytest.mark.parametrize("picture, profile, note", [
    (RGB[..., 0], SRGB, "its colour profile is of 'RGB', not of gray samples, and is left out"),
    (RGB, SRGB[:16] + b"GRAY" + SRGB[20:],
     "its colour profile is of 'GRAY', not of RGB samples, and is left out"),
    (RGB, b"no profile at all", "its colour profile is damaged and is left out"),
])
def test_a_profile_of_other_samples_is_left_out(picture, profile, note):
    read_back = read(stored(picture, "PNG", icc_profile=profile), LIMIT)
    assert (read_back.icc, read_back.notes) == (None, [note])


def converted(profile: bytes, colour) -> tuple:
    image = Image.new("RGB", (1, 1), colour)
    return ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                                     ImageCms.createProfile("sRGB")).getpixel((0, 0))


def gama(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 1e5)))


CHRM = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))


@pytest.mark.parametrize("before, shown", [
    (gama(1.0), (188, 188, 188)),                   # of 128, 128, 128: linear light
    (gama(1.0) + chunk(b"sRGB", b"\0"), None),      # sRGB comes first
    (gama(1 / 2.2), None), (b"", None),
    (chunk(b"cICP", bytes([1, 13, 0, 1])), None),
    (chunk(b"cICP", bytes([1, 8, 0, 1])), (188, 188, 188)),
])
def test_gamma_of_a_png_is_carried_as_a_profile(before, shown):
    icc = read(png(RGB, before=before), LIMIT).icc
    assert (icc and converted(icc, (128, 128, 128))) == shown


@pytest.mark.parametrize("before", [CHRM, chunk(b"cICP", bytes([12, 13, 0, 1]))])
def test_primaries_of_a_png_are_carried_as_a_profile(before):
    """200, 100, 50 in Display P3 are 215, 93, 31 in sRGB, by the matrices of SMPTE EG 432-1."""
    assert converted(read(png(RGB, before=before), LIMIT).icc, (200, 100, 50)) == (215, 93, 31)


def test_colours_of_an_avif_are_carried_as_a_profile():
    data = stored(RGB, "AVIF", quality=95)
    at = data.index(b"colrnclx") + 8
    wide = data[:at] + struct.pack(">HHH", 12, 13, 6) + data[at + 6:]
    assert converted(read(wide, LIMIT).icc, (200, 100, 50)) == (215, 93, 31)
    assert read(data, LIMIT).icc is None
    hdr = read(data[:at] + struct.pack(">HHH", 9, 16, 9) + data[at + 6:], LIMIT)
    assert hdr.icc is None
    assert hdr.notes == ["its colours are PQ, which is not kept: they will look other"]


@pytest.mark.parametrize("gamma, points, profile", [(1.0, b"", b"GRAY"), (0.45455, CHRM, None)])
def test_gray_has_a_gray_profile(gamma, points, profile):
    picture = read(png(RGB[..., 0], colour=0, before=gama(gamma) + points), LIMIT)
    assert picture.gray and (picture.icc and picture.icc[16:20]) == profile


@settings(max_examples=150)
@given(st.data())
def test_damage_in_metadata_costs_metadata_alone(data):
    """Pixels of a PNG are read whatever stands in its other chunks."""
    kind = data.draw(st.sampled_from([b"iCCP", b"eXIf", b"pHYs", b"gAMA", b"cHRM", b"cICP", b"zTXt",
                                      b"iTXt", b"tEXt", b"tIME", b"sRGB", b"vpAg"]))
    picture = read(png(RGB, before=chunk(kind, data.draw(st.binary(max_size=60)))), LIMIT)
    assert (picture.pixels == RGB).all() and isinstance(np.asarray(picture.pixels), np.ndarray)
