"""The train step as one HLO module, to run where there is an accelerator but no TensorFlow.

    python -m codec.models.training.portable MODULE --config photo --start photo --batch 16
    python -m codec.models.training.portable MODULE --collect 'state.*.npz' --out RUN

The first line writes K steps of training as a pure function: MODULE/step.hlo.pb.gz (an
HloModuleProto), manifest.json (its parameters and results in order), init.npz (weights, rounded to
float16; all else starts at zero, and the first step sets the averages). The arguments are step0
(steps done before), seed, lr (factor of the learning rates: warm-up and decay are the caller's),
and the data: uint8 bytes, a table of (offset, height, width) and how many of its rows count.
Results are the metrics of each step, then the new state, which goes into the next call. The second
line makes arrays saved by name a checkpoint that ``codec train --resume`` goes on from.
"""

from __future__ import annotations

import argparse
import glob
import gzip
import json
import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from codec.models import zoo
from codec.models.training import data, loop
from codec.models.training.run import configuration

ARGUMENTS = ("step0", "seed", "lr", "count", "table", "data")
FORBIDDEN = ("rng", "conditional", "custom-call", "infeed", "outfeed", "set-dimension-size")


def many_steps(trainer: loop.Trainer, settings: dict, k: int):
    """K train steps as a function of ARGUMENTS -> metrics float32 [K, 4]."""
    c = trainer.model.config

    def one(step, seed, rate, count, table, samples):
        signals = data.crops(samples, table, c.samples, trainer.key(seed, step), settings["batch"],
                             data.patch_of(settings["patch"], c.rank), count)
        keep = tf.minimum(settings["ema"], 1 - 10 / (10 + tf.cast(step, tf.float32)))
        return trainer.step(signals, step, seed, rate, keep)

    def steps(step0, seed, lr, count, table, samples):
        def body(i, out):           # rows are added: a list of tensors would make poorer HLO
            row = one(step0 + i, seed, lr, count, table, samples)
            return i + 1, out + tf.one_hot(i, k)[:, None] * row[None]
        start = tf.constant(0), tf.zeros([k, len(loop.METRICS)])
        return tf.while_loop(lambda i, _: i < k, body, start)[1]
    return steps


def export(trainer: loop.Trainer, settings: dict, out: str | Path, k: int, rows: int, size: int
           ) -> None:
    """Writes the module of K steps on up to `rows` signals in `size` bytes.

    Raises:
        ValueError: if the step holds an operation that does not run everywhere.
    """
    columns = 1 + trainer.model.config.rank
    special = {"lr": tf.TensorSpec([], tf.float32),
               "table": tf.TensorSpec([rows, columns], tf.int32),
               "data": tf.TensorSpec([size], tf.uint8)}
    specs = [special.get(name, tf.TensorSpec([], tf.int32)) for name in ARGUMENTS]
    function = tf.function(many_steps(trainer, settings, k), jit_compile=True)
    concrete = function.get_concrete_function(*specs)
    lowered = function.experimental_get_compiler_ir(*specs)
    text = lowered(stage="hlo")
    found = [op for op in FORBIDDEN if f" {op}(" in text]
    if found:
        raise ValueError(f"the step holds {', '.join(found)}: operations that do not run anywhere")
    state = trainer.optimizer.state()
    params = [_entry("arg", name, spec) for name, spec in zip(ARGUMENTS, specs)]
    init = {"step": np.array(0)}
    names = {id(v.handle): n for n, v in state.items()}
    for captured in concrete.captured_inputs:
        if captured.dtype == tf.resource:
            name = names[id(captured)]
            params.append(_entry("state", name, state[name]))
        else:                       # a large constant
            name = f"const/{len(init)}"
            init[name] = captured.numpy()
            params.append(_entry("const", name, captured))
    # what is written replaces the parameter that the module's own header pairs it with
    pairs = re.findall(r"\{\d+\}: \((\d+), \{\}, may-alias\)", text[:text.index("\n")])
    results = [{"role": "metrics"}, *(params[int(i)] for i in pairs)]
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with gzip.open(out / "step.hlo.pb.gz", "wb") as file:
        file.write(lowered(stage="hlo_serialized"))
    (out / "manifest.json").write_text(json.dumps(
        {"params": params, "results": results, "k": k, "batch": settings["batch"],
         "patch": settings["patch"], "run": settings}, indent=1))
    np.savez(out / "init.npz", **init,
             **{n: v.numpy().astype(np.float16) for n, v in state.items() if n.startswith("w/")})


def _entry(role: str, name: str, spec) -> dict:
    return {"role": role, "name": name, "shape": list(spec.shape), "dtype": spec.dtype.name}


def collect(module: str | Path, pattern: str, out: str | Path) -> None:
    """State saved by name, in any number of .npz files -> a checkpoint with its schedule to come.

    Moments that were not saved start at zero, averages at the weights.
    """
    manifest = json.loads(Path(module, "manifest.json").read_text())
    saved = {k: v for path in sorted(glob.glob(pattern)) for k, v in np.load(path).items()}
    state = {}
    for entry in manifest["params"]:
        if entry["role"] == "state":
            name = entry["name"]
            other = saved.get(f"w/{name[2:]}") if name[0] == "e" else np.zeros(entry["shape"])
            state[name] = np.asarray(saved.get(name, other), np.float32)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "checkpoint.npz", seconds=0.0, step=saved["step"], **state)
    (out / "run.json").write_text(json.dumps(manifest["run"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("module", help="folder to write, or to read run settings from")
    parser.add_argument("--collect", metavar="GLOB", help="saved state: write a checkpoint")
    parser.add_argument("--out", default="trained", help="folder of the checkpoint")
    parser.add_argument("--config", default="photo")
    parser.add_argument("--start", help="installed model whose weights to begin with")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--steps", type=int, default=50, help="in one call")
    parser.add_argument("--pictures", type=int, default=4096, help="at most")
    parser.add_argument("--bytes", type=int, default=1_600_000_000, help="of all pictures, at most")
    parser.add_argument("--bfloat16", action="store_true", help="compute in 16 bits")
    args = parser.parse_args()
    if args.collect:
        collect(args.module, args.collect, args.out)
        return
    config = configuration(args.config)
    start = zoo.find(args.start) if args.start else None
    settings = loop.settings_of(config, start, seed=1, bfloat16=args.bfloat16)
    settings["batch"] = args.batch or settings["batch"]
    trainer = loop.build(config, settings)
    if start:
        loop.begin_with(trainer.optimizer, start)
    export(trainer, settings, args.module, args.steps, args.pictures, args.bytes)


if __name__ == "__main__":
    main()
