"""What training minimises. A new file in this folder is found by itself.

Each maps logits (B, K) and labels (B,) to their mean over the batch, (). One with the fact
`numbers` takes numbers too, in place of labels, and outputs (B, 1). With `label_smoothing` s
the target of an image is no longer all of its class: a share s is spread over all K classes evenly
(Szegedy et al., arXiv:1512.00567, section 7). Tests are scored without it.

Importing this module does not import torch.
"""

from collections.abc import Callable
from typing import Any

from core.registry import Registry

Loss = Callable[..., Any]  # (logits, labels, label_smoothing=0.0) -> (), a Tensor

LOSSES: Registry[Loss] = Registry("loss", __name__)
