"""The command `codec`: one short function a subcommand."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import traceback
import warnings
from pathlib import Path

from absl import app, flags
from absl.flags import argparse_flags

import codec
from codec import engines, files, media, pipeline
from codec.errors import CodecError
from codec.media import image

SUFFIX, PLAIN = ".tfci", image.DEFAULT_SUFFIX


def run() -> None:
    """The entry point of the installed command."""
    if "--debug" in sys.argv:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")      # else the engine asks for silence
    else:
        warnings.simplefilter("ignore")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
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


def _parse(argv: list[str]):
    flags.FLAGS.mark_as_parsed()        # absl has none here that a user could set
    return _parser().parse_args(argv[1:])


def _argument(*names: str, **options) -> tuple[tuple[str, ...], dict]:
    return names, options


def _parser() -> argparse_flags.ArgumentParser:
    arg = _argument
    out = arg("-o", dest="output", metavar="FILE|DIR", help="where to write; - is stdout")
    force = arg("--force", action="store_true", help="overwrite existing files")
    as_json = arg("--json", action="store_true", help="one JSON object a file")
    threads = arg("--threads", type=_positive, metavar="N", help="cores to use")
    engine = arg("--engine", choices=engines.NAMES, default="auto",
                 help="what runs the transforms (default %(default)s)")
    deep = arg("-r", dest="deep", action="store_true", help="folders with all below them")
    pixels = arg("--max-pixels", type=_positive, default=pipeline.MAX_PIXELS, metavar="N",
                 help="refuse larger pictures (default %(default)s)")
    extra = arg("--model", metavar="DIR", help="a model folder to search first")
    one = arg("file", metavar="FILE", help=".tfci file, or - for stdin")
    commands = {
        compress: ("Pictures to .tfci files.", [
            arg("inputs", nargs="+", metavar="INPUT", help="picture, folder, or - for stdin"), out,
            arg("-q", "--quality", type=_quality, metavar="1..100", help="default 75"),
            arg("--target-size", type=_size, metavar="BYTES", help="as 200K; the most"),
            arg("--target-bpp", type=_amount, metavar="BPP", help="bits per pixel; the most"),
            arg("--target-psnr", type=_amount, metavar="DB", help="the least"),
            arg("--model", default=codec.DEFAULT_MODEL, metavar="NAME|DIR",
                help="default %(default)s"),
            arg("--measure", action="store_true", help="decode again and report the PSNR"),
            engine, threads, as_json, force, deep, pixels]),
        decompress: (".tfci files to pictures (PNG unless -o says otherwise).", [
            arg("inputs", nargs="+", metavar="FILE", help=".tfci file, folder, or - for stdin"),
            out, arg("--crop", type=_crop, metavar="X,Y,W,H", help="only this part"),
            extra, engine, threads, as_json, force, deep, pixels]),
        info: ("What is in a file, bytes by section.", [one, as_json]),
        verify: ("Check every checksum and decode to symbols.", [one, extra, as_json, pixels]),
        models: ("What is installed.", [as_json]),
        train: ("Make a model for your own pictures.", [
            arg("data", metavar="DATA", help="folder of pictures or tar shards, or one tar"),
            arg("--config", default="photo", metavar="NAME", help="default %(default)s"),
            arg("--out", default="trained", metavar="DIR", help="default %(default)s"),
            arg("--minutes", type=_amount, help="length of the whole schedule"),
            arg("--start", metavar="MODEL", help="begin with the weights of an installed model"),
            arg("--bfloat16", action="store_true", help="compute in 16 bits, where that is faster"),
            arg("--resume", action="store_true", help="go on from DIR's checkpoint")]),
        evaluate: ("Rate-distortion report: page, JSON, CSV, curves.", [
            arg("data", nargs="?", metavar="FOLDER", help="pictures to measure on"),
            arg("-o", dest="output", default="report", metavar="DIR", help="default %(default)s"),
            arg("--codecs", type=_list, metavar="A,B", help="default: codec (ours) and all rivals"),
            arg("--qualities", type=_qualities, metavar="Q,Q", help="of codec"),
            arg("--metrics", type=_list, metavar="M,M",
                help="of psnr, psnr-y, ms-ssim, ms-ssim-db; default: all"),
            arg("--model", default=codec.DEFAULT_MODEL, metavar="NAME|DIR",
                help="default %(default)s"),
            arg("--published", metavar="CSV",
                help="published curves of these pictures too; kodak: those we have"),
            arg("--bpp", type=_amount, nargs=2, metavar=("LOW", "HIGH"),
                help="rates that BD-rates are taken between; default 0.1 1.5"),
            arg("--jobs", type=_positive, default=1, metavar="N", help="processes"),
            arg("--repeats", type=_positive, default=3, metavar="N",
                help="runs that times are medians of (default %(default)s)"),
            arg("--resume", action="store_true", help="go on with what DIR holds"),
            arg("--compare", nargs=2, metavar=("OLD", "NEW"),
                help="two results.json; exit status 1 if NEW is worse"),
            arg("--margin", type=_amount, default=1.0, metavar="PERCENT",
                help="by more than this BD-rate (default %(default)s)")]),
        demo: ("A photograph through all of it, with a side-by-side page.", [
            arg("picture", nargs="?", metavar="PICTURE", help="default: a scikit-image sample"),
            arg("-o", dest="output", default="codec-demo", metavar="DIR",
                help="default %(default)s"),
            arg("-q", "--quality", type=_quality, default=50, metavar="1..100",
                help="default %(default)s")]),
        doctor: ("Which engine runs, versions, threads, and what is wrong.", [as_json]),
    }
    parser = argparse_flags.ArgumentParser(
        prog="codec", description="A learned codec for pictures.", inherited_absl_flags=None)
    parser.add_argument("--version", action="version", version=f"codec {codec.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, (text, arguments) in commands.items():
        sub = subparsers.add_parser(command.__name__, help=text, description=text,
                                    inherited_absl_flags=None)
        sub.set_defaults(command=command)
        for names, options in arguments:
            sub.add_argument(*names, **options)
        sub.add_argument("--debug", action="store_true", help="show tracebacks and all messages")
    return parser


# ---- subcommands

def compress(args) -> None:
    wanted = {"quality": args.quality, "size": args.target_size, "bpp": args.target_bpp,
              "psnr": args.target_psnr}
    if sum(v is not None for v in wanted.values()) > 1:
        _complain("give one of --quality, --target-size, --target-bpp, --target-psnr")
        sys.exit(2)
    codec.find_model(args.model)        # once, before many inputs fail for the same reason

    def one(job: files.Job) -> dict:
        data = files.read(job.source, codec.MAX_BYTES)
        picture = codec.read_picture(data, args.max_pixels)
        blob = codec.compress(picture, **wanted, model=args.model, threads=args.threads,
                              engine=args.engine)
        files.write(job.target, blob, args.force)
        told = codec.info(blob)
        report = {name: told[name] for name in ("bytes", "bpp", "quality", "model")}
        if args.measure:
            decoded = codec.decompress(blob, model=args.model, threads=args.threads,
                                       max_pixels=args.max_pixels, engine=args.engine)
            report["psnr"] = codec.psnr(picture.pixels, decoded.pixels)
        notes = list(picture.notes)
        if len(blob) > len(data):
            notes.append(f"the result is larger than the input ({len(blob)} > {len(data)} bytes)")
        return report | ({"notes": notes} if notes else {})

    jobs = files.plan(args.inputs, args.output, media.SUFFIXES, lambda name: name + SUFFIX,
                      args.deep)
    _run_all(jobs, one, args)


def decompress(args) -> None:
    def one(job: files.Job) -> dict:
        data = files.read(job.source, codec.MAX_BYTES)
        picture = codec.decompress(data, crop=args.crop, model=args.model, threads=args.threads,
                                   max_pixels=args.max_pixels, engine=args.engine)
        suffix = PLAIN if job.target == files.STANDARD else Path(job.target).suffix
        blob = media.write(picture, suffix)
        files.write(job.target, blob, args.force)
        height, width = picture.pixels.shape[:2]
        return {"bytes": len(blob), "width": width, "height": height}

    def rename(name: str) -> str:
        name = name[:-len(SUFFIX)] if name.lower().endswith(SUFFIX) else name
        known = Path(name).suffix.lower() in media.SUFFIXES
        return str(Path(name).with_suffix(PLAIN)) if known else name + PLAIN

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
    from codec.models.training import run
    try:
        path = run.train_and_export(args.config, args.data, args.out, args.minutes,
                                    args.start, args.resume, args.bfloat16)
    except (OSError, ValueError, FloatingPointError, ImportError) as error:
        raise CodecError(str(error)) from None
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
        raise CodecError(str(error)) from None
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
            _show(report, args.json, sys.stderr if job.target == files.STANDARD else sys.stdout)
        except (CodecError, MemoryError) as error:
            failed += 1
            _complain(f"{job.source}: {error or 'not enough memory'}")
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
        report = {"input": args.file} | function(files.read(args.file, codec.MAX_BYTES))
    except CodecError as error:
        raise CodecError(f"{args.file}: {error}") from None
    if args.json:
        print(json.dumps(report))
    else:
        for key, value in report.items():
            print(f"{key:<12}{value}")


def _complain(text: str) -> None:
    print(f"codec: error: {text}", file=sys.stderr)


def _amount(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; it must be above 0")
    return number


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; it must be 1 or more")
    return int(text)


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _qualities(text: str) -> list[float]:
    return sorted(_quality(part) for part in _list(text))


def _quality(text: str) -> float:
    number = float(text)
    if not 1 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; it must be 1 to 100")
    return number


def _size(text: str) -> int:
    """200000, 200K, 1.5M (thousands), 64Ki, 2Mi (1024s).

    >>> _size("200K"), _size("1.5Mi")
    (200000, 1572864)
    """
    units = {"ki": 1024, "mi": 1 << 20, "k": 1000, "m": 1000**2}
    lower = text.lower().removesuffix("b")
    for unit, factor in units.items():
        if lower.endswith(unit):
            return int(_amount(lower.removesuffix(unit)) * factor)
    return _positive(lower)


def _crop(text: str) -> tuple[int, int, int, int]:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is not allowed; give X,Y,W,H in pixels")
    x, y, width, height = map(int, parts)
    return x, y, width, height


if __name__ == "__main__":
    run()
