"""`codec demo`: one photograph compressed, decompressed, measured, and shown side by side."""

from __future__ import annotations

import base64
import html
import io
import time
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

import codec
from codec.eval import baselines, metrics

PAGE = Path(__file__).with_name("demo.html")
RIVALS = "JPEG 4:2:0", "WebP", "AVIF"


def run(picture: str | None, folder: Path, quality: float) -> None:
    """Leaves picture.tfci, decoded.png and demo.html in a folder and prints the figures."""
    name, pixels = _original(picture)
    start = time.perf_counter()
    blob = codec.compress(pixels, quality=quality)
    encoded = time.perf_counter()
    decoded = codec.decompress(blob).pixels
    done = time.perf_counter()
    codec.decompress(blob)
    warm = time.perf_counter() - done
    db, similar = metrics.psnr(pixels, decoded), metrics.ms_ssim(pixels, decoded)
    score = codec.ssimulacra2(pixels, decoded)
    rows = [("size", f"{pixels.shape[1]} x {pixels.shape[0]} pixels"),
            ("quality", f"{quality:g}"),
            ("file", f"{len(blob):,} bytes"),
            ("rate", f"{8 * len(blob) / (pixels.shape[0] * pixels.shape[1]):.3f} bpp"),
            ("PSNR", f"{db:.2f} dB"),
            ("MS-SSIM", f"{similar:.4f}"),
            ("SSIMULACRA2", f"{score:.1f}")]
    for rival in RIVALS:
        found = baselines.smallest(baselines.RIVALS[rival], pixels, codec.ssimulacra2, score)
        rows.append((f"{rival} at this SSIMULACRA2", "not reached" if found is None else
                     f"{len(found):,} bytes ({len(found) / len(blob):.2f} times as many)"))
    rows.append(("time", f"{encoded - start:.1f} s to compress and {done - encoded:.1f} s to "
                         f"decompress, with start-up; {warm:.2f} s to decompress again"))
    _write(folder, name, pixels, decoded, blob, rows)
    for label, value in [("picture", name), *rows]:
        print(f"{label:<32}{value}")
    print(f"{'page':<32}{folder / PAGE.name}")


def _original(picture: str | None) -> tuple[str, np.ndarray]:
    if picture is None:
        from skimage import data
        return "astronaut (NASA, public domain, from scikit-image)", data.astronaut()
    try:
        return Path(picture).name, codec.read_picture(picture).pixels
    except codec.CodecError as error:
        raise codec.CodecError(f"{picture}: {error}", error.kind) from None


def _write(folder: Path, name: str, pixels, decoded, blob: bytes, rows) -> None:
    table = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>"
                    for k, v in rows)
    before, after = _png(pixels), _png(decoded)
    page = Template(PAGE.read_text()).substitute(
        name=html.escape(name), rows=table, width=pixels.shape[1], height=pixels.shape[0],
        divider=PAGE.with_name("divider.js").read_text(),
        before=base64.b64encode(before).decode(), after=base64.b64encode(after).decode())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "picture.tfci").write_bytes(blob)
        (folder / "decoded.png").write_bytes(after)
        (folder / PAGE.name).write_text(page)
    except OSError as error:
        raise codec.CodecError(f"cannot write {folder}: {error.strerror}", "missing") from None


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
