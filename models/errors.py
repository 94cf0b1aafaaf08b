"""The one exception that users meet."""

KINDS = "damaged", "unsupported", "limit", "usage", "missing"


class CodecError(Exception):
    """Something about an input, an output or an argument; its text is one line that says what.

    kind: "damaged" (not what was written), "unsupported" (sound, but nothing that is read or
    written here), "limit" (larger, smaller or better than allowed or possible), "usage" (an
    argument that makes no sense), or "missing" (a file, model or package that is not there, or a
    place that cannot be written to).

    >>> CodecError("is empty", "damaged").kind
    'damaged'
    """

    def __init__(self, text: str, kind: str):
        super().__init__(text)
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; allowed are {', '.join(KINDS)}")
        self.kind = kind

    def __reduce__(self):           # from a worker process to the one that asked
        return type(self), (str(self), self.kind)
