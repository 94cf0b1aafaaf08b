"""Reading inputs and writing outputs: names, standard streams, and never half a file."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from codec.models.errors import CodecError

STANDARD = "-"
PIECE = 1 << 20         # what is read at once: a limit is not a size to ask memory for
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]+)")


@dataclass(frozen=True)
class Job:
    """One input and where its result goes; names are shown to the user, `-` is a stream. folder:
    whether the result is a folder of files."""

    source: str
    target: str
    folder: bool = False


@contextmanager
def opened(name: str | os.PathLike) -> Iterator[BinaryIO]:
    """A file, or standard input, to read; CodecError if that cannot be."""
    if name == STANDARD:
        if sys.stdin is None:
            raise CodecError("standard input is closed", "missing")
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")             # noqa: SIM115
    except OSError as error:
        raise CodecError(_reason(error), "missing") from None
    except ValueError as error:             # a zero byte in a name
        raise CodecError(f"{name!r} is no file's name: {error}", "usage") from None
    with file:
        yield file


def _read_all(file: BinaryIO, limit: int) -> bytes:
    """The bytes of an open file; CodecError if there are none, or too many."""
    pieces, size = [], 0
    try:
        while piece := file.read(PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise CodecError(f"is over {limit} bytes", "limit")
    except OSError as error:
        raise CodecError(_reason(error), "missing") from None
    if not size:
        raise CodecError("is empty", "damaged")
    return b"".join(pieces)


def seekable(file: BinaryIO, limit: int) -> BinaryIO:
    """The same if it is a regular file at its beginning, else its bytes in memory.

    Raises:
        CodecError: if it is open as text, cannot be read, is empty, or larger than the limit.
    """
    name = getattr(file, "name", None)
    if isinstance(file, io.TextIOBase):
        raise CodecError("is open as text; open it as 'rb'", "usage")
    if isinstance(name, (str, bytes)) and os.path.isfile(name) and file.tell() == 0:
        if os.fstat(file.fileno()).st_size > limit:
            raise CodecError(f"is over {limit} bytes", "limit")
        return file
    return io.BytesIO(_read_all(file, limit))


@contextmanager
def replacing(name: str, force: bool) -> Iterator[BinaryIO]:
    """A file to write into: a neighbour that takes the name at the end, so that a failure leaves
    nothing and harms nothing; where the system can, it has no name until then, so that not even a
    kill leaves it. Standard output, pipes and devices are written to directly.

    Raises:
        CodecError: if it exists and force is not given, or cannot be written.
    """
    check_target(name, force)
    if is_standard_output(name):
        if sys.stdout is None:
            raise CodecError("standard output is closed", "missing")
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            let_go_of_standard_output()
            raise CodecError(f"cannot write standard output: {_reason(error)}", "missing"
                             ) from None
        return
    target, neighbour = Path(os.path.realpath(name)), None      # a link stays a link
    try:
        if is_stream(name):
            number = _DESCRIPTOR.fullmatch(name)        # goes on where it stands: 3>>FILE
            with open(os.dup(int(number[1])) if number else name, "wb") as file:
                yield file
            return
        neighbour = target.with_name(f".codec-{os.urandom(8).hex()}")
        with _unnamed(target.parent) or _named(neighbour) as file:
            if target.exists():             # before the first byte: it may be private
                os.fchmod(file.fileno(), target.stat().st_mode & 0o7777)
            yield file
            file.flush()
            if not neighbour.exists():      # (with a src_dir_fd, Python's link follows links)
                descriptor = file.fileno()
                os.link(f"/proc/self/fd/{descriptor}", neighbour, src_dir_fd=descriptor)
        os.replace(neighbour, target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CodecError(f"cannot write {name}: {_reason(error)}", "missing") from None
    finally:
        if neighbour:
            with suppress(OSError):         # it took the name, or never was
                os.unlink(neighbour)


@contextmanager
def replacing_folder(name: str, force: bool) -> Iterator[Path]:
    """A folder to write files into: a neighbour that takes the name at the end. If there is a
    folder of this name, and force is given, files move into it, over those of their names.

    Raises:
        CodecError: if it exists and force is not given, or cannot be written.
    """
    check_target(name, force, folder=True)
    target = Path(os.path.realpath(name))
    neighbour = target.with_name(f".codec-{os.urandom(8).hex()}")
    try:
        neighbour.mkdir()
        yield neighbour
        if target.is_dir():
            for path in neighbour.iterdir():
                os.replace(path, target / path.name)
        else:
            os.rename(neighbour, target)
    except OSError as error:
        raise CodecError(f"cannot write {name}: {_reason(error)}", "missing") from None
    finally:
        shutil.rmtree(neighbour, ignore_errors=True)


def _unnamed(folder: Path) -> BinaryIO | None:
    """A file in a folder that has no name yet; None where that, or naming it, cannot be."""
    if not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return open(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666), "wb")
    except (AttributeError, OSError):
        return None


def _named(path: Path) -> BinaryIO:
    """A new file of this name; those that killed runs left in its folder an hour ago or more are
    removed."""
    for old in path.parent.glob(".codec-*"):
        with suppress(OSError):
            if re.fullmatch(r"\.codec-[0-9a-f]{16}", old.name) and old.is_file() and (
                    not old.is_symlink() and time.time() - old.stat().st_mtime > 3600):
                old.unlink()
    return open(path, "xb")


def suffix(name: str | os.PathLike) -> str:
    """In lower case; with what is packed.

    >>> suffix("a/scan.nii.GZ"), suffix("photo.JPG"), suffix("-")
    ('.nii.gz', '.jpg', '')
    """
    *before, last = Path(name).suffixes or [""]
    return (before[-1] if last.lower() == ".gz" and before else "").lower() + last.lower()


def is_there(name: str, folder: bool = False) -> bool:
    """Whether a result has been written before."""
    return os.path.isdir(name) if folder else not is_stream(name) and os.path.isfile(name)


def check_target(name: str, force: bool, folder: bool = False) -> None:
    """CodecError if writing a file, or a folder, there would be refused; worth asking before the
    work."""
    if folder and os.path.exists(name) and not os.path.isdir(name):
        raise CodecError(f"cannot write {name}: is no folder", "usage")
    if is_stream(name):
        return
    if os.path.isdir(name) and not folder:
        raise CodecError(f"cannot write {name}: is a folder", "usage")
    if os.path.exists(name) and not force:
        raise CodecError(f"{name} exists (--force overwrites it)", "usage")
    parent = os.path.dirname(name) or "."
    if not os.path.isdir(parent):
        raise CodecError(f"cannot write {name}: {parent} is no folder", "missing")


def is_standard_output(name: str) -> bool:
    return name in (STANDARD, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def is_stream(name: str) -> bool:
    """Standard output, pipes, /dev/null and its like are written to, not replaced."""
    return (is_standard_output(name) or _DESCRIPTOR.fullmatch(name) is not None or
            (os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)))


def is_folder(name: str) -> bool:
    """Whether the name of a result is that of a folder: one that is there, or to be made."""
    return os.path.isdir(name) or name.endswith(("/", os.sep))


def let_go_of_standard_output() -> None:
    """What is still in its buffer goes nowhere: else it fails once more when the process ends."""
    with suppress(AttributeError, OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def found(inputs: list[str], suffixes: set[str], deep: bool, others: set[str]
          ) -> tuple[list[str], list[str]]:
    """Every input file, those of folders included, and notes on what is left out there."""
    places, notes = _places(inputs, suffixes, deep, others)
    return [source for source, _ in places], notes


def plan(inputs: list[str], output: str | None, suffixes: set[str],
         rename: Callable[[str, str], str], deep: bool, others: set[str],
         whole: Callable[[Path], Any] = lambda _: False) -> tuple[list[Job], list[str]]:
    """Every input file and its target; and notes on what is left out in folders.

    Folders give the files in them that have one of the suffixes (deep: all below them too); others:
    suffixes of files that nobody expects there; whole: whether a folder is itself one input.
    rename: file name, and its source -> default name of the result, with / if it is a folder.
    output: a file for a single input, else a folder, in which results of a folder keep their place
    below it.

    Raises:
        CodecError: if one output file is given for several inputs, or two results have one name.
    """
    if output == "":
        raise CodecError("-o is empty; give a file or a folder", "usage")
    places, notes = _places(inputs, suffixes, deep, others, whole)
    single = len(inputs) == 1 and (inputs[0] == STANDARD or not os.path.isdir(inputs[0])
                                   or [source for source, _ in places] == inputs)
    if output is None:
        jobs = [Job(s, s) if s == STANDARD else _job(s, _named_path(s).parent,
                                                     rename(_named_path(s).name, s))
                for s, _ in places]
    elif single and not is_folder(output):
        return [Job(places[0][0], output)], notes
    else:
        _check_folder(output, suffixes | others)
        jobs = [_job(source, Path(output), rename("stdin" if source == STANDARD else below, source))
                for source, below in places]
    _check_distinct(jobs)
    for job in jobs if output else []:
        folder = Path(job.target).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CodecError(f"cannot write {folder}: {_reason(error)}", "missing") from None
    return jobs, notes


def _job(source: str, folder: Path, name: str) -> Job:
    return Job(source, str(folder / name), name.endswith("/"))


def _named_path(name: str) -> Path:
    """A path that ends with a name, which . and .. do not."""
    return Path(name) if Path(name).name not in ("", "..") else Path(os.path.abspath(name))


def _places(inputs: list[str], suffixes: set[str], deep: bool, others: set[str],
            whole: Callable[[Path], Any] = lambda _: False
            ) -> tuple[list[tuple[str, str]], list[str]]:
    """(source, its path below a folder that was named) of every input; and notes, see `plan`."""
    places, notes = [], []
    if inputs.count(STANDARD) > 1:
        raise CodecError("standard input (-) is given twice; it can be read once", "usage")
    for name in inputs:
        path = Path(name)
        if not name:
            raise CodecError("an input is empty; give a file, a folder or -", "usage")
        if name == STANDARD or not os.path.isdir(name):
            places.append((name, path.name))
            continue
        inside = [f for f in sorted(path.rglob("*") if deep else path.glob("*")) if f.is_file()]
        taken = {folder for folder in {f.parent for f in inside} if whole(folder)}
        inside = sorted({f.parent if f.parent in taken else f for f in inside})
        places += [(name, _named_path(name).name) if f == path else
                   (str(f), str(f.relative_to(path))) for f in inside
                   if f in taken or suffix(f) in suffixes]
        inside = [f for f in inside if f not in taken]
        left = Counter(suffix(f) or "no suffix" for f in inside
                       if suffix(f) not in suffixes | others and not any(
                           part[0] == "." for part in f.relative_to(path).parts))
        if left:
            kinds = ", ".join(f"{kind} {count}" for kind, count in left.most_common(8))
            count = sum(left.values())
            notes.append(f"{name}: {count} file{'s' * (count > 1)} left out ({kinds})")
    return places, notes


def _check_folder(output: str, suffixes: set[str]) -> None:
    """CodecError if the name of a folder is that of one file."""
    if is_standard_output(output) or (os.path.exists(output) and not os.path.isdir(output)):
        raise CodecError(f"-o {output} is one file; several inputs need a folder", "usage")
    if suffix(output) in suffixes and not is_folder(output):
        raise CodecError(f"-o {output} is named as one file; several inputs need a folder "
                         "(decompress has --to for their format)", "usage")


def _check_distinct(jobs: list[Job]) -> None:
    """CodecError if two results have one name."""
    sources: dict[str, str] = {}
    for job in jobs:
        target = job.target if job.target == STANDARD else os.path.abspath(job.target)
        if target in sources:
            raise CodecError(f"{sources[target]} and {job.source} would both become {job.target}; "
                             "compress or decompress them one by one, with -o", "usage")
        sources[target] = job.source


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
