"""`codec`, as who imports it has it: sources, wishes, reports, and errors of a kind."""

import io
import multiprocessing
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import codec
from codec import api, bitstream, latents, parallel
from codec.models import errors, zoo
from codec.rate_control import Target

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


@pytest.fixture(scope="module")
def blob(photo) -> bytes:
    return codec.compress(photo[:80, :100], quality=50)


# ---- compress, decompress

def test_whatever_the_source_it_is_the_same_file(photo, blob, tmp_path):
    path, stored, pixels = tmp_path / "a.png", io.BytesIO(), photo[:80, :100]
    Image.fromarray(pixels).save(path)
    Image.fromarray(pixels).save(stored, "PNG")
    for source in (pixels, Image.fromarray(pixels), codec.Picture(pixels), path, str(path),
                   stored.getvalue(), bytearray(stored.getvalue()), memoryview(stored.getvalue()),
                   io.BytesIO(stored.getvalue())):
        assert codec.compress(source, quality=50) == blob, type(source)


def test_wherever_the_file_is_it_is_the_same_picture(blob, tmp_path):
    path, pixels = tmp_path / "a.tfci", codec.decompress(blob).pixels
    path.write_bytes(blob)
    for source in (path, str(path), bytearray(blob), memoryview(blob), io.BytesIO(blob)):
        assert (codec.decompress(source).pixels == pixels).all()
        assert codec.info(blob)["sections"] and codec.verify(blob)["symbols"] == 5 * 7 * 384
    with open(path, "rb") as file:
        assert (codec.decompress(file).pixels == pixels).all()


def test_without_a_wish_the_quality_is_75():
    assert codec.info(codec.compress(data.camera()[:20, :20]))["quality"] == 75
    assert api.target_of() == Target(quality=75)


@pytest.mark.parametrize("wish", [{"quality": 1}, {"size": 2000}, {"bpp": 0.5}, {"psnr": 30},
                                  {"ssimulacra2": 60}])
def test_a_wish_is_a_target(wish):
    assert api.target_of(**wish) == Target(**wish)


@pytest.mark.parametrize("wish, model", [
    ({}, "photo-eyes"), ({"ssimulacra2": 40}, "photo-eyes"), ({"size": 2000}, "photo-eyes"),
    ({"psnr": 28}, "photo"), ({"tune": "psnr"}, "photo"), ({"model": "photo"}, "photo"),
    ({"psnr": 28, "tune": "eyes"}, "photo-eyes"), ({"bpp": 1.0, "tune": "psnr"}, "photo")])
def test_what_counts_chooses_the_model(photo, wish, model):
    assert codec.info(codec.compress(photo[:80, :100], **wish))["model"] == model


@pytest.mark.parametrize("wish, message", [
    ({"tune": "ears"}, "tune is 'ears'; allowed is eyes or psnr"),
    ({"tune": "eyes", "model": "photo"}, "tune is 'eyes' and model 'photo'; give one of them")])
def test_one_thing_counts(wish, message):
    with pytest.raises(codec.CodecError, match=message) as told:
        codec.compress(GRAY, **wish)
    assert told.value.kind == "usage"


def test_targets_are_kept(photo):
    pixels = photo[:80, :100]
    assert len(codec.compress(pixels, size=1500)) <= 1500
    assert 8 * len(codec.compress(pixels, bpp=1.2)) / 8000 <= 1.2
    assert codec.psnr(pixels, codec.decompress(codec.compress(pixels, psnr=31)).pixels) >= 31


def test_an_engine_is_made_once_for_the_same_wishes():
    model = codec.find_model("photo")
    assert codec.engine_for(model) is codec.engine_for(model, parallel.cores(), "litert")
    assert codec.engine_for(model, 1) is not codec.engine_for(model, 2)
    assert codec.engine_for(model, 1).threads == 1


# ---- info, verify, installed_models

def test_info_tells_what_is_in_a_file():
    path = GOLDEN / "tiles-gray-alpha.tfci"
    report, size = codec.info(path), path.stat().st_size
    assert list(report) == ["media", "channels", "width", "height", "alpha", "bytes", "bpp",
                            "quality", "model", "weights", "tile", "tiles", "sections", "framing",
                            "version"]
    assert (report["media"], report["channels"], report["alpha"]) == ("picture", "gray", True)
    assert (report["bytes"], report["model"], report["version"]) == (size, "photo", 4)
    assert report["bpp"] == 8 * size / (report["width"] * report["height"])
    assert report["tiles"] == (-(-report["width"] // report["tile"])
                               * -(-report["height"] // report["tile"])) > 1
    assert {"H", "A", "Z", "Y"} <= set(report["sections"])
    assert report["framing"] + sum(report["sections"].values()) == size
    assert report["weights"] == zoo.find("photo").info["sha256"][:8]


def test_info_needs_no_model(blob, photo):
    sections = list(bitstream.Reader(io.BytesIO(blob)))
    header = bitstream.Header.unpack(sections[0].payload)
    stranger = bitstream.Header(0, header.shape, header.tile, 50, b"\1\2\3\4", "elsewhere")
    out = io.BytesIO()
    bitstream.write(out, [bitstream.Section("H", stranger.pack()), *sections[1:]])
    report = codec.info(out.getvalue())
    assert (report["model"], report["weights"]) == ("elsewhere", "01020304")


def test_verify_sees_every_symbol(blob):
    sections = iter(bitstream.Reader(io.BytesIO(blob)))
    header = bitstream.read_header(sections)
    model = codec.find_model(header.model)
    [unit] = bitstream.units(sections, header.tiles, {})
    [(_, symbols, _)] = latents.Decoder(unit, header, model.coding).symbols()
    found = codec.verify(blob)
    assert found["symbols"] == symbols.size == 5 * 7 * 384
    assert found["sha256"] == zoo.sha256(symbols.astype("<i4").tobytes())


def test_installed_models_are_what_their_files_say():
    exact, signals, volumes, photo, eyes, video, near, planes = codec.installed_models()
    assert (exact["name"], exact["media"]) == ("exact", "picture")
    assert (signals["name"], signals["media"]) == ("exact-signal", "signal")
    assert (volumes["name"], volumes["media"]) == ("exact-volume", "volume")
    assert (photo["name"], photo["media"]) == ("photo", "picture")
    assert (eyes["name"], eyes["media"]) == ("photo-eyes", "picture")
    assert (video["name"], video["media"]) == ("video", "video")
    assert [(found["name"], found["media"]) for found in (near, planes)] == [
        ("volume", "volume"), ("volume-planes", "volume")]
    assert codec.find_model("photo").info == photo


# ---- errors

def test_errors_are_one_class():
    assert codec.CodecError is errors.CodecError
    with pytest.raises(ValueError, match="kind is 'odd'; allowed are damaged, unsupported, limit"):
        codec.CodecError("text", "odd")


def flipped(blob: bytes) -> bytes:
    return blob[:-9] + bytes([blob[-9] ^ 1]) + blob[-8:]


def newer(blob: bytes) -> bytes:
    return blob[:8] + b"\x09" + blob[9:]


@pytest.mark.parametrize("change, kind, message", [
    (flipped, "damaged", "damaged: checksum of section 'Y'"),
    (lambda blob: blob[:-3], "damaged", "cut short or damaged"),
    (lambda blob: b"", "damaged", "is empty"),
    (newer, "unsupported", "version 9 is newer"),
    (lambda blob: b"GIF89a, or what else there is", "unsupported", "not a .tfci file"),
    (lambda blob: "/no/such.tfci", "missing", "No such file or directory"),
    (lambda blob: ".", "missing", "Is a directory"),
])
def test_a_file_that_cannot_be_read(blob, change, kind, message):
    for read in (codec.info, codec.verify, codec.decompress):
        with pytest.raises(codec.CodecError) as told:
            read(change(blob))
        assert told.value.kind == kind and message in str(told.value)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("call, kind, message", [
    (lambda b: codec.decompress(b, max_pixels=100), "limit", "is 100x80 pixels; allowed are 100"),
    (lambda b: codec.verify(b, max_pixels=100), "limit", "is 100x80 pixels; allowed are 100"),
    (lambda b: codec.decompress(b, crop=(90, 0, 20, 10)), "usage", "crop 90,0,20,10 is not inside"),
    (lambda b: codec.decompress(b, model="/no/such"), "missing", "is not installed"),
    (lambda b: codec.decompress(b, engine="onnx"), "usage", "engine 'onnx' is not known"),
])
def test_a_file_that_cannot_be_decoded_as_asked(blob, call, kind, message):
    with pytest.raises(codec.CodecError) as told:
        call(blob)
    assert told.value.kind == kind and message in str(told.value)


GRAY = np.full([20, 30], 90, np.uint8)


@pytest.mark.parametrize("source, wish, kind, message", [
    (GRAY, {"size": 10}, "limit", "cannot be made as small as 10 bytes"),
    (GRAY, {"psnr": 99.0, "model": "photo"}, "limit", "cannot reach 99 dB"),
    (GRAY, {"max_pixels": 100}, "limit", "is 30x20 pixels; allowed are 100"),
    (GRAY, {"quality": 101}, "usage", "quality is 101; allowed is 1 to 100"),
    (GRAY, {"quality": 50, "size": 1000}, "usage",
     "give one of quality, size, bpp, psnr, ssimulacra2"),
    (GRAY, {"bpp": 0}, "usage", "bpp is 0; it must be above 0"),
    (GRAY.astype(float), {}, "usage", "give --lossless, --max-error or a --quality"),
    (GRAY[:0], {}, "usage", "nothing to compress"),
    (GRAY, {"engine": "onnx"}, "usage", "known: auto, litert, tensorflow"),
    (GRAY, {"model": "nope"}, "missing", "model 'nope' is not installed; installed: exact"),
    ("/no/such.png", {}, "missing", "No such file or directory"),
    (b"no picture", {}, "unsupported", "not a picture that can be read"),
    (b"", {}, "damaged", "is empty"),
    (b"\xff\xd8\xff\xe0, and no more of a JPEG", {}, "damaged", "damaged picture"),
])
def test_a_picture_that_cannot_be_compressed(source, wish, kind, message):
    with pytest.raises(codec.CodecError) as told:
        codec.compress(source, **wish)
    assert told.value.kind == kind and message in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name, kind", [("model.json", "damaged"),
                                        ("params.safetensors", "damaged"), (None, "missing")])
def test_a_model_that_is_not_whole(tmp_path, name, kind):
    folder = Path(shutil.copytree(zoo.find("photo").path, tmp_path / "model"))
    if name:
        (folder / name).write_bytes((folder / name).read_bytes()[:-7])
    else:
        (folder / "coding.safetensors").unlink()
    for call in (lambda: codec.find_model(str(folder)),
                 lambda: codec.compress(GRAY, model=str(folder)),
                 lambda: codec.decompress(GOLDEN / "photo.tfci", model=str(folder))):
        with pytest.raises(codec.CodecError) as told:
            call()
        assert told.value.kind == kind and str(folder) in str(told.value)


def test_a_picture_file_larger_than_any_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bitstream, "MAX_BYTES", 1000)
    (tmp_path / "large.png").write_bytes(bytes(1001))
    for source in (tmp_path / "large.png", bytes(1001)):
        with pytest.raises(codec.CodecError, match="is over 1000 bytes") as told:
            codec.compress(source, max_pixels=125)
        assert told.value.kind == "limit"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read")
def test_a_file_that_opens_and_does_not_read():
    for read in (codec.info, codec.verify, codec.decompress, codec.compress):
        with pytest.raises(codec.CodecError, match="Input/output error") as told:
            read("/proc/self/mem")
        assert told.value.kind == "missing"


@pytest.mark.parametrize("kind", errors.KINDS)
def test_errors_survive_pickling(kind):
    error = pickle.loads(pickle.dumps(codec.CodecError("a text; of one line", kind)))
    assert type(error) is codec.CodecError
    assert (str(error), error.kind) == ("a text; of one line", kind)


def test_errors_come_from_other_processes_as_they_are():
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        told = pool.submit(codec.info, b"GIF89a, or what else there is").exception(300)
    assert isinstance(told, codec.CodecError)
    assert (str(told), told.kind) == ("not a .tfci file", "unsupported")


@pytest.mark.parametrize("crop", [(1, 2, 3), "1,2,3,4", (0, 0, 1.5, 2), 7])
def test_a_crop_is_whole_numbers(crop):
    with pytest.raises(codec.CodecError, match="whole numbers: x, y, width, height") as told:
        codec.decompress(GOLDEN / "photo.tfci", crop=crop)
    assert told.value.kind == "usage"


def test_a_crop_of_a_picture_has_four_numbers():
    with pytest.raises(codec.CodecError, match="crop 0,0,0,5,5,5 is not inside the picture"):
        codec.decompress(GOLDEN / "photo.tfci", crop=(0, 0, 0, 5, 5, 5))
