"""Points of rate and distortion: every one a real file that was decoded again.

A point is a dictionary: codec, picture, quality; bytes, sha256 (eight digits of the file's), bpp;
a value for each metric; encode_s, decode_s, the median of the repeats; encode_mib, decode_mib, what
the call added to the process at its peak (None where the system does not tell). A codec that failed
on a picture leaves codec, picture and error.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

import codec
from codec.eval import baselines
from codec.eval.metrics import values_of

REPEATS = 3


def measure(paths: Sequence[Path], found: dict, metrics: Sequence[str], journal: Path,
            jobs: int = 1, repeats: int = REPEATS) -> Iterator[list[dict]]:
    """Yields the points of every codec on every picture, picture by picture.

    They are kept in `journal`, a JSON object a line, as they come; what it holds by the same
    version and settings is not measured again, so an interrupted run goes on where it stopped.
    """
    done = {}
    if journal.exists():
        for line in journal.read_text().splitlines():
            entry = json.loads(line)
            done[entry["task"]] = entry["points"]
    tasks = {" | ".join([path.name, name, one.version, str(one.qualities), one.settings, *metrics,
                         str(repeats)]): (path, name, one, metrics, repeats)
             for path in paths for name, one in found.items()}
    yield from (done[key] for key in tasks if key in done)
    rest = {key: task for key, task in tasks.items() if key not in done}
    with open(journal, "a") as kept:
        for key, points in zip(rest, _run(list(rest.values()), jobs)):
            kept.write(json.dumps({"task": key, "points": points}) + "\n")
            kept.flush()
            yield points


def _run(tasks: list, jobs: int) -> Iterator[list[dict]]:
    if jobs == 1:
        yield from map(_points, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:   # TensorFlow does not fork
        yield from pool.imap(_points, tasks)


def _points(task) -> list[dict]:
    """All points of a codec on a picture; or one that says why there are none."""
    path, name, one, metrics, repeats = task
    about = {"codec": name, "picture": path.name}
    try:
        one.load()
        pixels = codec.read_picture(path).pixels
        return [{**about, "quality": quality, **_point(pixels, one, quality, metrics, repeats)}
                for quality in one.qualities]
    except Exception as error:      # a codec's failure is a result
        return [{**about, "error": f"{type(error).__name__}: {error}"}]


def _point(pixels, one: baselines.Ours | baselines.Rival, quality, metrics, repeats: int) -> dict:
    blob, *encode = _cost(lambda: one.encode(pixels, quality), repeats)
    decoded, *decode = _cost(lambda: one.decode(blob), repeats)
    return {"bytes": len(blob), "sha256": hashlib.sha256(blob).hexdigest()[:8],
            "bpp": 8 * len(blob) / (pixels.shape[0] * pixels.shape[1]),
            **values_of(pixels, decoded, metrics),
            "encode_s": encode[0], "decode_s": decode[0],
            "encode_mib": encode[1], "decode_mib": decode[1]}


def _cost(call: Callable, repeats: int):
    """(what it returns, median seconds, median MiB at the peak above those before)."""
    seconds, memory = [], []
    for _ in range(repeats):
        before = _reset_peak()
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
        if before is not None:
            memory.append(max(0.0, _mib("VmHWM") - before))
    return (result, round(statistics.median(seconds), 5),
            round(statistics.median(memory), 1) if memory else None)


def _reset_peak() -> float | None:
    """Lets the peak of resident memory start anew; MiB in use, or None where it cannot be told."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _mib("VmRSS")
    except OSError:
        return None


def _mib(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split(field + ":")[1].split()[0]) / 1024


def loading(name: str, model: str, repeats: int) -> dict:
    """What a codec costs before it does anything: seconds from a fresh process, the interpreter's
    start included, to the end of a 64x64 picture, and MiB at the peak; medians."""
    seconds, memory = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", __name__, name, model], check=True,
                              capture_output=True, text=True)
        seconds.append(time.perf_counter() - start)
        memory.append(float(done.stdout.split()[-1]))
    peak = statistics.median(memory)
    return {"load_s": round(statistics.median(seconds), 3), "load_mib": peak or None}


def main() -> None:
    name, model = sys.argv[1:]
    one = baselines.available([name], model)[0][name]
    one.decode(one.encode(np.zeros([64, 64, 3], np.uint8), one.qualities[0]))
    try:
        print(_mib("VmHWM"))
    except OSError:
        print(0)


if __name__ == "__main__":
    main()
