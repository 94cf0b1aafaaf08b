"""What quality means, the same for every model: about the SSIMULACRA2 of photographs.

    python -m codec.eval.qualities MODEL PICTURES...

MODEL is the folder of a model; PICTURES are files and folders. Writes `qualities` into its
model.json: the qualities that people ask for, and those that the headers of files then have. From
30 on the mean score of the pictures is what was asked for, as far as the model reaches; below, the
rest of the range is spread evenly.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

import codec
from codec.eval import baselines, datasets

CODED = (1, 5, 10, 16, 23, 30, 38, 46, 54, 62, 70, 78, 85, 91, 96, 100)
LOWEST, STEP = 30, 5


def table(scores: np.ndarray) -> list[list[float]]:
    """Mean scores at CODED, rising -> [asked, coded], both from 1 to 100.

    >>> asked, coded = table(np.linspace(-20, 95, len(CODED)))
    >>> asked[:3], asked[-2:], all(np.diff(coded) > 0)
    ([1.0, 30.0, 35.0], [90.0, 100.0], True)
    """
    rising = np.maximum.accumulate(scores) + 1e-6 * np.arange(len(scores))
    coded_at = PchipInterpolator(rising, CODED)
    asked = np.arange(LOWEST, 100, STEP)
    asked = asked[(asked > rising[0]) & (asked < rising[-1])]
    coded = coded_at(asked).round(2)
    inside = (coded > 1 + asked / 100) & (coded < 100)
    return [[1.0, *map(float, asked[inside]), 100.0], [1.0, *map(float, coded[inside]), 100.0]]


def _scores(ours: baselines.Ours, path: Path) -> list[float]:
    pixels = codec.read_picture(path).pixels
    files = [ours.encode(pixels, quality) for quality in ours.qualities]
    return [codec.ssimulacra2(pixels, ours.decode(file)) for file in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("model", type=Path, help="folder of a model")
    parser.add_argument("pictures", nargs="+", help="files and folders")
    args = parser.parse_args()
    info = json.loads((args.model / "model.json").read_text())
    info.pop("qualities", None)
    paths = [path for given in args.pictures for path in datasets.pictures(given)]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(args.model, folder, dirs_exist_ok=True)     # there, quality is the header's
        Path(folder, "model.json").write_text(json.dumps(info))
        scores = [_scores(baselines.Ours(folder, CODED), path) for path in paths]
    info["qualities"] = table(np.mean(scores, 0))
    (args.model / "model.json").write_text(json.dumps(info, indent=1) + "\n")
    for quality, score, spread in zip(CODED, np.mean(scores, 0), np.std(scores, 0)):
        print(f"header {quality:>3}  SSIMULACRA2 {score:6.2f}  +- {spread:5.2f}")


if __name__ == "__main__":
    main()
