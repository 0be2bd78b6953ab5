import pytest
import torch

from core.build import build_model
from core.errors import UnknownName
from core.layers import ACTIVATIONS
from core.layers.activation import MODULES as SCRATCH_MODULES
from core.models import MODELS
from core.models._activations import MODULES, make_activation

OWN = {"mlp": "relu", "mlp_dropout": "relu", "lenet": "sigmoid", "lenet_bn": "sigmoid"}
OWN |= {f"{name}_scratch": own for name, own in OWN.items()}


def test_every_activation_can_be_chosen():
    assert set(MODULES) == set(SCRATCH_MODULES) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_module_and_the_function_of_a_name_are_the_same(name):
    x = torch.linspace(-4, 4, 101, dtype=torch.float64)
    torch.testing.assert_close(make_activation(name)(x), ACTIVATIONS[name](x))
    torch.testing.assert_close(SCRATCH_MODULES[name]()(x), ACTIVATIONS[name](x))


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(("name", "own"), OWN.items())
def test_a_network_takes_it_in_place_of_its_own_and_names_its_layers_after_it(
    name, own, activation
):
    default = dict(MODELS[name](in_channels=1, num_classes=10).named_modules())
    chosen = dict(build_model(name, 1, 10, options={"activation": activation}).named_modules())
    assert list(chosen) == [layer.replace(own, activation) for layer in default]
    modules = SCRATCH_MODULES if name.endswith("_scratch") else MODULES
    for layer, module in default.items():
        replaced = modules[activation] if own in layer else type(module)
        assert type(chosen[layer.replace(own, activation)]) is replaced


@pytest.mark.parametrize("given", ["tahn", 3, True])
def test_an_activation_that_there_is_not_is_one_clear_error(given):
    with pytest.raises(UnknownName, match="no activation called"):
        build_model("mlp", 1, 10, options={"activation": given})
