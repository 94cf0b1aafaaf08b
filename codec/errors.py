"""The one exception that users meet."""


class CodecError(Exception):
    """Something about an input, an output or an argument; its text is one line that says what."""
