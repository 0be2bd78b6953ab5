import pytest
import torch
from twins import assert_twins

from core.layers.residual import Residual
from core.models.resnet import Residual as Twin


@pytest.mark.parametrize(("channels", "stride"), [((3, 3), 1), ((3, 5), 1), ((3, 5), 2)])
def test_the_residual_unit_equals_that_of_resnet18(channels, stride):
    ours, theirs = Residual(*channels, stride), Twin(*channels, stride)
    assert_twins(ours, theirs, torch.randn(2, 3, 6, 9))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
