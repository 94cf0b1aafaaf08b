"""What is sound of a damaged file comes out, if one asks for that, and what is not is told."""

import io

import numpy as np
import pytest
from PIL import Image

import codec
from codec import bitstream
from codec.media import picture, picture_exact, signal, volume, volume_exact
from tests.codec.media.made import joined, sections_of

TILES = {"Y": "latents", "S": "samples"}


@pytest.fixture(params=["exact picture", "latents", "exact volume", "volume", "signal"])
def case(request, photo, monkeypatch):
    """A file of several tiles, and what it shows."""
    monkeypatch.setattr(picture, "TILE", 64)
    monkeypatch.setattr(picture_exact, "TILE", 128)
    monkeypatch.setattr(volume_exact, "SLAB", 1 << 10)
    monkeypatch.setattr(volume_exact, "PLANES", 4)
    monkeypatch.setattr(volume_exact, "LEAST", 4)
    monkeypatch.setattr(volume, "MOST", 4)
    monkeypatch.setattr(volume, "TILE", 64)
    monkeypatch.setattr(signal, "BLOCK", 256)
    wave = photo[:10].reshape(-1, 2).astype(np.int16)[:1100] * 90 - 9000
    source, wish = {
        "exact picture": (photo, {"max_error": 0}),
        "latents": (photo[:100, :150], {"quality": 50, "model": "photo"}),
        "exact volume": (np.ascontiguousarray(photo[:60, :40].transpose(2, 0, 1)).repeat(3, 0)
                         .astype(np.int16) - 50, {"max_error": 0}),
        "volume": (np.ascontiguousarray(photo[:60, :140].transpose(2, 0, 1)).repeat(3, 0)
                   .astype(np.int16) - 50, {"quality": 40, "model": "volume"}),
        "signal": (codec.Signal(wave, 8000), {"max_error": 0})}[request.param]
    blob = codec.compress(source, **wish)
    return blob, codec.decompress(blob)


def samples(value):
    return np.asarray(value.array)


def places(blob):
    """Where the payloads of tiles are in a file."""
    out = []
    for section in sections_of(blob):
        if section.type in TILES:
            out.append((blob.index(section.payload), len(section.payload)))
    return out


def test_a_damaged_tile_is_blank_and_told(case):
    blob, whole = case
    where = places(blob)
    assert len(where) > 1
    at, length = where[1]
    hurt = bytearray(blob)
    hurt[at + length // 2] ^= 16
    with pytest.raises(codec.CodecError):
        codec.decompress(bytes(hurt))
    shown = codec.decompress(bytes(hurt), keep_going=True)
    [note] = shown.notes
    assert note.startswith("damaged: blank is [")
    box = tuple(slice(*map(int, part.split(":"))) for part in note.split("[")[1][:-1].split(", "))
    outside = np.ones(samples(whole).shape, bool)
    outside[box] = False
    assert 0 < outside.sum() < outside.size
    off = samples(shown).astype(int) - samples(whole)
    if "Y" in {section.type for section in sections_of(blob)}:      # borders of neighbours differ
        assert (off[outside] == 0).mean() > 0.5
    else:
        assert (off[outside] == 0).all() and (samples(shown)[box] == 0).all()


def test_of_a_file_that_is_cut_short_the_beginning_comes_out(case):
    blob, whole = case
    where = places(blob)
    cut = blob[:where[-1][0] + 3]
    with pytest.raises(codec.CodecError, match="cut short"):
        codec.decompress(cut)
    shown = codec.decompress(cut, keep_going=True)
    assert shown.notes and samples(shown).shape == samples(whole).shape
    same = samples(shown) == samples(whole)
    assert 0.3 < same.mean() < 1


def test_any_damage_is_told_and_no_sound_sample_is_wrong(case):
    blob, whole = case
    exact = "S" in {section.type for section in sections_of(blob)}
    random = np.random.default_rng(3)
    for _ in range(25):
        hurt = bytearray(blob)
        hurt[int(random.integers(len(blob)))] ^= 1 << int(random.integers(8))
        try:
            shown = codec.decompress(bytes(hurt), keep_going=True)
        except codec.CodecError:
            continue                # of what all tiles need
        assert shown.notes or (samples(shown) == samples(whole)).all()  # a checksum may be hurt
        if exact:
            wrong = samples(shown) != samples(whole)
            assert (samples(shown)[wrong] == 0).all()


def test_what_is_sound_is_as_ever(case):
    blob, whole = case
    shown = codec.decompress(blob, keep_going=True)
    assert shown.notes == [] and (samples(shown) == samples(whole)).all()


def test_the_command_writes_what_is_sound_and_fails(command, tmp_path, photo, monkeypatch):
    monkeypatch.setattr(picture_exact, "TILE", 128)
    blob = codec.compress(photo, max_error=0)
    at, _ = places(blob)[4]
    hurt = blob[:at + 9] + bytes([blob[at + 9] ^ 1]) + blob[at + 10:]
    path = tmp_path / "photo.png.tfci"
    path.write_bytes(hurt)
    status, _, err = command("decompress", path)
    assert status == 1 and not (tmp_path / "photo.png").exists() and "checksum" in err
    status, out, err = command("decompress", path, "--keep-going")
    target = tmp_path / "photo.png"
    assert status == 1 and out == ""
    assert err == f"codec: error: {path}: damaged: blank is [128:200, 128:256] in {target}\n"
    shown = np.asarray(Image.open(target))
    assert (shown[:128] == photo[:128]).all() and (shown[128:, 128:256] == 0).all()
    assert (shown[128:, 256:] == photo[128:, 256:]).all()


def test_a_whole_file_that_is_gone_is_an_error(photo):
    blob = codec.compress(photo[:40, :40], max_error=0)
    head = joined([s for s in sections_of(blob) if s.type not in TILES])
    for data in (b"", blob[:20], head, b"nonsense"):
        with pytest.raises(codec.CodecError):
            codec.decompress(data, keep_going=True)


def test_the_reader_alone_still_checks_everything_else():
    file = io.BytesIO()
    bitstream.write(file, [bitstream.Section("H", b"abc")])
    hurt = file.getvalue()[:-1] + b"\0"
    with pytest.raises(codec.CodecError, match="checksum"):
        list(bitstream.Reader(io.BytesIO(hurt), keep_going=True))


def test_a_tile_that_is_said_to_be_shorter_is_told(case):
    """What comes after it is no section of this file, and is left."""
    blob, whole = case
    sections = sections_of(blob)
    at = [i for i, section in enumerate(sections) if section.type in TILES][-1]
    sections[at] = sections[at]._replace(payload=sections[at].payload[:2])
    shown = codec.decompress(joined([*sections, sections[at]]), keep_going=True)
    assert len(shown.notes) == 1 and 0.3 < (samples(shown) == samples(whole)).mean() < 1
