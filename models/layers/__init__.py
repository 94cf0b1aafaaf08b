"""Layer families that the transforms are built from."""

from models.layers.gdn import GDN
from models.layers.signal_conv import SignalConv2D

__all__ = ["GDN", "SignalConv2D"]
