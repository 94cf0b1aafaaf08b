"""Where TensorFlow does not exist, the tests of what needs it are left out."""

import re
import sys

from codec.models.requirements import NEWEST

NEEDS_TENSORFLOW = re.compile(
    r"^\s*(import|from) (tensorflow|tests\.models|codec\.models\.(autoencoder|export|layers|"
    r"learning|integer_training|picture|training)\b)"
    r"|^from codec\.models import .*(autoencoder|export|integer_training|learning|picture)", re.M)


def pytest_ignore_collect(collection_path):
    if sys.version_info[:2] > NEWEST and "models" in collection_path.parts and (
            collection_path.suffix == ".py"):
        return NEEDS_TENSORFLOW.search(collection_path.read_text()) is not None or None
    return None
