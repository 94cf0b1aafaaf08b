"""The command `codec`: its entry, its streams and its options. What it does is in `commands`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
import warnings
from contextlib import suppress
from typing import Any

from absl import app, flags
from absl.flags import argparse_flags

import codec
from codec import arguments, commands, engines, files, media, messages
from codec.models.errors import CodecError

STATUS = """exit status: 0 done, 1 an input failed, 2 wrong usage"""
EXAMPLES = {
    "compress": """examples:
  codec compress photo.jpg                        photo.jpg.tfci, quality 75
  codec compress photo.jpg --target-size 200K     never more
  codec compress album/ -r -o packed/ --skip-existing
  codec compress clip.mp4                         sound and all
  codec compress scan.nii.gz --lossless           scan.nii.gz.tfci
  codec compress series/ --lossless               a folder of one DICOM series: series.tfci
  codec compress field.npy --max-error 0.1%       of its range
  cat photo.png | codec compress - > photo.tfci""",
    "decompress": """examples:
  codec decompress photo.jpg.tfci                 photo.png
  codec decompress photo.jpg.tfci -o photo.webp
  codec decompress packed/ -r -o album/ --to .jpg
  codec decompress photo.jpg.tfci --crop 100,80,640,480
  codec decompress clip.mp4.tfci                  clip.mp4
  codec decompress clip.mp4.tfci -o part.mkv --start 12.5 --end 20
  codec decompress scan.nii.gz.tfci               scan.nii.gz
  codec decompress series.tfci                    series/, each file under its name""",
}


def run() -> None:
    """The entry point of the installed command."""
    _fill_closed_streams()
    if "--debug" in sys.argv:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")      # else the engine asks for silence
    else:
        warnings.simplefilter("ignore")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        logging.getLogger("tifffile").setLevel(logging.CRITICAL)    # what is wrong, we say
        _own_standard_error()
    for stream in sys.stdout, sys.stderr:
        with suppress(AttributeError):          # names that are no text go out as they came in
            stream.reconfigure(errors="surrogateescape")    # type: ignore[union-attr]
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        status = _run()
        with suppress(AttributeError):
            sys.stdout.flush()
    except OSError as error:        # of standard output: it is full, or nobody reads it
        if not isinstance(error, BrokenPipeError):
            messages.complain(f"cannot write standard output: {error.strerror}")
        files.let_go_of_standard_output()
        status = 1
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(status)


def _run() -> int | str | None:
    """The exit status of what the command line asks for."""
    try:
        app.run(lambda args: args.command(args), flags_parser=_parse)
    except SystemExit as stop:
        return stop.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        messages.complain(str(error) if isinstance(error, CodecError) else
                          f"unexpected {type(error).__name__}: {error} (--debug shows where)")
        return 1
    return 0


def _fill_closed_streams() -> None:
    """Takes the numbers of standard streams that are closed, so that no file gets one of them, and
    with it what is meant for a stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)          # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")          # noqa: SIM115


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
    return parser().parse_args(argv[1:])


def parser() -> argparse_flags.ArgumentParser:
    """Of the whole command line."""
    whole = argparse_flags.ArgumentParser(
        prog="codec", description="A learned codec for pictures, clips, volumes and signals.",
        inherited_absl_flags=None)
    whole.add_argument("--version", action="version", version=f"codec {codec.__version__}")
    subparsers = whole.add_subparsers(metavar="COMMAND", required=True)
    for command, (text, options) in (_for_files() | _for_models_and_measuring()).items():
        name = command.__name__
        sub = subparsers.add_parser(
            name, help=text, description=text, inherited_absl_flags=None,
            epilog="\n\n".join([EXAMPLES[name], STATUS]) if name in EXAMPLES else STATUS,
            formatter_class=argparse_flags.argparse.RawDescriptionHelpFormatter)
        sub.set_defaults(command=command)
        for names, settings in options:
            sub.add_argument(*names, **settings)
        sub.add_argument("--debug", action="store_true", help="show tracebacks and all messages")
    return whole


def _option(*names: str, **settings) -> tuple[tuple[str, ...], dict]:
    return names, settings


def _for_files() -> dict:
    """Commands: (what they do, their options)."""
    arg, as_json = _option, _option("--json", action="store_true", help="one JSON object a file")
    out = arg("-o", dest="output", metavar="FILE|DIR", help="where to write; - is stdout")
    shared = [
        arg("--engine", choices=engines.NAMES, default="auto",
            help="what runs the transforms (default %(default)s)"),
        arg("--threads", type=arguments.positive, metavar="N",
            help="cores to use (default: all that there are)"),
        arg("--force", action="store_true", help="overwrite existing files"),
        arg("--skip-existing", action="store_true", help="leave out what is there already"),
        as_json, arg("--quiet", action="store_true", help="errors alone"),
        arg("--verbose", action="store_true", help="engine and threads too")]
    deep = arg("-r", dest="deep", action="store_true", help="folders with all that is below them")
    pixels = arg("--max-pixels", type=arguments.positive, default=codec.MAX_PIXELS, metavar="N",
                 help="refuse larger pictures (default %(default)s)")
    extra = arg("--model", metavar="DIR", help="a model folder to search first")
    several = arg("files", nargs="+", metavar="FILE", help=".tfci file, folder, or - for stdin")
    quiet = arg("--quiet", action="store_true", help="no notes")
    return {
        commands.compress: ("Pictures, clips, volumes and signals to .tfci files.", [
            *_for_compressing(), out, *shared, deep, pixels]),
        commands.decompress: (".tfci files to pictures (PNG unless -o or --to says otherwise), "
                              "clips, volumes and signals.", [
            arg("inputs", nargs="+", metavar="FILE", help=".tfci file, folder, or - for stdin"),
            out, arg("--to", type=arguments.suffix, metavar=".SUFFIX",
                     help="format of what is named by default: .png, .jpg, .tif, .npy, ..."),
            arg("--crop", type=arguments.crop, metavar="X,Y,W,H",
                help="only this part; of a volume X,Y,Z,W,H,D, of a signal or the frames of a "
                     "clip START,COUNT"),
            arg("--start", type=arguments.seconds, metavar="SECONDS",
                help="of a clip only what comes from there on, as 12.5 or 1:02.5; of a volume "
                     "from that plane, or point in time, on"),
            arg("--end", type=arguments.seconds, metavar="SECONDS",
                help="of a clip only what comes before"),
            arg("--keep-going", action="store_true",
                help="write what is sound of a damaged file, say what is not, and fail"),
            extra, *shared, deep, pixels]),
        commands.info: ("What is in files, bytes by section.", [several, as_json, quiet, deep]),
        commands.verify: ("Check every checksum and decode to symbols.",
                          [several, extra, as_json, quiet, deep, pixels]),
    }


def _for_compressing() -> list:
    arg = _option
    return [
        arg("inputs", nargs="+", metavar="INPUT",
            help="picture, clip (MP4, MKV, ...), volume (NIfTI, DICOM, .npy, TIFF stack), "
                 "signal (WAV, FLAC, AIFF), folder (one that holds a DICOM series is a "
                 "volume), or - for stdin"),
        arg("-q", "--quality", type=arguments.quality, metavar="1..100",
            help="default 75; of volumes there is none"),
        arg("--target-size", type=arguments.size, metavar="BYTES",
            help="the most, as 200K (thousands), 1.5M, 64Ki"),
        arg("--target-bpp", "--target-bpv", type=arguments.amount, metavar="BPP",
            help="bits per pixel, or voxel; the most"),
        arg("--target-bitrate", type=arguments.size, metavar="BITS",
            help="of a clip, a second, as 2M; the most"),
        arg("--target-psnr", type=arguments.amount, metavar="DB",
            help="the least; of a volume over the range of its values"),
        arg("--target-ssimulacra2", type=arguments.amount, metavar="SCORE",
            help="the least; 70 is high quality, 90 hard to tell apart"),
        arg("--lossless", action="store_true", help="every sample comes back as it was"),
        arg("--max-error", type=arguments.error, metavar="E",
            help="no sample is off by more than E, as 2, 1e-3 or 0.1%% of the range"),
        arg("--tune", choices=list(media.module("picture").MODELS),
            help="whose judgement counts; default eyes, with --target-psnr psnr"),
        arg("--model", metavar="NAME|DIR",
            help="instead of what --tune chooses; graphics too are coded by it"),
        arg("--measure", action="store_true", help="decode again; report PSNR, SSIMULACRA2"),
        arg("--fps", type=arguments.rate, metavar="N",
            help="folders are clips: a picture a frame, so many a second, as 24 or 30000/1001"),
        arg("--strip", action="store_true",
            help="without EXIF, XMP and resolution; colour profile and orientation stay"),
        arg("--exact-alpha", action="store_true",
            help="code the colours of invisible pixels as they are")]


def _for_models_and_measuring() -> dict:
    arg, as_json = _option, _option("--json", action="store_true", help="one JSON object")
    return {
        commands.models: ("What is installed.", [as_json]),
        commands.train: ("Make a model for your own pictures.", [
            arg("data", metavar="DATA", help="folder of pictures or tar shards, or one tar"),
            arg("--config", default="photo", metavar="NAME", help="default %(default)s"),
            arg("--out", default="trained", metavar="DIR", help="default %(default)s"),
            arg("--minutes", type=arguments.amount, help="length of the whole schedule"),
            arg("--start", metavar="MODEL", help="begin with the weights of an installed model"),
            arg("--bfloat16", action="store_true", help="compute in 16 bits, where that is faster"),
            arg("--resume", action="store_true", help="go on from DIR's checkpoint")]),
        commands.evaluate: ("Rate-distortion report: page, JSON, CSV, curves.", [
            arg("data", nargs="?", metavar="FOLDER",
                help="pictures to measure on, clips, or volumes"),
            arg("-o", dest="output", default="report", metavar="DIR", help="default %(default)s"),
            arg("--codecs", type=arguments.words, metavar="A,B",
                help="default: codec (ours) and all rivals; models by name"),
            arg("--qualities", type=arguments.qualities, metavar="Q,Q", help="of codec"),
            arg("--metrics", type=arguments.words, metavar="M,M",
                help="of psnr, psnr-y, ms-ssim, ms-ssim-db, ssimulacra2; default: all"),
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
        commands.demo: ("A photograph through all of it, with a side-by-side page.", [
            arg("picture", nargs="?", metavar="PICTURE", help="default: a scikit-image sample"),
            arg("-o", dest="output", default="codec-demo", metavar="DIR",
                help="default %(default)s"),
            arg("-q", "--quality", type=arguments.quality, default=50, metavar="1..100",
                help="default %(default)s")]),
        commands.doctor: ("Which engine runs, versions, threads, and what is wrong.", [as_json]),
    }


if __name__ == "__main__":
    run()
