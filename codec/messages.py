"""What the command line tells people: lines on standard output and standard error."""

from __future__ import annotations

import re
import sys

from codec import files
from codec.models.errors import CodecError


def complain(text: str) -> None:
    say(f"codec: error: {in_one_line(text)}", sys.stderr)


def usage(text: str) -> None:
    """Ends with the status of wrong usage."""
    complain(text)
    sys.exit(2)


def say(text: str, stream=None) -> None:
    """Prints; a stream that is closed takes nothing.

    Raises:
        CodecError: if the stream takes no more.
    """
    try:
        print(text, file=stream or sys.stdout, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        if stream is sys.stderr:
            return              # nobody is left to tell
        files.let_go_of_standard_output()
        raise CodecError(f"cannot write standard output: {error.strerror}", "missing") from None


def in_one_line(text: str) -> str:
    """Names may hold line feeds, and what else moves a terminal."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: repr(found[0])[1:-1], text)
