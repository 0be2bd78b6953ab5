import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_networks import small_side

from core.build import (
    build_model,
    check_model,
    check_model_name,
    default_input_shape,
    default_input_size,
)
from core.errors import ConfigError, ModelError, UnknownName
from core.models import MODELS

GOOD = """
from torch import nn

class MyNet(nn.Module):
    def __init__(self, in_channels, num_classes, *, width=4, input_size=28):
        super().__init__()
        self.fc1 = nn.Linear(in_channels * input_size**2, width)
        self.fc2 = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.fc2(self.fc1(x.flatten(1)))

def my_net(in_channels, num_classes):
    return MyNet(in_channels, num_classes, input_size=8)

a_number = 3
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a user's file; returns the name of a network in it."""

    def write(source: str, attribute: str = "MyNet", file: str = "net.py") -> str:
        path = tmp_path / file
        path.write_text(source)
        return f"{path}:{attribute}"

    return write


def forward(body: str, layers: str = "self.fc = nn.Linear(64, num_classes)") -> str:
    """The source of a network for 8x8 images."""
    return f"""
import torch
from torch import nn

class MyNet(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        {layers}

    def forward(self, x):
        {body}
"""


@pytest.mark.parametrize("name", list(MODELS))
def test_every_registered_network_passes_the_check_with_its_own_images_and_with_small_ones(name):
    for shape in (default_input_shape(name), (1, small_side(name), small_side(name))):
        check_model(name, shape, 10, input_size=shape[1])


def test_checking_the_largest_network_allocates_no_weights():
    """In a process of its own, for its peak of memory: VGG-19 and its gradients are a gigabyte."""
    code = """
import resource, torch, core.summary
from core.build import check_model
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
check_model("vgg19", (1, 224, 224), 10, input_size=224)
print(peak() - before < 100_000)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stdout + done.stderr


def test_a_registered_network_is_checked_for_size_too():
    with pytest.raises(ConfigError, match="alexnet cannot take images of 28x28"):
        check_model("alexnet", (1, 28, 28), 10, input_size=28)
    with pytest.raises(ModelError, match="lenet does not take images of 1x28x32"):
        check_model("lenet", (1, 28, 32), 10, input_size=28)


def test_the_default_images_have_the_channels_and_the_size_that_a_network_declares():
    assert default_input_shape("alexnet") == (1, 224, 224)
    assert default_input_shape("trashnet") == (3, 32, 32)
    assert default_input_shape("net.py:MyNet") == (1, 28, 28)


def test_a_users_class_is_built_with_the_size_of_the_images_and_with_options(write):
    name = write(GOOD)
    model = build_model(name, 3, 7, input_size=8, options={"width": 5})
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 7)
    assert model.fc1.out_features == 5
    check_model(name, (3, 8, 8), 7, input_size=8)


@pytest.mark.parametrize("name", ["lenet_bn", "lenet_bn_scratch"])
def test_batches_of_one_image_are_refused_where_they_have_no_statistics(name):
    with pytest.raises(ModelError, match="does not take images one by one") as caught:
        check_model(name, (1, 28, 28), 10, batch_size=1)
    assert caught.value.fix == "Choose a batch size of 2 or more."
    check_model("lenet", (1, 28, 28), 10, batch_size=1)


def test_a_users_function_is_as_good_as_a_class(write):
    check_model(write(GOOD, "my_net"), (1, 8, 8), 10, input_size=8)


def test_two_files_of_the_same_name_are_two_networks(write, tmp_path):
    (tmp_path / "other").mkdir()
    first = write(GOOD)
    second = write(GOOD.replace("width=4", "width=9"), file="other/net.py")
    assert build_model(first, 1, 10).fc1.out_features == 4
    assert build_model(second, 1, 10).fc1.out_features == 9


def test_a_file_is_read_again_after_it_was_changed(write):
    assert build_model(write(GOOD), 1, 10).fc1.out_features == 4
    assert build_model(write(GOOD.replace("width=4", "width=64")), 1, 10).fc1.out_features == 64


def test_a_users_file_may_import_its_neighbours_and_use_dataclasses(write, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "neighbour_of_net.py").write_text("WIDTH = 6\n")
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from neighbour_of_net import WIDTH\n"
        "@dataclass\nclass Sizes:\n    width: int = WIDTH\n" + GOOD.replace("=4", "=Sizes().width")
    )
    assert build_model(write(source), 1, 10).fc1.out_features == 6


def test_names_are_checked_without_running_the_file_and_without_torch(write):
    name = write("raise SystemExit('ran')")
    code = f"""
import sys
from core.build import check_model_name, default_input_size
check_model_name({name!r}), check_model_name("lenet"), default_input_size("resnet18")
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_default_size_is_the_networks_own_and_otherwise_that_of_mnist(write):
    assert default_input_size("resnet18") == 224
    assert default_input_size(write(GOOD)) == 28


@pytest.mark.parametrize(
    ("name", "kind", "advice"),
    [
        ("lenett", UnknownName, "Did you mean 'lenet'?"),
        ("no/such/net.py:MyNet", ConfigError, "no/such/net.py"),
        ("net.py", ConfigError, "path/to/net.py:MyNet"),
        ("net.py:", ConfigError, "path/to/net.py:MyNet"),
        ("net.py:my net", ConfigError, "path/to/net.py:MyNet"),
        ("net.py:a.b", ConfigError, "path/to/net.py:MyNet"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_to_write(name, kind, advice):
    with pytest.raises(kind) as caught:
        check_model_name(name)
    assert advice in str(caught.value)


def problem(name: str, shape: tuple[int, int, int] = (1, 8, 8)) -> str:
    with pytest.raises(ModelError) as caught:
        check_model(name, shape, 10, input_size=shape[1])
    return str(caught.value)


def test_a_file_that_does_not_run_is_named_with_the_line(write):
    assert "SyntaxError: invalid syntax (net.py, line 2)." in problem(write("x = 1\nif\n"))
    assert "net.py, line 3: ZeroDivisionError: division by zero." in problem(write("\n\n1 / 0\n"))
    assert "net.py, line 1: ModuleNotFoundError" in problem(write("import nowhere_to_be_found\n"))
    assert "net.py, line 2: SystemExit: 3." in problem(write("\nraise SystemExit(3)\n"))


def test_an_attribute_that_is_not_there_comes_with_those_that_are(write):
    text = problem(write(GOOD, "MyNett"))
    assert "Did you mean 'MyNet'? It has: MyNet, my_net." in text
    assert "defines no class or function 'a_number'" in problem(write(GOOD, "a_number"))
    assert "It defines none at all." in problem(write("from torch import nn\n"))


def test_a_network_of_another_signature_is_explained(write):
    source = "from torch import nn\ndef MyNet(channels):\n    return nn.Flatten()\n"
    text = problem(write(source))
    assert "unexpected keyword argument 'in_channels'" in text
    assert "function or class of in_channels and num_classes" in text


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            forward("return self.fc(x.flatten(1))", "self.fc = nn.Linear(9, 10)"),
            "of 1x8x8: addmm: mat1",
        ),
        (forward("return self.fc(x.flaten(1))"), "AttributeError: 'Tensor' object has no"),
        (forward("return self.fc(x.flatten(1))", "self.fc = nn.Liner(64, 10)"), "nn' has no attri"),
        (forward("return self.fc(x.flatten(1))", "self.fc = nn.Linear(64, 9)"), "gives (2, 9) for"),
        (forward("return self.fc(x.flatten(1))[0]"), "gives (10,) for two images"),
        (forward("return self.fc(x.flatten(1)), x"), "gives tuple for two images"),
        (forward("return torch.zeros(2, 10)"), "has no parameter to train"),
        (forward("return x.flatten(1)[:, :10]", "pass"), "has no parameter to train"),
        ("def MyNet(in_channels, num_classes):\n    return None\n", "gives NoneType, which is no"),
        (
            "def MyNet(in_channels, num_classes):\n    return {}[0]\n",
            "cannot be built for 1 channels",
        ),
    ],
)
def test_what_is_wrong_with_a_users_network_is_said_before_a_run_starts(write, source, says):
    assert says in problem(write(source))


def test_a_layer_that_the_loss_does_not_reach_is_named_and_may_be_frozen_instead(write):
    dead = "self.fc = nn.Linear(64, 10); self.dead = nn.Linear(3, 3)"
    text = problem(write(forward("return self.fc(x.flatten(1))", dead)))
    assert "does not reach dead.weight, dead.bias." in text
    assert "requires_grad=False" in text

    frozen = dead + ".requires_grad_(False)"
    check_model(write(forward("return self.fc(x.flatten(1))", frozen)), (1, 8, 8), 10)


def test_options_are_checked_for_users_networks_too(write):
    with pytest.raises(ConfigError) as caught:
        build_model(write(GOOD), 1, 10, options={"widht": 3})
    assert caught.value.fix == "Did you mean 'width'? It takes: width, input_size."
    with pytest.raises(ConfigError, match="It takes no options"):
        build_model("googlenet", 1, 10, options={"widht": 3})


def test_an_option_of_the_wrong_kind_is_named(write):
    with pytest.raises(ModelError) as caught:
        build_model(write(GOOD), 1, 10, options={"width": "wide"})
    assert "{'width': 'wide'}" in caught.value.problem
    assert caught.value.fix.startswith("A network is a function")
    with pytest.raises(ModelError, match="between 0 and 1, but got 2") as caught:
        build_model("mlp_dropout", 1, 10, options={"dropout1": 2})
    assert caught.value.fix == "Choose other values for its options."


def test_the_check_leaves_the_random_state_alone():
    before = torch.get_rng_state()
    check_model("mlp", (1, 28, 28), 10)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_bug_of_our_own_keeps_its_traceback(monkeypatch):
    def broken(in_channels: int, num_classes: int) -> None:
        raise KeyError("forgotten")

    monkeypatch.setitem(MODELS._builders, "mlp", broken)
    with pytest.raises(KeyError, match="forgotten"):
        build_model("mlp", 1, 10)
