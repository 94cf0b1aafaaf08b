"""Speed and memory of our codec and its rivals: `python -m codec.eval.speed PICTURE`.

Every codec runs in a process of its own, one after the other, on the same cores and the same
picture, at the setting whose file is nearest to the same size. Megapixels a second are medians of
repeated calls after a first that does not count; "cold" is a whole process that decodes the file to
a PNG (`codec decompress`, or Python with Pillow alone), start-up and all, and its peak memory. The
ratios, to the first row, are what holds on another machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import codec
from codec.eval import baselines

ENGINES = {"codec": "auto", "codec (TensorFlow)": "tensorflow"}
PILLOW = """
import sys
from PIL import Image
source, target, *plugin = sys.argv[1:]
for name in plugin:
    module = __import__(name)
    getattr(module, "register_heif_opener", lambda: None)()
Image.open(source).convert("RGB").save(target, compress_level=3)      # as `codec decompress`
"""
LAUNCH = """
import os, sys, time
start = time.perf_counter()
_, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""     # its own process, as a child's peak memory begins with that of its parent
COLUMNS = (("bpp", 7), ("dB", 7), ("encode MP/s", 14), ("ratio", 8), ("decode MP/s", 14),
           ("ratio", 8), ("cold s", 9), ("ratio", 8), ("MiB", 7), ("ratio", 8))


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("picture")
    cli.add_argument("--codecs", type=lambda text: text.split(","), metavar="A,B",
                     default=[*ENGINES, *baselines.RIVALS])
    cli.add_argument("--model", default=codec.DEFAULT_MODEL)
    cli.add_argument("--bpp", type=float, default=0.75, help="size of the files")
    cli.add_argument("--threads", type=int, default=1, help="cores to run on")
    cli.add_argument("--repeats", type=int, default=5)
    cli.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = cli.parse_args()
    if args.one:
        print(json.dumps(_one(args)))
        return
    rows, absent = {}, {}
    for name in args.codecs:
        why = _absent(name, args.model)
        if why:
            absent[name] = why
        else:
            rows[name] = _child([*sys.argv[1:], "--codecs", name, "--one"], args.threads)
    base = next(iter(rows.values()))
    print(f"{'':<20}" + "".join(f"{head:>{width}}" for head, width in COLUMNS))
    for name, row in rows.items():
        print(f"{name:<20}{row['bpp']:>7.2f}{row['psnr']:>7.2f}" + "".join(
            f"{row[key]:>{width}.3g}{row[key] / base[key]:>8.3g}" for key, width in
            (("encode", 14), ("decode", 14), ("cold", 9), ("memory", 7))))
    for name, why in absent.items():
        print(f"{name}: absent, {why}")


def _absent(name: str, model: str) -> str:
    """Why a codec cannot be measured here; nothing if it can."""
    if name in ENGINES:
        missing = ENGINES[name] == "tensorflow" and not find_spec("tensorflow")
        return "TensorFlow is not installed" if missing else ""
    return baselines.available([name], model)[1].get(name, "")


def _child(arguments: list[str], threads: int) -> dict:
    """Runs this module for one codec on so many cores."""
    def pin():
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    done = subprocess.run([sys.executable, "-m", "codec.eval.speed", *arguments], check=True,
                          stdout=subprocess.PIPE, text=True,
                          preexec_fn=pin if hasattr(os, "sched_setaffinity") else None,
                          env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    return json.loads(done.stdout.splitlines()[-1])


def _one(args) -> dict:
    """What there is to tell of one codec."""
    [name] = args.codecs
    one = baselines.available(["codec" if name in ENGINES else name], args.model)[0].popitem()[1]
    if isinstance(one, baselines.Ours):
        one = replace(one, engine=ENGINES[name])
    pixels = codec.read_picture(args.picture).pixels
    count = pixels.shape[0] * pixels.shape[1]
    quality, blob = baselines.nearest(one, pixels, args.bpp * count / 8)
    decoded = one.decode(blob)
    cold, memory = _cold(one, blob, args.repeats)
    return {"bpp": 8 * len(blob) / count, "psnr": codec.psnr(pixels, decoded),
            "encode": count / 1e6 / _median(lambda: one.encode(pixels, quality), args.repeats),
            "decode": count / 1e6 / _median(lambda: one.decode(blob), args.repeats),
            "cold": cold, "memory": memory}


def _cold(one: baselines.Ours | baselines.Rival, blob: bytes, repeats: int) -> tuple[float, float]:
    """(median seconds, largest MiB) of processes that decode a file to a PNG."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "file"), Path(folder, "out.png")
        source.write_bytes(blob)
        if isinstance(one, baselines.Ours):
            command = ["-m", "codec.cli", "decompress", str(source), "-o", str(target), "--force",
                       "--model", one.model, "--engine", one.engine]
        else:
            command = ["-c", PILLOW, str(source), str(target), *filter(None, [one.plugin])]
        seconds, memory = [], []
        for _ in range(repeats):
            done = subprocess.run([sys.executable, "-S", "-c", LAUNCH, sys.executable, *command],
                                  check=True, stdout=subprocess.PIPE, text=True)
            took, peak = done.stdout.splitlines()[-1].split()
            seconds.append(float(took))
            memory.append(float(peak))
    return statistics.median(seconds), max(memory)


def _median(call, repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
