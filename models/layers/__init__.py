"""Layer families that the transforms are built from."""

from models.requirements import need_tensorflow

try:
    from models.layers.complex_conv import ComplexConv3D
    from models.layers.conv_gru import ConvGRU, ConvGRUCell
    from models.layers.gdn import GDN
    from models.layers.separable_conv import SeparableConv1D, SeparableConv2D
    from models.layers.signal_conv import SignalConv1D, SignalConv2D, SignalConv3D
except ImportError:
    need_tensorflow("models.layers")
    raise

__all__ = ["GDN", "ComplexConv3D", "ConvGRU", "ConvGRUCell", "SeparableConv1D",
           "SeparableConv2D", "SignalConv1D", "SignalConv2D", "SignalConv3D"]
