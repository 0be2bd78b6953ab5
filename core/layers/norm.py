"""Batch normalisation: Ioffe and Szegedy, arXiv:1502.03167, algorithms 1 and 2; note 003.

Unlike the note, whose from-scratch version
- keeps the moving statistics as plain tensors, which neither checkpoints nor .to() know of: here
  they are buffers;
- starts the moving variance at 0, so that an early evaluation divides by almost nothing: here at 1;
- puts the biased variance of the batch into it: here the unbiased one, as in section 3.1 of the
  paper and in torch.nn;
- counts momentum as the share of the old value: here of the new one, 0.1, as torch.nn does.
"""

import torch
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Each feature to mean 0 and variance 1 over the batch, then scaled and shifted.

    Both cases: after a linear layer, (B, C), over the batch; after a convolution, (B, C, H, W),
    over the batch and all pixels. In evaluation with the statistics that training has gathered.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(num_features))  # gamma
        self.bias = nn.Parameter(torch.zeros(num_features))  # beta
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        # Nothing needs it; torch.nn has it in its state, and states are to be exchanged.
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            over = [0, *range(2, x.dim())]  # all dimensions but that of the features
            mean = x.mean(over)  # (C,)
            var = ((x - per_feature(mean, x)) ** 2).mean(over)  # (C,)
            self.remember(mean.detach(), var.detach(), count=x.numel() // len(mean))
        else:
            mean, var = self.running_mean, self.running_var
        scale = self.weight / (var + self.eps).sqrt()  # (C,)
        return (x - per_feature(mean, x)) * per_feature(scale, x) + per_feature(self.bias, x)

    @torch.no_grad()
    def remember(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Move the running statistics towards those of a batch of `count` values per feature."""
        if count == 1:
            raise ValueError("Batch normalisation needs more than one value per feature to train.")
        unbiased = var * count / (count - 1)
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (unbiased - self.running_var)
        self.num_batches_tracked += 1


def per_feature(values: Tensor, x: Tensor) -> Tensor:
    """(C,) -> (1, C) or (1, C, 1, 1), to be broadcast over `x`."""
    return values.view(1, -1, *[1] * (x.dim() - 2))
