"""Layer families that the transforms are built from."""

from codec.models.requirements import need_tensorflow

try:
    from codec.models.layers.complex_conv import ComplexConv3D
    from codec.models.layers.conv_gru import ConvGRU, ConvGRUCell
    from codec.models.layers.gdn import GDN
    from codec.models.layers.separable_conv import SeparableConv1D, SeparableConv2D
    from codec.models.layers.signal_conv import SignalConv1D, SignalConv2D, SignalConv3D
except ImportError:
    need_tensorflow("codec.models.layers")
    raise

__all__ = ["GDN", "ComplexConv3D", "ConvGRU", "ConvGRUCell", "SeparableConv1D",
           "SeparableConv2D", "SignalConv1D", "SignalConv2D", "SignalConv3D"]
