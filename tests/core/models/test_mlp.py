import torch
from torch.nn import functional as F

from core.models import MODELS


def test_the_perceptron_is_two_matrix_products_with_rectified_units_between():
    torch.manual_seed(0)
    model = MODELS["mlp"](in_channels=1, num_classes=4, input_size=6, hidden=7)
    images = torch.rand(2, 1, 6, 6)
    hidden = F.relu(images.reshape(2, 36) @ model.hidden.weight.T + model.hidden.bias)
    torch.testing.assert_close(model(images), hidden @ model.output.weight.T + model.output.bias)
    assert hidden.shape == (2, 7)
