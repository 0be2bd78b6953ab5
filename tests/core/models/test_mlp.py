import torch
from torch import nn
from torch.nn import functional as F

from core.models import MODELS


def test_the_perceptron_is_two_matrix_products_with_rectified_units_between():
    torch.manual_seed(0)
    model = MODELS["mlp"](in_channels=1, num_classes=4, input_size=6, hidden=7)
    images = torch.rand(2, 1, 6, 6)
    hidden = F.relu(images.reshape(2, 36) @ model.hidden.weight.T + model.hidden.bias)
    torch.testing.assert_close(model(images), hidden @ model.output.weight.T + model.output.bias)
    assert hidden.shape == (2, 7)


def test_with_dropout_it_is_that_of_note_000_in_training_and_in_evaluation():
    torch.manual_seed(0)
    theirs = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(256, 10),
    )  # fmt: skip
    ours = MODELS["mlp_dropout"](in_channels=1, num_classes=10)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(4, 1, 28, 28)
    logits = []
    for model in (ours, theirs):
        torch.manual_seed(1)  # drops the same units
        logits.append(torch.stack([model.train()(images), model.eval()(images)]))
    torch.testing.assert_close(*logits, rtol=0, atol=0)
    assert not torch.equal(logits[0][0], logits[0][1])


def test_layers_and_shares_dropped_are_options():
    options = {"hidden1": 7, "hidden2": 5, "dropout1": 0.0, "dropout2": 1.0, "input_size": 6}
    model = MODELS["mlp_dropout"](3, 4, **options)
    assert model.hidden1.weight.shape == (7, 3 * 36)
    assert model.hidden2.weight.shape == (5, 7)
    logits = model.train()(torch.rand(2, 3, 6, 6))
    torch.testing.assert_close(logits, model.output.bias.expand(2, 4))  # nothing else is left
