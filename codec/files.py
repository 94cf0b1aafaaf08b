"""Reading inputs and writing outputs: names, standard streams, and never half a file."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from codec.errors import CodecError

STANDARD = "-"


@dataclass(frozen=True)
class Job:
    """One input and where its result goes; names are shown to the user, `-` is a stream."""

    source: str
    target: str


def read(name: str, limit: int) -> bytes:
    """The bytes of a file or of standard input; CodecError if there are none, or too many."""
    try:
        if name == STANDARD:
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with open(name, "rb") as file:
                data = file.read(limit + 1)
    except OSError as error:
        raise CodecError(_reason(error)) from None
    if len(data) > limit:
        raise CodecError(f"is over {limit} bytes")
    if not data:
        raise CodecError("is empty")
    return data


def write(name: str, data: bytes, force: bool) -> None:
    """Writes a neighbour and renames it, so that a failure leaves nothing and harms nothing."""
    if name == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target, temporary = Path(os.path.realpath(name)), None     # a link stays a link
    check_target(name, force)
    try:
        if _is_device(name):
            target.write_bytes(data)
            return
        handle, temporary = tempfile.mkstemp(prefix=".codec-", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except OSError as error:
        raise CodecError(f"cannot write {name}: {_reason(error)}") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def check_target(name: str, force: bool) -> None:
    """CodecError if writing there would be refused; worth asking before the work."""
    if name == STANDARD:
        return
    if os.path.isdir(name):
        raise CodecError(f"cannot write {name}: is a folder")
    if os.path.exists(name) and not force and not _is_device(name):
        raise CodecError(f"{name} exists (--force overwrites it)")
    parent = os.path.dirname(name) or "."
    if not os.path.isdir(parent):
        raise CodecError(f"cannot write {name}: {parent} is no folder")


def _is_device(name: str) -> bool:
    """/dev/null and its like are written to, not replaced."""
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def plan(inputs: list[str], output: str | None, suffixes: set[str], rename, deep: bool
         ) -> list[Job]:
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
    if output == STANDARD or os.path.isfile(output):
        raise CodecError(f"-o {output} is one file; several inputs need a folder")
    jobs = []
    for source, below in found:
        target = Path(output) / (rename(below) if source != STANDARD else rename("stdin"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CodecError(f"cannot write {target.parent}: {_reason(error)}") from None
        jobs.append(Job(source, str(target)))
    return jobs


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
