import torch

from core.models import MODELS


def test_softmax_regression_is_one_matrix_product_and_a_bias():
    torch.manual_seed(0)
    model = MODELS["softmax"](in_channels=3, num_classes=4, input_size=5)
    images = torch.rand(2, 3, 5, 5)
    expected = images.reshape(2, 75) @ model.output.weight.T + model.output.bias
    torch.testing.assert_close(model(images), expected)
