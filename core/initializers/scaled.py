"""Initial weights scaled by the layer's inputs and outputs, to keep the signal's spread."""

from torch import Tensor, nn

from core.initializers import INITIALIZERS


@INITIALIZERS.register()
def xavier_uniform(weight: Tensor) -> None:
    """Uniform, for saturating units (Glorot and Bengio 2010, eq. 16); the notes' LeNet."""
    nn.init.xavier_uniform_(weight)


@INITIALIZERS.register()
def xavier_normal(weight: Tensor) -> None:
    """Normal, for saturating units (Glorot and Bengio 2010)."""
    nn.init.xavier_normal_(weight)


@INITIALIZERS.register()
def kaiming_normal(weight: Tensor) -> None:
    """Normal, for rectified units (He et al., arXiv:1502.01852, eq. 10)."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


@INITIALIZERS.register()
def kaiming_uniform(weight: Tensor) -> None:
    """Uniform, for rectified units (He et al., arXiv:1502.01852, eq. 10)."""
    nn.init.kaiming_uniform_(weight, nonlinearity="relu")
