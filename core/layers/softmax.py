"""Softmax, from logits to probabilities: note 000, sections 2.3 and 2.4.

The note divides exp(o) by its sum as it stands, which is inf/inf for a logit above 88. The largest
logit is subtracted first: the quotient is the same, and no exponential exceeds 1.
"""

from torch import Tensor


def softmax(logits: Tensor) -> Tensor:
    """exp(o) / sum(exp(o)) over the last dimension: (..., K) -> (..., K)."""
    exponentials = (logits - largest(logits)).exp()
    return exponentials / exponentials.sum(-1, keepdim=True)


def log_softmax(logits: Tensor) -> Tensor:
    """o - log(sum(exp(o))) over the last dimension: (..., K) -> (..., K).

    Finite where softmax underflows to 0 and its logarithm would be -inf.
    """
    shifted = logits - largest(logits)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def largest(logits: Tensor) -> Tensor:
    """The largest along the last dimension, (..., K) -> (..., 1); a constant to autograd, since
    the results don't depend on what is subtracted."""
    return logits.detach().amax(-1, keepdim=True)
