import pickle

import pytest

from codec.models.errors import KINDS, CodecError


def test_the_kinds_are_a_promise():
    assert KINDS == ("damaged", "unsupported", "limit", "usage", "missing")
    for kind in KINDS:
        assert CodecError("text", kind).kind == kind
    with pytest.raises(ValueError, match="kind is 'odd'; allowed are damaged, unsupported, limit"):
        CodecError("text", "odd")


def test_an_error_travels_between_processes():
    again = pickle.loads(pickle.dumps(CodecError("is over 9 bytes", "limit")))
    assert type(again) is CodecError and (str(again), again.kind) == ("is over 9 bytes", "limit")
