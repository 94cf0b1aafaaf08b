"""Reading inputs and writing outputs: names, standard streams, and never half a file."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from codec.models.errors import CodecError

STANDARD = "-"
PIECE = 1 << 20         # what is read at once: a limit is not a size to ask memory for


@dataclass(frozen=True)
class Job:
    """One input and where its result goes; names are shown to the user, `-` is a stream."""

    source: str
    target: str


@contextmanager
def opened(name: str | os.PathLike) -> Iterator[BinaryIO]:
    """A file, or standard input, to read; CodecError if that cannot be."""
    if name == STANDARD:
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


def read(name: str, limit: int) -> bytes:
    """The bytes of a file or of standard input; CodecError if there are none, or too many."""
    with opened(name) as file:
        return read_all(file, limit)


def read_all(file: BinaryIO, limit: int) -> bytes:
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
    """The same if it is a regular file at its beginning, else its bytes in memory; errors as above.
    """
    name = getattr(file, "name", None)
    if isinstance(file, io.TextIOBase):
        raise CodecError("is open as text; open it as 'rb'", "usage")
    if isinstance(name, (str, bytes)) and os.path.isfile(name) and file.tell() == 0:
        if os.fstat(file.fileno()).st_size > limit:
            raise CodecError(f"is over {limit} bytes", "limit")
        return file
    return io.BytesIO(read_all(file, limit))


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
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CodecError(f"cannot write standard output: {_reason(error)}", "missing"
                             ) from None
        return
    target, neighbour = Path(os.path.realpath(name)), None      # a link stays a link
    try:
        if _is_device(name):
            with open(name, "wb") as file:
                yield file
            return
        neighbour = target.with_name(f".codec-{os.urandom(8).hex()}")
        with _unnamed(target.parent) or open(neighbour, "xb") as file:
            yield file
            file.flush()
            if not neighbour.exists():      # (with a src_dir_fd, Python's link follows links)
                descriptor = file.fileno()
                os.link(f"/proc/self/fd/{descriptor}", neighbour, src_dir_fd=descriptor)
        if target.exists():
            os.chmod(neighbour, target.stat().st_mode & 0o7777)
        os.replace(neighbour, target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CodecError(f"cannot write {name}: {_reason(error)}", "missing") from None
    finally:
        if neighbour:
            with suppress(OSError):         # it took the name, or never was
                os.unlink(neighbour)


def _unnamed(folder: Path) -> BinaryIO | None:
    """A file in a folder that has no name yet; None where that, or naming it, cannot be."""
    if not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return open(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666), "wb")
    except (AttributeError, OSError):
        return None


def check_target(name: str, force: bool) -> None:
    """CodecError if writing there would be refused; worth asking before the work."""
    if is_standard_output(name):
        return
    if os.path.isdir(name):
        raise CodecError(f"cannot write {name}: is a folder", "usage")
    if os.path.exists(name) and not force and not _is_device(name):
        raise CodecError(f"{name} exists (--force overwrites it)", "usage")
    parent = os.path.dirname(name) or "."
    if not os.path.isdir(parent):
        raise CodecError(f"cannot write {name}: {parent} is no folder", "missing")


def is_standard_output(name: str) -> bool:
    return name in (STANDARD, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def _is_device(name: str) -> bool:
    """/dev/null and its like are written to, not replaced."""
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def plan(inputs: list[str], output: str | None, suffixes: set[str],
         rename: Callable[[str], str], deep: bool) -> list[Job]:
    """Every input file and its target.

    Folders give the files in them that have one of the suffixes (deep: all below them too).
    rename: file name -> default name of the result. output: a file for a single input, else a
    folder, in which results of a folder keep their place below it.

    Raises:
        CodecError: if one output file is given for several inputs.
    """
    found: list[tuple[str, str]] = []       # (source, path below the output folder)
    for name in inputs:
        path = Path(name)
        if name != STANDARD and path.is_dir():
            files = sorted(path.rglob("*") if deep else path.glob("*"))
            found += [(str(f), str(f.relative_to(path))) for f in files
                      if f.suffix.lower() in suffixes and f.is_file()]
        else:
            found.append((name, path.name))
    single = len(inputs) == 1 and (inputs[0] == STANDARD or not Path(inputs[0]).is_dir())
    if output is None:
        return [Job(s, s if s == STANDARD else str(Path(s).with_name(rename(Path(s).name))))
                for s, _ in found]
    into_folder = os.path.isdir(output) or output.endswith(("/", os.sep))
    if single and not into_folder:
        return [Job(found[0][0], output)]
    if is_standard_output(output) or (os.path.exists(output) and not os.path.isdir(output)):
        raise CodecError(f"-o {output} is one file; several inputs need a folder", "usage")
    jobs = []
    for source, below in found:
        target = Path(output) / (rename(below) if source != STANDARD else rename("stdin"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CodecError(f"cannot write {target.parent}: {_reason(error)}", "missing"
                             ) from None
        jobs.append(Job(source, str(target)))
    return jobs


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
