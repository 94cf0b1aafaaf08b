"""`python -m codec.eval ...` is `codec evaluate ...`."""

import sys

from codec import cli

sys.argv[1:1] = ["evaluate"]
cli.run()
