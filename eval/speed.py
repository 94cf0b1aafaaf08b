"""Megapixels a second of our codec and its rivals: `python -m eval.speed PICTURE`.

Every codec runs in a process of its own, one after the other, on the same cores and the same
picture, at the setting whose file is nearest to the same size. Times are medians of repeated calls
after a first that does not count; the ratio is what holds on another machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import codec
from eval import baselines


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("picture")
    cli.add_argument("--codecs", default=",".join(["codec", *baselines.RIVALS]), metavar="A,B")
    cli.add_argument("--model", default=codec.DEFAULT_MODEL)
    cli.add_argument("--bpp", type=float, default=0.75, help="size of the files")
    cli.add_argument("--threads", type=int, default=1, help="cores to run on")
    cli.add_argument("--repeats", type=int, default=5)
    cli.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = cli.parse_args()
    if args.one:
        print(json.dumps(_one(args)))
        return
    found, absent = baselines.available(args.codecs.split(","), args.model)
    rows = {}
    for name in found:
        rows[name] = _child([*sys.argv[1:], "--codecs", name, "--one"], args.threads)
    base = rows.get("codec") or next(iter(rows.values()))
    heads = "bpp", "dB", "encode MP/s", "ratio", "decode MP/s", "ratio"
    print(f"{'':<14}" + "".join(f"{h:>{w}}" for h, w in zip(heads, (7, 7, 14, 9, 14, 9))))
    for name, row in rows.items():
        print(f"{name:<14}{row['bpp']:>7.2f}{row['psnr']:>7.2f}"
              + "".join(f"{row[way]:>14.3g}{row[way] / base[way]:>9.3g}"
                        for way in ("encode", "decode")))
    for name, why in absent.items():
        print(f"{name}: absent, {why}")


def _child(arguments: list[str], threads: int) -> dict:
    """Runs this module for one codec on so many cores."""
    def pin():
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    done = subprocess.run([sys.executable, "-m", "eval.speed", *arguments], check=True,
                          capture_output=True, text=True,
                          preexec_fn=pin if hasattr(os, "sched_setaffinity") else None,
                          env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    return json.loads(done.stdout.splitlines()[-1])


def _one(args) -> dict:
    """Megapixels a second each way of one codec."""
    one = baselines.available([args.codecs], args.model)[0][args.codecs]
    pixels = codec.read_picture(args.picture).pixels
    count = pixels.shape[0] * pixels.shape[1]
    quality, blob = baselines.nearest(one, pixels, args.bpp * count / 8)
    decoded = one.decode(blob)
    return {"bpp": 8 * len(blob) / count, "psnr": codec.psnr(pixels, decoded),
            "encode": count / 1e6 / _median(lambda: one.encode(pixels, quality), args.repeats),
            "decode": count / 1e6 / _median(lambda: one.decode(blob), args.repeats)}


def _median(call, repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
