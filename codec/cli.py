"""The command `codec`: one short function a subcommand."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
import warnings
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from absl import app, flags
from absl.flags import argparse_flags

import codec
from codec import api, arguments, bitstream, engines, files, media
from codec.models.errors import CodecError

SUFFIX = ".tfci"


def run() -> None:
    """The entry point of the installed command."""
    if "--debug" in sys.argv:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")      # else the engine asks for silence
    else:
        warnings.simplefilter("ignore")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        _own_standard_error()
    try:
        app.run(lambda args: args.command(args), flags_parser=_parse)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        _complain(str(error) if isinstance(error, CodecError) else
                  f"unexpected {type(error).__name__}: {error} (--debug shows where)")
        sys.exit(1)


def _own_standard_error() -> None:
    """Leaves standard error to our own lines: what libraries in C++ write to its file descriptor
    goes nowhere. LiteRT has no other setting against it."""
    ours: Any = sys.stderr
    if ours is None or ours != sys.__stderr__ or ours.fileno() != 2:
        return              # closed, or another program's that runs this one
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=ours.encoding, errors=ours.errors)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _parse(argv: list[str]):
    flags.FLAGS.mark_as_parsed()        # absl has none here that a user could set
    return _parser().parse_args(argv[1:])


def _parser() -> argparse_flags.ArgumentParser:
    parser = argparse_flags.ArgumentParser(
        prog="codec", description="A learned codec for pictures.", inherited_absl_flags=None)
    parser.add_argument("--version", action="version", version=f"codec {codec.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, (text, options) in (_for_files() | _for_models_and_measuring()).items():
        sub = subparsers.add_parser(command.__name__, help=text, description=text,
                                    inherited_absl_flags=None)
        sub.set_defaults(command=command)
        for names, settings in options:
            sub.add_argument(*names, **settings)
        sub.add_argument("--debug", action="store_true", help="show tracebacks and all messages")
    return parser


def _option(*names: str, **settings) -> tuple[tuple[str, ...], dict]:
    return names, settings


def _for_files() -> dict:
    """Commands: (what they do, their options)."""
    arg, as_json = _option, _option("--json", action="store_true", help="one JSON object a file")
    out = arg("-o", dest="output", metavar="FILE|DIR", help="where to write; - is stdout")
    force = arg("--force", action="store_true", help="overwrite existing files")
    threads = arg("--threads", type=arguments.positive, metavar="N", help="cores to use")
    engine = arg("--engine", choices=engines.NAMES, default="auto",
                 help="what runs the transforms (default %(default)s)")
    deep = arg("-r", dest="deep", action="store_true", help="folders with all below them")
    pixels = arg("--max-pixels", type=arguments.positive, default=codec.MAX_PIXELS, metavar="N",
                 help="refuse larger pictures (default %(default)s)")
    extra = arg("--model", metavar="DIR", help="a model folder to search first")
    one = arg("file", metavar="FILE", help=".tfci file, or - for stdin")
    return {
        compress: ("Pictures to .tfci files.", [
            arg("inputs", nargs="+", metavar="INPUT", help="picture, folder, or - for stdin"), out,
            arg("-q", "--quality", type=arguments.quality, metavar="1..100", help="default 75"),
            arg("--target-size", type=arguments.size, metavar="BYTES", help="as 200K; the most"),
            arg("--target-bpp", type=arguments.amount, metavar="BPP",
                help="bits per pixel; the most"),
            arg("--target-psnr", type=arguments.amount, metavar="DB", help="the least"),
            arg("--model", default=codec.DEFAULT_MODEL, metavar="NAME|DIR",
                help="default %(default)s"),
            arg("--measure", action="store_true", help="decode again and report the PSNR"),
            engine, threads, as_json, force, deep, pixels]),
        decompress: (".tfci files to pictures (PNG unless -o says otherwise).", [
            arg("inputs", nargs="+", metavar="FILE", help=".tfci file, folder, or - for stdin"),
            out, arg("--crop", type=arguments.crop, metavar="X,Y,W,H", help="only this part"),
            extra, engine, threads, as_json, force, deep, pixels]),
        info: ("What is in a file, bytes by section.", [one, as_json]),
        verify: ("Check every checksum and decode to symbols.", [one, extra, as_json, pixels]),
    }


def _for_models_and_measuring() -> dict:
    arg, as_json = _option, _option("--json", action="store_true", help="one JSON object")
    return {
        models: ("What is installed.", [as_json]),
        train: ("Make a model for your own pictures.", [
            arg("data", metavar="DATA", help="folder of pictures or tar shards, or one tar"),
            arg("--config", default="photo", metavar="NAME", help="default %(default)s"),
            arg("--out", default="trained", metavar="DIR", help="default %(default)s"),
            arg("--minutes", type=arguments.amount, help="length of the whole schedule"),
            arg("--start", metavar="MODEL", help="begin with the weights of an installed model"),
            arg("--bfloat16", action="store_true", help="compute in 16 bits, where that is faster"),
            arg("--resume", action="store_true", help="go on from DIR's checkpoint")]),
        evaluate: ("Rate-distortion report: page, JSON, CSV, curves.", [
            arg("data", nargs="?", metavar="FOLDER", help="pictures to measure on"),
            arg("-o", dest="output", default="report", metavar="DIR", help="default %(default)s"),
            arg("--codecs", type=arguments.words, metavar="A,B",
                help="default: codec (ours) and all rivals"),
            arg("--qualities", type=arguments.qualities, metavar="Q,Q", help="of codec"),
            arg("--metrics", type=arguments.words, metavar="M,M",
                help="of psnr, psnr-y, ms-ssim, ms-ssim-db; default: all"),
            arg("--model", default=codec.DEFAULT_MODEL, metavar="NAME|DIR",
                help="default %(default)s"),
            arg("--published", metavar="CSV",
                help="published curves of these pictures too; kodak: those we have"),
            arg("--bpp", type=arguments.amount, nargs=2, metavar=("LOW", "HIGH"),
                help="rates that BD-rates are taken between; default 0.1 1.5"),
            arg("--jobs", type=arguments.positive, default=1, metavar="N", help="processes"),
            arg("--repeats", type=arguments.positive, default=3, metavar="N",
                help="runs that times are medians of (default %(default)s)"),
            arg("--resume", action="store_true", help="go on with what DIR holds"),
            arg("--compare", nargs=2, metavar=("OLD", "NEW"),
                help="two results.json; exit status 1 if NEW is worse"),
            arg("--margin", type=arguments.amount, default=1.0, metavar="PERCENT",
                help="by more than this BD-rate (default %(default)s)")]),
        demo: ("A photograph through all of it, with a side-by-side page.", [
            arg("picture", nargs="?", metavar="PICTURE", help="default: a scikit-image sample"),
            arg("-o", dest="output", default="codec-demo", metavar="DIR",
                help="default %(default)s"),
            arg("-q", "--quality", type=arguments.quality, default=50, metavar="1..100",
                help="default %(default)s")]),
        doctor: ("Which engine runs, versions, threads, and what is wrong.", [as_json]),
    }


# ---- subcommands

def compress(args) -> None:
    try:
        target = api.target_of(args.quality, args.target_size, args.target_bpp, args.target_psnr)
    except CodecError:
        _complain("give one of --quality, --target-size, --target-bpp, --target-psnr")
        sys.exit(2)
    model = codec.find_model(args.model)    # once, before many inputs fail for the same reason

    def one(job: files.Job) -> dict:
        medium = media.of_suffix(Path(job.source).suffix)
        with files.opened(job.source) as opened:
            source = files.seekable(opened, api.most_bytes(args.max_pixels))
            value = medium.read(source, args.max_pixels)
            given = source.seek(0, os.SEEK_END)
        engine = codec.engine_for(model, args.threads, args.engine)
        sections = medium.compress(value, target, engine)
        first = next(sections)
        if args.measure:
            sections = iter(kept := list(sections))
        with files.replacing(job.target, args.force) as file:
            size = bitstream.write(file, chain([first], sections))
        header = bitstream.Header.unpack(first.payload)
        report = {"bytes": size, "bpp": 8 * size / header.size, "quality": header.quality,
                  "model": header.model}
        if args.measure:
            report |= medium.compare(value, medium.decompress(header, kept, engine))
        notes = list(value.notes)
        if size > given:
            notes.append(f"the result is larger than the input ({size} > {given} bytes)")
        return report | ({"notes": notes} if notes else {})

    jobs = files.plan(args.inputs, args.output, media.suffixes(), lambda name: name + SUFFIX,
                      args.deep)
    _run_all(jobs, one, args)


def decompress(args) -> None:
    def one(job: files.Job) -> dict:
        with files.opened(job.source) as file:
            picture = codec.decompress(file, crop=args.crop, model=args.model,
                                       threads=args.threads, max_pixels=args.max_pixels,
                                       engine=args.engine)
        medium = media.of_value(picture)
        suffix = Path(job.target).suffix
        if files.is_standard_output(job.target):
            suffix = medium.DEFAULT_SUFFIX
        with files.replacing(job.target, args.force) as file:
            size, notes = medium.write(picture, suffix, file)
        height, width = picture.pixels.shape[:2]
        return {"bytes": size, "width": width, "height": height} | (
            {"notes": notes} if notes else {})

    def rename(name: str) -> str:
        name = name[:-len(SUFFIX)] if name.lower().endswith(SUFFIX) else name
        suffix = Path(name).suffix.lower()
        plain = media.of_suffix(suffix).DEFAULT_SUFFIX
        return str(Path(name).with_suffix(plain)) if suffix in media.suffixes() else name + plain

    _run_all(files.plan(args.inputs, args.output, {SUFFIX}, rename, args.deep), one, args)


def info(args) -> None:
    _report_one(args, codec.info)


def verify(args) -> None:
    _report_one(args, lambda data: codec.verify(data, model=args.model, max_pixels=args.max_pixels))


def models(args) -> None:
    found = codec.installed_models()
    if args.json:
        print(json.dumps(found))
        return
    print(f"{'name':<14}{'media':<10}{'bpp':<16}{'kMAC/pixel (encode, decode)':<30}weights")
    for model in found:
        cost = model["kmac_per_pixel"]
        rates = " to ".join(f"{rate:.2f}" for rate in model.get("bpp", ())) or "not measured"
        print(f"{model['name']:<14}{model['media']:<10}{rates:<16}"
              f"{cost['encode']:>8.1f}{cost['decode']:>10.1f}{'':<12}{model['sha256'][:8]}")


def train(args) -> None:
    from codec import training
    from codec.models.training import run
    try:
        medium = run.configuration(args.config).MEDIUM
        path = run.train_and_export(args.config, partial(training.arrays, medium, args.data),
                                    args.out, args.minutes, args.start, args.resume, args.bfloat16)
    except (OSError, ValueError, FloatingPointError, ImportError) as error:
        raise CodecError(str(error), "usage") from None
    print(f"{path}: ready; use it as codec compress --model {path} ...")


def evaluate(args) -> None:
    from codec.eval import report
    if bool(args.compare) == bool(args.data):
        _complain("give a FOLDER, or --compare OLD NEW")
        sys.exit(2)
    try:
        if args.compare:
            old, new = args.compare
            sys.exit(0 if report.compare_files(old, new, args.margin) else 1)
        wanted = {"names": args.codecs, "metrics": args.metrics, "bpp": args.bpp}
        results = report.run(
            args.data, args.output, model=args.model, qualities=args.qualities,
            curves=report.KODAK if args.published == "kodak" else args.published, jobs=args.jobs,
            repeats=args.repeats, resume=args.resume, **{k: v for k, v in wanted.items() if v})
    except (OSError, ValueError) as error:
        raise CodecError(str(error), "usage") from None
    report.show(results)
    print(Path(args.output) / "report.html")
    sys.exit(1 if any("error" in point for point in results["points"]) else 0)


def demo(args) -> None:
    from codec.eval import demo as page
    page.run(args.picture, Path(args.output), args.quality)


def doctor(args) -> None:
    from codec import doctor as check
    report = check.examine()
    print(json.dumps(report) if args.json else
          "\n".join(f"{key:<26}{value}" for key, value in report.items() if key != "problems"))
    for problem in report["problems"]:
        _complain(problem)
    sys.exit(1 if report["problems"] else 0)


# ---- shared

def _run_all(jobs: list[files.Job], one, args) -> None:
    """Every job in turn; a bad one is reported and the rest go on; exit status 1 if any failed."""
    failed = 0 if jobs else 1
    if not jobs:
        _complain("nothing to do: the folders hold no such files")
    for job in _with_bar(jobs):
        try:
            files.check_target(job.target, args.force)
            start = time.perf_counter()
            report = one(job)
            seconds = round(time.perf_counter() - start, 3)
            report = {"input": job.source, "output": job.target} | report | {"seconds": seconds}
            _show(report, args.json, sys.stderr if files.is_standard_output(job.target) else
                  sys.stdout)
        except (CodecError, MemoryError) as error:
            failed += 1
            _complain(f"{job.source}: {str(error) or 'not enough memory'}")
            if args.debug:
                traceback.print_exc()
        except BrokenPipeError:
            raise
        except Exception as error:
            failed += 1
            _complain(f"{job.source}: unexpected {type(error).__name__}: {error}"
                      " (--debug shows where)")
            if args.debug:
                traceback.print_exc()
    sys.exit(1 if failed else 0)


def _with_bar(jobs: list[files.Job]):
    """The jobs, with a progress bar where there are several and someone watches."""
    if len(jobs) < 2 or not sys.stderr.isatty():
        yield from jobs
        return
    from rich.console import Console
    from rich.progress import Progress
    with Progress(console=Console(stderr=True), transient=True,
                  redirect_stdout=sys.stdout.isatty()) as progress:     # never out of a pipe
        yield from progress.track(jobs, description="")


def _show(report: dict, as_json: bool, stream) -> None:
    notes = report.get("notes", [])
    if as_json:
        print(json.dumps(report), file=stream, flush=True)
        return
    for note in notes:
        print(f"codec: note: {report['input']}: {note}", file=sys.stderr)
    parts = [f"{report['bytes']:,} bytes"]
    if "bpp" in report:
        parts += [f"{report['bpp']:.4f} bpp", f"quality {report['quality']:.2f}"]
    if "psnr" in report:
        parts.append(f"{report['psnr']:.2f} dB")
    if "width" in report:
        parts.append(f"{report['width']}x{report['height']}")
    parts.append(f"{report['seconds']:.2f} s")
    print(f"{report['input']} -> {report['output']}  {'  '.join(parts)}", file=stream, flush=True)


def _report_one(args, function) -> None:
    try:
        with files.opened(args.file) as file:
            report = {"input": args.file} | function(file)
    except CodecError as error:
        raise CodecError(f"{args.file}: {error}", error.kind) from None
    if args.json:
        print(json.dumps(report))
    else:
        for key, value in report.items():
            print(f"{key:<12}{value}")


def _complain(text: str) -> None:
    print(f"codec: error: {text}", file=sys.stderr)


if __name__ == "__main__":
    run()
