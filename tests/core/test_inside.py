import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.errors import ModelError
from core.inside import (
    add_gradients,
    feature_maps,
    first_filters,
    layer_output,
    parameter_figures,
)


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module("conv", nn.Conv2d(2, 3, 3))
    net.add_module("bn", nn.BatchNorm2d(3))
    net.add_module("relu", nn.ReLU())
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", nn.Linear(3 * 4 * 4, 2))
    return net


def images(count: int = 5) -> torch.Tensor:
    return torch.randn(count, 2, 6, 6, generator=torch.Generator().manual_seed(1))


def test_figures_of_a_parameter_follow_from_its_numbers():
    layer = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 4], [0, -3]]))
    [found] = parameter_figures(layer)
    assert (found.name, found.shape) == ("weight", (2, 2))
    assert found.norm == pytest.approx(math.sqrt(34))
    assert found.mean == 1.0
    assert found.spread == pytest.approx(math.sqrt(30 / 4))  # squares about 1: 4 + 9 + 1 + 16
    assert (found.lowest, found.highest) == (-3, 4)
    assert found.histogram == (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1)  # bins of 7 / 12
    assert found.gradient_norm is None


def test_a_parameter_that_diverged_is_told_and_not_hidden():
    layer = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[math.nan, 1.0, math.inf]]))
    [found] = parameter_figures(layer)
    assert math.isnan(found.norm)
    assert (found.lowest, found.highest) == (1, 1)


def test_gradients_are_those_of_the_loss_and_nothing_else_changes():
    net, twin = small_net().eval(), small_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    labels = torch.tensor([0, 1, 1, 0, 1])
    loss = add_gradients(net, images(), labels, F.cross_entropy)

    expected = F.cross_entropy(twin(images()), labels)  # in training mode
    expected.backward()
    assert loss == pytest.approx(expected.item())
    norms = {f.name: f.gradient_norm for f in parameter_figures(net)}
    assert norms == {n: pytest.approx(p.grad.norm().item()) for n, p in twin.named_parameters()}
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not net.training


def test_first_filters_of_a_convolution_are_its_kernels():
    net = small_net()
    found = first_filters(net, (2, 6, 6))
    assert found.layer == "conv"
    assert torch.equal(found.images, net.conv.weight)


def test_first_filters_of_a_perceptron_are_images_of_its_weights():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2 * 6 * 6, 5))
    found = first_filters(net, (2, 6, 6))
    assert found.images.shape == (5, 2, 6, 6)
    assert torch.equal(found.images[3, 1, 2, 4], net[1].weight[3, 36 + 2 * 6 + 4])


def test_a_network_that_looks_at_no_image_has_no_filters():
    with pytest.raises(ModelError, match="looks at no image"):
        first_filters(nn.Linear(10, 2), (2, 6, 6))


def test_feature_maps_are_what_each_layer_gave_in_order():
    net = small_net().eval()
    found = feature_maps(net, images(1))
    assert [m.layer for m in found] == ["conv", "bn", "relu"]
    torch.testing.assert_close(found[0].maps, net.conv(images(1))[0].detach())
    assert torch.equal(found[2].maps, found[1].maps.clamp(min=0))
    assert not any(module._forward_hooks for module in net.modules())


def test_maps_stay_as_they_were_though_the_next_layer_works_in_place():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(inplace=True))
    found = feature_maps(net, images(1))
    assert found[0].maps.min() < 0


def test_the_output_of_a_layer_is_found_by_its_name_at_any_depth():
    net = nn.Sequential()
    net.add_module("block", small_net())
    [image] = images(1)
    conv = layer_output(net, image[None], "block.conv")
    assert torch.equal(conv.maps, net.block.conv(image[None])[0])
    fc = layer_output(net, image[None], "block.fc")
    assert fc.maps.shape == (2, 1, 1)
    assert torch.equal(fc.maps.flatten(), net(image[None])[0])
    assert torch.equal(layer_output(net, image[None], "").maps, fc.maps)
    assert not any(module._forward_hooks for module in net.modules())


def test_a_layer_that_gives_nothing_to_see_is_an_error():
    net = small_net()
    with pytest.raises(ModelError, match="no layer 'nix'"):
        layer_output(net, images(1), "nix")
    net.add_module("unused", nn.Identity())
    net.forward = lambda x: net.conv(x)
    with pytest.raises(ModelError, match="unused gives no maps"):
        layer_output(net, images(1), "unused")


def test_a_perceptron_has_no_feature_maps():
    with pytest.raises(ModelError, match="feature maps"):
        feature_maps(nn.Sequential(nn.Flatten(), nn.Linear(72, 2)), images(1))
