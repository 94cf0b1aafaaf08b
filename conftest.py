"""Where TensorFlow does not exist, the tests of what needs it are left out."""

import sys

from codec.models.requirements import NEWEST

collect_ignore_glob = ["codec/models/*", "tests/models/*"] if sys.version_info[:2] > NEWEST else []
