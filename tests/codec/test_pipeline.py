import json
import shutil

import numpy as np
import pytest

import codec
from codec import pipeline, tiling
from codec.media.image import Picture
from codec.models import zoo


def graphic() -> np.ndarray:
    """Flat areas, hard edges, saturated colours."""
    out = np.full([150, 170, 3], 255, np.uint8)
    out[20:60, 30:140] = 200, 0, 30
    out[::7, 100:] = 0
    return out


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, [64, 80, 3], np.uint8)


def test_more_quality_is_more_bytes_and_less_error(photo):
    blobs = [codec.compress(photo, quality=q) for q in (1, 20, 40, 60, 80, 100)]
    errors = [pipeline.psnr(photo, codec.decompress(b).pixels) for b in blobs]
    assert [len(b) for b in blobs] == sorted({len(b) for b in blobs})
    assert errors == sorted(errors)
    assert errors[0] > 20 and errors[-1] > 34


@pytest.mark.parametrize("height, width", [(1, 1), (1, 300), (17, 15), (64, 64), (65, 130)])
@pytest.mark.parametrize("quality", [5, 75])
def test_any_size_comes_back(photo, height, width, quality):
    pixels = np.resize(photo[:height], [height, width, 3])
    decoded = codec.decompress(codec.compress(pixels, quality=quality))
    assert decoded.pixels.shape == (height, width, 3)
    assert decoded.alpha is None and not decoded.gray
    if quality == 75:
        assert pipeline.psnr(pixels, decoded.pixels) > 22


@pytest.mark.parametrize("name", ["photo", "graphic", "noise", "flat"])
@pytest.mark.parametrize("quality", [3, 50, 97])
def test_a_file_is_as_long_as_the_model_says(name, quality, photo, tensorflow):
    pixels = {"photo": photo, "graphic": graphic(), "noise": noise(),
              "flat": np.full([40, 40, 3], 77, np.uint8)}[name]
    installed = zoo.find("photo")
    height, width = (-(-n // 16) * 16 for n in pixels.shape[:2])
    pads = [(0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)]
    padded = np.pad(pixels, pads, mode="edge")[None].astype(np.float32)
    bpp, _ = zoo.build(installed.config, installed.params)(
        tensorflow.constant(padded), tensorflow.constant([(quality - 1) / 99]))
    estimate = float(bpp[0]) * height * width / 8
    assert abs(len(codec.compress(pixels, quality=quality)) - estimate) <= 0.01 * estimate + 64


def test_symbols_move_towards_zero_where_bits_are_worth_more_than_error():
    model = zoo.find("photo")
    value = np.array([0.2, 0.6, -0.6, 1.4, -1.6, 40.4], np.float32)
    quiet, busy, error = np.full(6, 5), np.full(6, 40), np.full(6, 9.0)
    assert model.quantise(value, quiet, None).tolist() == [0, 1, -1, 1, -2, 40]
    assert model.quantise(value, quiet, error).tolist() == [0, 0, 0, 1, -1, 40]
    assert model.quantise(value, busy, error).tolist() == [0, 1, -1, 1, -2, 40]


def without(option: str, folder) -> str:
    """The model `photo` with an option of its encoder off."""
    model, plain = zoo.find("photo"), folder / "plain"
    shutil.copytree(model.path, plain)
    info = model.info | {"config": model.info["config"] | {option: 0}}
    (plain / "model.json").write_text(json.dumps(info))
    return str(plain)


def cost(blob: bytes, photo: np.ndarray, quality: float) -> float:
    """The loss that training minimises."""
    error = (codec.decompress(blob).pixels.astype(float) - photo) ** 2
    weight = zoo.find("photo").config.quality_lambda((quality - 1) / 99)
    return 8 * len(blob) / (200 * 300) + weight * error.mean()


@pytest.mark.parametrize("quality", [25, 50, 75])
def test_that_pays_and_no_decoder_need_know(quality, photo, tmp_path):
    """The same weights with symbols that are simply rounded: larger files, and worth less."""
    ours = codec.compress(photo, quality=quality)
    theirs = codec.compress(photo, quality=quality, model=without("rdoq", tmp_path))
    assert len(ours) < 0.97 * len(theirs)
    assert cost(ours, photo, quality) < 0.99 * cost(theirs, photo, quality)


def test_so_does_feedback(photo, tmp_path):
    """The same weights without it: worth less, and larger where the error is to be the same."""
    plain, sizes = without("feedback", tmp_path), []
    for quality in 25, 50, 75:
        ours, theirs = (codec.compress(photo, quality=quality, model=m) for m in ("photo", plain))
        assert cost(ours, photo, quality) < 0.995 * cost(theirs, photo, quality)
        goal = pipeline.psnr(photo, codec.decompress(theirs).pixels)
        sizes.append((len(codec.compress(photo, psnr=goal)), len(theirs)))
    ours, theirs = np.sum(sizes, 0)
    assert ours < 0.99 * theirs, sizes


def test_what_is_not_latents_stays_small(photo):
    report = codec.info(codec.compress(photo, quality=50))
    assert 9 + report["sections"]["H"] + 6 <= 32        # signature, version, header's section
    assert report["framing"] <= 9 + 6 + 7 + 8           # and of Z and Y: type, length, CRC-32


@pytest.mark.parametrize("goal", [2500, 5000, 9000])
def test_a_target_size_is_met_from_below(photo, goal):
    assert 0.97 * goal <= len(codec.compress(photo, size=goal)) <= goal


def test_target_bpp_and_psnr(photo):
    bpp = 8 * len(codec.compress(photo, bpp=0.8)) / (200 * 300)
    assert 0.97 * 0.8 <= bpp <= 0.8
    decoded = codec.decompress(codec.compress(photo, psnr=32)).pixels
    assert 32 <= pipeline.psnr(photo, decoded) <= 32.1
    with pytest.raises(codec.CodecError, match="cannot be made as small as 20 bytes"):
        codec.compress(photo, size=20)
    with pytest.raises(codec.CodecError, match="cannot reach 90 dB"):
        codec.compress(photo, psnr=90)


def test_windows_leave_no_seams(photo, monkeypatch):
    """Small windows give the picture of one window, but for float rounding."""
    pixels = np.tile(photo, [2, 2, 1])
    engine = codec.engine_for(codec.find_model("photo"))
    whole = pipeline.analyse(pixels, engine)
    picture = codec.decompress(codec.compress(pixels, quality=60)).pixels
    monkeypatch.setattr(pipeline, "WINDOW", 5)
    assert np.abs(pipeline.analyse(pixels, engine) - whole).max() < 1e-2
    again = codec.decompress(codec.compress(pixels, quality=60)).pixels
    assert np.abs(again.astype(int) - picture).max() <= 2
    assert (again != picture).mean() < 0.02


def test_tiles_leave_no_seams_either(photo, small_models, monkeypatch):
    """Without context networks small tiles give the picture of one, but for float rounding."""
    pixels, folder = np.tile(photo, [2, 2, 1]), str(small_models["mean-scale"])
    blob = codec.compress(pixels, quality=60, model=folder)
    picture = codec.decompress(blob, model=folder).pixels
    monkeypatch.setattr(pipeline, "TILE", 128)
    blob = codec.compress(pixels, quality=60, model=folder)
    assert codec.info(blob)["tiles"] == 20
    again = codec.decompress(blob, model=folder).pixels
    assert np.abs(again.astype(int) - picture).max() <= 2
    assert (again != picture).mean() < 0.02


@pytest.mark.parametrize("feedback, tile, reach", [(False, 256, 6), (True, 1024, 6 + 4 + 6)])
def test_what_the_edge_of_a_tile_changes(feedback, tile, reach, photo, monkeypatch, tmp_path):
    """Each of the six context networks sees one latent further than the one before: inside of that,
    symbols are equal. Feedback sees by way of synthesis, and is coded by the six again."""
    side = 2 * tile
    pixels = np.tile(photo, [-(-side // 200), -(-side // 300), 1])[:side, :side]
    model = codec.find_model("photo" if feedback else without("feedback", tmp_path))
    engine = codec.engine_for(model)

    def tiles():
        return list(pipeline.decode_symbols(
            pipeline.parse(codec.compress(pixels, quality=60, model=str(model.path))), engine))
    monkeypatch.setattr(pipeline, "TILE", 2 * tile)
    [(_, whole, _)] = tiles()
    monkeypatch.setattr(pipeline, "TILE", tile)
    found = tiles()
    assert len(model.contexts) == 6 and len(found) == 4
    for (top, left, bottom, right), symbols, _ in found:
        inside = slice(reach, bottom - top - reach), slice(reach, right - left - reach)
        expected = whole[top:bottom, left:right][inside]
        assert expected.size and (symbols[inside] == expected).all()


def test_small_tiles_cost_little(photo, monkeypatch):
    pixels = np.tile(photo, [2, 2, 1]).astype(int)

    def errors():
        blob = codec.compress(pixels.astype(np.uint8), quality=60)
        return len(blob), np.abs(codec.decompress(blob).pixels - pixels).mean(-1)
    size, whole = errors()
    monkeypatch.setattr(pipeline, "TILE", 128)
    tiled_size, tiled = errors()
    assert tiled_size < 1.05 * size
    assert tiled.mean() == pytest.approx(whole.mean(), rel=0.01)
    for at in 128, 256, 384:                            # beside the edges as anywhere
        assert tiled[:, at - 2:at + 2].mean() == pytest.approx(whole[:, at - 2:at + 2].mean(),
                                                               rel=0.1)


def test_a_crop_is_the_part_of_the_whole_and_needs_only_its_tiles(photo, monkeypatch):
    monkeypatch.setattr(pipeline, "TILE", 64)
    blob = codec.compress(photo, quality=60)
    whole = codec.decompress(blob).pixels
    crop = codec.decompress(blob, crop=(40, 30, 50, 21)).pixels
    assert crop.shape == (21, 50, 3)
    assert np.abs(crop.astype(int) - whole[30:51, 40:90]).max() <= 1
    stream = pipeline.parse(blob)
    stream.latents[-1] = b"\0" * 20                     # damage a tile that is far away
    engine = codec.engine_for(codec.find_model("photo"))
    assert (pipeline.decompress(stream, engine, (30, 40, 51, 90)).pixels == crop).all()
    with pytest.raises(codec.CodecError, match=r"latents differ|not decodable"):
        pipeline.decompress(stream, engine)
    for outside in [(0, 0, 0, 5), (290, 0, 20, 5), (-1, 0, 5, 5)]:
        with pytest.raises(codec.CodecError, match="not inside the picture of 300x200"):
            codec.decompress(blob, crop=outside)


def test_gray_alpha_and_metadata_come_back(photo):
    alpha = np.arange(200 * 300, dtype=np.uint32).astype(np.uint8).reshape(200, 300)
    picture = Picture(np.repeat(photo[..., :1], 3, 2), True, alpha, b"icc", b"Exif\0\0", b"<x/>")
    decoded = codec.decompress(codec.compress(picture, quality=40))
    assert decoded.gray and (decoded.pixels[..., 0] == decoded.pixels[..., 2]).all()
    assert (decoded.alpha == alpha).all()
    assert (decoded.icc, decoded.exif, decoded.xmp) == (b"icc", b"Exif\0\0", b"<x/>")
    assert decoded.to_pillow().mode == "LA"


@pytest.mark.parametrize("name", list(zoo.CONFIGS))
def test_every_model_of_the_zoo_round_trips_untrained(name, small_models, photo):
    folder = str(small_models[name])
    blob = codec.compress(photo, quality=60, model=folder)
    assert codec.info(blob)["model"] == name
    assert codec.decompress(blob, model=folder).pixels.shape == photo.shape
    assert codec.verify(blob, model=folder)["symbols"] == 13 * 19 * 24
    with pytest.raises(codec.CodecError, match=rf"made by model '{name}' with weights .* not inst"):
        codec.decompress(blob)


def test_boxes_of_tiles_follow_the_header():
    header = codec.bitstream.Header(("picture", "RGB"), 2100, 1025, 1024, 50, b"abcd", "m")
    assert pipeline.tile_boxes(header)[:3] == [(0, 0, 64, 64), (0, 64, 64, 128), (0, 128, 64, 132)]
    assert len(pipeline.tile_boxes(header)) == 6
    assert tiling.cover((0, 0, 1025, 2100), 16) == (0, 0, 65, 132)
