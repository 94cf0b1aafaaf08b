"""Every subcommand of `codec`: one short function each, on what argparse made of its arguments."""

from __future__ import annotations

import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import codec
from codec import api, bitstream, files, media, progress
from codec.messages import complain, in_one_line, say, usage
from codec.models.errors import CodecError
from codec.windows import Seconds

SUFFIX = ".tfci"
SUFFERS = 30.0          # dB; what is below at half the qualities or more looks bad


def compress(args) -> None:
    try:
        target = api.target_of(args.quality, args.target_size, args.target_bpp, args.target_psnr,
                               args.target_ssimulacra2,
                               0 if args.lossless and args.max_error is None else args.max_error,
                               args.target_bitrate)
    except CodecError:
        usage("give one of --quality, --target-size, --target-bpp, --target-bitrate, "
              "--target-psnr, --target-ssimulacra2, --lossless, --max-error")
    exact = target.max_error is not None
    if (args.lossless and args.max_error) or (exact and args.tune):
        usage("--lossless, --max-error and --tune exclude each other")
    known = media.suffixes()
    if len(args.inputs) == 1 and files.suffix(args.output or "") in known and not (
            files.is_folder(args.output)):
        usage(f"-o {args.output} is named as an input; compress writes {SUFFIX} files")
    if args.model:
        if args.tune:
            usage("give --tune or --model, not both")
        codec.find_model(args.model)        # once, before many inputs fail for the same reason

    def one(job: files.Job) -> dict:
        with _given(job.source, args.max_pixels, args.fps) as (source, given), api.opened(
                source, args.max_pixels, args.exact_alpha or exact, deep=exact) as value:
            return written(value, job, given)

    def written(value, job: files.Job, given: int) -> dict:
        medium = media.of_value(value)
        value = value.stripped() if args.strip else value
        model = api.model_for(medium, target, args.tune, args.model)
        engine = codec.engine_for(model, args.threads, args.engine)
        told: dict[str, bytes] = {}
        instead = api.instead_of(medium, target, args.model, args.threads)
        sections = _noting(medium.compress(value, target, engine, instead), told)
        first = next(sections)
        if medium is media.module("video"):
            sections = progress.of_frames(sections, value.shape[0], medium.frames_of, args.quiet)
        if args.measure:
            sections = iter(kept := list(sections))
        with files.replacing(job.target, args.force) as file:
            size = bitstream.write(file, chain([first], sections))
        header = bitstream.Header.unpack(first.payload)
        report: dict[str, Any] = {"bytes": size, "bpp": 8 * size / header.size,
                                  "quality": model.asked(header.quality), "model": header.model}
        if header.medium.exact:
            engine = instead or engine
            report |= {k: v for k, v in medium.exactness(header, told).items() if k == "max_error"}
            del report["quality"]
        notes = list(value.notes)
        if args.measure:
            lost = medium.compare(value, medium.decompress(header, kept, engine))
            notes += _tell_losses(lost, report, bool(medium.EXACT))
        if size > given:
            notes.append(f"the result is larger than the input ({size} > {given} bytes)")
        return report | _ran(args, engine) | ({"notes": notes} if notes else {})

    jobs, notes = files.plan(args.inputs, args.output, known, lambda name, _: name + SUFFIX,
                             args.deep, {SUFFIX},
                             (lambda _: True) if args.fps else media.of_folder)
    _run_all(jobs, one, args, notes)


@contextmanager
def _given(name: str, max_pixels: int, fps: Fraction | None) -> Iterator[tuple[Any, int]]:
    """An input as `api.opened` takes it, and how many bytes it has."""
    if fps and not os.path.isdir(name):
        raise CodecError("is a file; --fps is for folders of pictures", "usage")
    if os.path.isdir(name):
        clip = fps and media.module("video").read_pictures(Path(name), fps, max_pixels,
                                                           media.module("picture"))
        yield clip or name, sum(path.stat().st_size for path in Path(name).iterdir()
                                if path.is_file())
        return
    with files.opened(name) as opened:
        source = files.seekable(opened, api.most_bytes(max_pixels))
        given = source.seek(0, os.SEEK_END)
        source.seek(0)
        yield source, given


def _tell_losses(lost: dict[str, float], report: dict[str, Any], avoidable: bool) -> list[str]:
    """Puts them into a report; notes on them, where nothing need be lost."""
    report |= {k: v if math.isfinite(v) else None for k, v in lost.items()}     # JSON has none
    if avoidable and (report["psnr"] or SUFFERS) < SUFFERS and report.get("quality", 0) >= 50:
        return [f"this picture suffers ({report['psnr']:.1f} dB): sharp graphics are better kept "
                "with --lossless"]
    return []


def _noting(sections: Iterator[bitstream.Section], told: dict[str, bytes]
            ) -> Iterator[bitstream.Section]:
    """The same sections; what is none of a unit goes into `told` too."""
    for section in sections:
        if section.type not in bitstream.OF_UNITS:
            told[section.type] = section.payload
        yield section


def decompress(args) -> None:
    known = media.suffixes()
    named = files.suffix(args.output or "")
    if args.to and named in known - {args.to} and not files.is_folder(args.output):
        usage(f"--to {args.to} and -o {args.output} contradict each other")

    video, pictures = media.module("video"), media.module("picture")
    numbered = video.numbered(args.output or "", pictures)
    crop = args.crop
    if args.start is not None or args.end is not None:
        if crop:
            usage("give --crop, or --start and --end")
        crop = Seconds(args.start or 0.0, math.inf if args.end is None else args.end)

    def one(job: files.Job) -> dict:
        lost: list | None = [] if args.keep_going else None
        with files.opened(job.source) as file:
            value, engine = api.decompress_in_bands(
                file, crop=crop, model=args.model, threads=args.threads,
                max_pixels=args.max_pixels, engine=args.engine, lost=lost)
        medium = media.of_value(value)
        if medium is video:
            frames = value.frames
            value = replace(value, frames=medium.Again(
                lambda: progress.of_frames(frames, value.shape[0], lambda _: 1, args.quiet)))
        suffix = args.to or files.suffix(job.target)
        if not suffix and files.is_stream(job.target):
            suffix = medium.DEFAULT_SUFFIX
        if numbered:
            if medium is not video:
                raise CodecError(f"-o {args.output} numbers the frames of a clip; this is a "
                                 f"{value.medium}", "usage")
            with files.replacing_folder(job.target, args.force) as folder:
                size, notes = medium.write_pictures(value, folder, Path(args.output).name, pictures)
        elif value.is_series and (job.folder or suffix not in known):
            with files.replacing_folder(job.target, args.force) as folder:
                size, notes = medium.write_folder(value, folder)
        else:
            suffix = suffix if suffix in known else value.suffix or suffix
            with files.replacing(job.target, args.force) as file:
                size, notes = medium.write(value, suffix, file)
        if lost:
            raise CodecError(f"{api.said(lost)} in {job.target}", "damaged")
        return {"bytes": size} | value.described() | _ran(args, engine) | (
            {"notes": notes} if notes else {})

    def rename(name: str, source: str) -> str:
        """Pictures become PNGs; other signals what they were."""
        name = name[:-len(SUFFIX)] if name.lower().endswith(SUFFIX) else name
        suffix, (medium, extras) = files.suffix(name), api.beginning_of(source)
        kept = medium.kept_name(name, {} if crop else extras)      # a crop is but samples
        bare = name[:len(name) - len(suffix)] if suffix in known else name
        return kept if kept and not args.to else bare + (args.to or medium.DEFAULT_SUFFIX)

    jobs, notes = files.plan(args.inputs, args.output, {SUFFIX}, rename, args.deep, known)
    if numbered:
        jobs = [replace(job, target=str(Path(job.target).parent), folder=True) for job in jobs]
    _run_all(jobs, one, args, notes)


def info(args) -> None:
    def shown(report: dict) -> str:
        return "\n".join(f"{key:<12}{value}" for key, value in report.items())
    _look_at_all(args, codec.info, shown)


def verify(args) -> None:
    def shown(report: dict) -> str:
        return f"{report['input']}  {report['symbols']} symbols  sha256 {report['sha256']}"
    _look_at_all(args, partial(codec.verify, model=args.model, max_pixels=args.max_pixels), shown)


def models(args) -> None:
    found = codec.installed_models()
    if args.json:
        say(json.dumps(found))
        return
    say(f"{'name':<14}{'media':<10}{'bpp':<16}{'kMAC/pixel (encode, decode)':<30}weights")
    for model in found:
        cost = model["kmac_per_pixel"]
        rates = " to ".join(f"{rate:.2f}" for rate in model.get("bpp", ())) or "not measured"
        say(f"{model['name']:<14}{model['media']:<10}{rates:<16}"
            f"{cost['encode']:>8.1f}{cost['decode']:>10.1f}{'':<12}{model['sha256'][:8]}")


def train(args) -> None:
    from codec import training
    from codec.models.training import run
    try:
        found = run.configuration(args.config)
        scales = {k: v for k, v in found.TRAINING.items() if k == "scales"}
        source = partial(training.arrays, found.MEDIUM, args.data,
                         exact=found.MODEL.family == "exact", **scales)
        path = run.train_and_export(args.config, source, args.out, args.minutes, args.start,
                                    args.resume, args.bfloat16)
    except (OSError, ValueError, FloatingPointError, ImportError) as error:
        raise CodecError(str(error), "usage") from None
    say(f"{path}: ready; use it as codec compress --model {path} ...")


def evaluate(args) -> None:
    from codec.eval import clips, datasets, report, volumes
    if bool(args.compare) == bool(args.data):
        usage("give a FOLDER, or --compare OLD NEW")
    try:
        if args.compare:
            old, new = args.compare
            sys.exit(0 if report.compare_files(old, new, args.margin) else 1)
        for kind, measure in (("clips", clips.run), ("volumes", volumes.run)):
            if found := getattr(datasets, kind)(args.data):
                if args.metrics or args.bpp or args.published or args.resume or (
                        args.model != codec.DEFAULT_MODEL):
                    usage(f"of {kind} give --codecs, --qualities and -o alone")
                say("\n".join(measure(found, args.output, args.codecs, args.qualities)))
                say(str(Path(args.output) / f"{kind}.html"))
                sys.exit(0)
        wanted = {"names": args.codecs, "metrics": args.metrics, "bpp": args.bpp}
        results = report.run(
            args.data, args.output, model=args.model, qualities=args.qualities,
            curves=report.KODAK if args.published == "kodak" else args.published, jobs=args.jobs,
            repeats=args.repeats, resume=args.resume, **{k: v for k, v in wanted.items() if v})
    except (OSError, ValueError) as error:
        raise CodecError(str(error), "usage") from None
    report.show(results)
    say(str(Path(args.output) / "report.html"))
    sys.exit(1 if any("error" in point for point in results["points"]) else 0)


def demo(args) -> None:
    from codec.eval import demo as page
    page.run(args.picture, Path(args.output), args.quality)


def doctor(args) -> None:
    from codec import doctor as check
    report = check.examine()
    say(json.dumps(report) if args.json else
        "\n".join(f"{key:<26}{value}" for key, value in report.items() if key != "problems"))
    for problem in report["problems"]:
        complain(problem)
    sys.exit(1 if report["problems"] else 0)


# ---- shared

def _run_all(jobs: list[files.Job], one: Callable[[files.Job], dict], args, notes: list[str]
             ) -> None:
    """Every job in turn; a bad one is reported and the rest go on; exit status 1 if any failed."""
    if args.skip_existing and args.force:
        usage("give --skip-existing or --force, not both")
    _note(notes, args)
    if not jobs:
        complain("nothing to do: the folders hold no such files")
        sys.exit(1)
    if args.skip_existing:
        left = [job for job in jobs if not files.is_there(job.target, job.folder)]
        if len(left) < len(jobs):
            _note([f"{len(jobs) - len(left)} of {len(jobs)} are there already"], args)
        jobs = left
    failed = 0
    for job in progress.of_jobs(jobs, args.quiet):
        stream = sys.stderr if files.is_standard_output(job.target) else sys.stdout

        def work(job: files.Job = job) -> dict:
            files.check_target(job.target, args.force, job.folder)
            start = time.perf_counter()
            report = one(job)
            seconds = round(time.perf_counter() - start, 3)
            return {"input": job.source, "output": job.target} | report | {"seconds": seconds}
        report = _guarded(job.source, work, args, stream)
        failed += report is None
        if report:
            _show(report, args, stream)
    sys.exit(1 if failed else 0)


def _look_at_all(args, function: Callable[[Any], dict], shown: Callable[[dict], str]) -> None:
    """Reports on files and those of folders, one after the other; as above."""
    names, notes = files.found(args.files, {SUFFIX}, args.deep, media.suffixes())
    _note(notes, args)
    if not names:
        complain("nothing to do: the folders hold no such files")
    failed, told = 0 if names else 1, False
    for name in names:
        def work(name: str = name) -> dict:
            with files.opened(name) as file:
                return {"input": name} | function(file)
        report = _guarded(name, work, args, sys.stdout)
        failed += report is None
        if report:
            lines = json.dumps(report) if args.json else shown(report)
            say("\n" + lines if told and "\n" in lines else lines)
            told = True
    sys.exit(1 if failed else 0)


def _guarded(name: str, work: Callable[[], dict], args, stream) -> dict | None:
    """What the work on an input gives; None, and one line of error, if that fails."""
    try:
        return work()
    except BrokenPipeError:
        raise
    except Exception as error:
        if args.debug:
            traceback.print_exc()
        text, kind = str(error) or "not enough memory", getattr(error, "kind", "limit")
        if not isinstance(error, (CodecError, MemoryError)):
            text = f"unexpected {type(error).__name__}: {error} (--debug shows where)"
            kind = "defect"
    complain(f"{name}: {text}")
    if args.json:
        say(json.dumps({"input": name, "error": text, "kind": kind}), stream)
    return None


def _ran(args, engine) -> dict:
    ran = {"model": engine.model.name, "engine": engine.name, "threads": engine.threads}
    return ran if args.verbose else {}


def _show(report: dict, args, stream) -> None:
    if args.json:
        say(json.dumps(report), stream)
        return
    _note([f"{report['input']}: {note}" for note in report.get("notes", [])], args)
    if args.quiet:
        return
    parts = [f"{report['bytes']:,} bytes"]
    if "bpp" in report:
        parts += [f"{report['bpp']:.4f} bpp", f"quality {report['quality']:.2f}"
                  if "quality" in report else "lossless" if report["max_error"] == 0 else
                  f"no sample off by more than {report['max_error']:g}"]
    if report.get("psnr") is not None:
        parts.append(f"{report['psnr']:.2f} dB")
    if "ssimulacra2" in report:
        parts.append(f"SSIMULACRA2 {report['ssimulacra2']:.1f}")
    if "width" in report:
        parts.append(f"{report['width']}x{report['height']}")
    if "shape" in report:
        parts.append(f"{'x'.join(map(str, report['shape']))} {report['dtype']}")
    parts.append(f"{report['seconds']:.2f} s")
    if "engine" in report:
        parts.append(f"{report['model']}, {report['engine']}, {report['threads']} threads")
    say(in_one_line(f"{report['input']} -> {report['output']}  {'  '.join(parts)}"), stream)


def _note(notes: list[str], args) -> None:
    for note in notes:
        if not args.quiet:
            say(f"codec: note: {in_one_line(note)}", sys.stderr)
