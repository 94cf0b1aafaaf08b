"""Integer networks by their definition, to stand in a Coding."""

import numpy as np


class Definition:
    """A network in int64."""

    def __init__(self, network):
        self.network = network

    def hidden(self, z):
        return self.network.hidden(z, np.int64)

    def output(self, hidden):
        return self.network.output(hidden, np.int64)

    def __call__(self, seen, cell=None):
        return self.network(seen, np.int64, cell)
