"""Fuzzes: python -m tests.fuzz [TARGET] [--seconds 60] [--seed 1], with a plain mutator over the
corpus, or `python -m tests.fuzz TARGET --atheris [libFuzzer's options]` where atheris is installed.
A finding is written to finding-TARGET and ends it with status 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz.targets import TARGETS, mutated, seeds


def plain(name: str, seconds: float, seed: int) -> int:
    """Runs a target for so long; how many inputs that were."""
    chance, known, tried = random.Random(seed), seeds(name), 0
    for data in known:
        TARGETS[name](data)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data, start = mutated(chance.choice(known), chance), time.process_time()
        try:
            TARGETS[name](data)
            if time.process_time() - start > 10:
                raise TimeoutError(f"{len(data)} bytes took {time.process_time() - start:.0f} s")
        except Exception:
            Path(f"finding-{name}").write_bytes(data)
            raise
        tried += 1
    return tried


def guided(name: str, arguments: list[str]) -> None:
    """Runs a target under atheris, until it is told to stop."""
    import atheris
    chance = random.Random(0)

    def mutate(data: bytes, limit: int, seed: int) -> bytes:
        chance.seed(seed)
        return mutated(atheris.Mutate(data, limit) or b"\0", chance)[:limit]
    folder = Path(f"fuzz-{name}")
    folder.mkdir(exist_ok=True)
    for number, data in enumerate(seeds(name)):
        (folder / f"seed-{number:02}").write_bytes(data)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *arguments, str(folder)], TARGETS[name], custom_mutator=mutate)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true")
    args, rest = parser.parse_known_args()
    if args.atheris:
        guided(args.target, rest)
        return
    names = [args.target] if args.target else list(TARGETS)
    for name in names:
        try:
            tried = plain(name, args.seconds / len(names), args.seed)
        except Exception:
            traceback.print_exc()
            sys.exit(f"{name}: see finding-{name}")
        print(f"{name}: {tried} inputs, nothing found")


if __name__ == "__main__":
    main()
