import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchinfo
from small_networks import NARROW, shapes_only, small_network, small_side
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from core.build import default_input_shape
from core.errors import ConfigError, ModelError, UnknownName
from core.models import MODELS
from core.summary import Summary, summarize, summarize_named


def shapes(summary: Summary, depth: int | None = None) -> dict[str, object]:
    return {row.name: row.output_shape for row in summary.rows(depth)}


@pytest.mark.parametrize("name", list(MODELS))
def test_totals_agree_with_torchinfo_and_with_torchs_flop_counter(name):
    side = small_side(name)
    summary = summarize_named(name, (3, side, side), 10, options=NARROW.get(name))
    model = small_network(name, in_channels=3).eval()
    with FlopCounterMode(display=False) as flops:
        model(torch.zeros(1, 3, side, side))
    theirs = torchinfo.summary(model, input_size=(1, 3, side, side), verbose=0)

    assert summary.total_params == summary.trainable_params == theirs.total_params
    assert summary.total_macs == flops.get_total_flops() // 2
    leaves = [layer for layer in theirs.summary_list if layer.is_leaf_layer]
    assert [(r.name.rpartition(".")[2], r.output_shape) for r in summary.rows()] == [
        (layer.var_name, tuple(layer.output_size[1:])) for layer in leaves
    ]
    assert [r.params for r in summary.rows()] == [max(layer.num_params, 0) for layer in leaves]


@pytest.mark.parametrize("depth", [1, 2, 3, 4, None])
@pytest.mark.parametrize("name", list(MODELS))
def test_the_rows_of_every_depth_add_up_to_the_whole(name, depth):
    summary = summarize_named(name)
    rows = summary.rows(depth)
    assert sum(row.params for row in rows) == summary.total_params
    assert sum(row.macs for row in rows) == summary.total_macs
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert len({row.name for row in rows}) == len(rows)
    modules = dict(shapes_only(name).named_modules())
    assert all(type(modules[row.name]).__name__ == row.kind for row in rows)


def test_lenet_is_what_the_notes_work_out_by_hand():
    summary = summarize_named("lenet", batch_size=100)
    rows = {row.name: row for row in summary.rows()}

    assert rows["conv1"].input_shape == (1, 28, 28)
    assert rows["conv1"].output_shape == (6, 28, 28)
    assert rows["conv1"].kernel == (5, 5)
    assert rows["conv1"].params == 6 * 25 + 6
    assert rows["conv1"].macs == 6 * 28 * 28 * 25
    assert rows["conv1"].activation_bytes == 100 * 6 * 28 * 28 * 4
    assert rows["pool1"].kernel == (2, 2)
    assert rows["flatten"].activation_bytes == 0  # a view
    assert rows["fc1"].share == (400 * 120 + 120) / 61_706
    # 5, then 1 for the pooling, 4 * 2 for the second convolution, 1 * 2 for the second pooling
    fields = [rows[n].receptive_field for n in ("conv1", "pool1", "conv2", "pool2", "fc1")]
    assert fields == [5, 6, 14, 16, None]
    assert summary.receptive_field == 16
    assert summary.total_macs == 117_600 + 16 * 100 * 150 + 48_000 + 10_080 + 840
    assert summary.model_bytes == 61_706 * 4


@pytest.mark.parametrize("name", [name for name in MODELS if name.endswith("_scratch")])
def test_a_network_from_scratch_has_the_figures_of_its_twin(name):
    shape = default_input_shape(name)
    ours, theirs = (summarize_named(n, shape) for n in (name, name.removesuffix("_scratch")))
    for one, other in zip(ours.modules, theirs.modules, strict=True):
        assert (one.name, one.params, one.macs, one.receptive_field) == (
            *(other.name, other.params, other.macs, other.receptive_field),
        )
    assert ours.receptive_field == theirs.receptive_field


def test_the_children_of_resnet_have_the_shapes_that_the_notes_print():
    summary = summarize_named("resnet18", (1, 224, 224))
    assert shapes(summary, depth=1) == {
        "conv": (64, 112, 112),
        "bn": (64, 112, 112),
        "relu": (64, 112, 112),
        "pool": (64, 56, 56),
        "block1": (64, 56, 56),
        "block2": (128, 28, 28),
        "block3": (256, 14, 14),
        "block4": (512, 7, 7),
        "global_pool": (512, 1, 1),
        "fc": (10,),
    }
    assert summary.receptive_field == 435  # of ResNet-18, through sums that no hook sees


def test_memory_kept_for_the_backward_pass_is_what_autograd_keeps():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(12, 5)
            self.fc2 = nn.Linear(5, 3)

        def forward(self, x):
            return self.fc2(self.fc1(x.flatten(1)).sigmoid())

    summary = summarize(Net(), (3, 2, 2), batch_size=64)
    # The images for fc1, the sigmoid's result for fc2 and for itself.
    assert summary.forward_bytes == 64 * (12 + 5) * 4
    # Gradients of the parameters, and around fc1, the largest: what went in and what came out.
    assert summary.backward_bytes == (12 * 5 + 5 + 5 * 3 + 3) * 4 + 64 * (12 + 5) * 4


def test_shared_weights_and_layers_called_again_count_once():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.flatten = nn.Flatten()
            self.first = nn.Linear(16, 16)
            self.act = nn.Sigmoid()
            self.second = nn.Linear(16, 16)
            self.second.weight = self.first.weight
            self.out = nn.Linear(16, 4)

        def forward(self, x):
            x = self.act(self.first(self.flatten(x)))
            for _ in range(3):
                x = self.second(x)
            return self.act(self.out(x))

    summary = summarize(Net(), (1, 4, 4))
    rows = summary.rows()

    assert summary.total_params == 16 * 16 + 16 + 16 + 16 * 4 + 4
    assert [(r.name, r.calls, r.params, r.shared_params, r.macs) for r in rows] == [
        ("flatten", 1, 0, 0, 0),
        ("first", 1, 272, 0, 256),
        ("act", 1, 0, 0, 0),
        ("second", 3, 16, 256, 3 * 256),
        ("out", 1, 68, 0, 64),
        ("act", 1, 0, 0, 0),  # a row of its own, for its shape is another
    ]
    assert rows[2].output_shape == (16,)
    assert rows[5].output_shape == (4,)


def test_functions_and_bare_parameters_have_a_row_of_their_module():
    class Scratch(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(10, 16))
            self.norm = nn.BatchNorm1d(16)

        def forward(self, x):
            return F.linear(self.norm(x.flatten(1)), self.weight)

    summary = summarize(nn.Sequential(nn.Identity(), Scratch()), (1, 4, 4))
    assert [(r.name, r.part, r.params, r.macs) for r in summary.rows()] == [
        ("0", "layer", 0, 0),
        ("1", "own", 160, 160),
        ("1.norm", "layer", 32, 0),
    ]
    assert [(r.name, r.part, r.params, r.macs) for r in summary.rows(1)] == [
        ("0", "layer", 0, 0),
        ("1", "whole", 192, 160),
    ]


def test_a_layer_that_is_never_called_has_no_shapes_and_comes_last():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(3, 3)
            self.used = nn.ModuleList([nn.Flatten(), nn.Linear(16, 2)])

        def forward(self, x):
            return self.used[1](self.used[0](x))

    rows = summarize(Net(), (1, 4, 4)).rows()
    assert [(r.name, r.output_shape, r.calls) for r in rows] == [
        ("used.0", (16,), 1),
        ("used.1", (2,), 1),
        ("unused", None, 0),
    ]
    whole = summarize(Net(), (1, 4, 4)).rows(1)
    assert [(r.name, r.params) for r in whole] == [("used", 34), ("unused", 12)]


def test_frozen_parameters_are_counted_apart():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 2))
    model[1].requires_grad_(False)
    summary = summarize(model, (1, 4, 4))
    assert (summary.trainable_params, summary.frozen_params) == (18, 136)


def test_a_network_is_left_as_it_was_found():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten())
    model[1].eval()  # as somebody who freezes statistics does
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = torch.get_rng_state()
    summarize(model, (1, 8, 8))
    with pytest.raises(ModelError):
        summarize(model, (3, 8, 8))

    assert [m.training for m in model] == [True, False, True, True]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(torch.equal(state[n], t) for n, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_of_one_layer_is_a_row_with_the_name_of_the_whole():
    summary = summarize(nn.Conv2d(1, 2, 3), (1, 8, 8))
    for depth in (None, 1):
        assert [(r.name, r.depth, r.params) for r in summary.rows(depth)] == [("", 0, 20)]


def test_a_shape_that_does_not_fit_names_the_layer_and_what_it_was_given():
    with pytest.raises(ModelError) as caught:
        summarize_named("lenet", (1, 28, 32))
    assert "fc1 (Linear) was given 480" in caught.value.problem
    assert "28x28" in caught.value.fix


def test_names_and_options_are_checked():
    with pytest.raises(UnknownName, match="Did you mean 'lenet'"):
        summarize_named("lennet")
    with pytest.raises(ConfigError, match="Did you mean 'hidden'"):
        summarize_named("mlp", options={"hiden": 3})
    assert summarize_named("mlp", options={"hidden": 3}).total_params == 785 * 3 + 4 * 10


def user_file(tmp_path: Path, source: str) -> str:
    path = tmp_path / "net.py"
    path.write_text(f"import torch\nfrom torch import nn\n{source}")
    return f"{path}:net"


def test_a_users_network_that_needs_values_runs_on_real_tensors_and_says_so(tmp_path):
    name = user_file(
        tmp_path,
        """
class net(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.fc = nn.Linear(in_channels * 36, num_classes)

    def forward(self, x):
        return self.fc(x.flatten(1)) * max(x.mean().item(), 1.0)
""",
    )
    before = torch.get_rng_state()
    summary = summarize_named(name, (1, 6, 6))
    assert summary.total_params == 370
    assert "real tensors" in summary.notes[0]
    assert "meta tensors" in summary.notes[0]
    assert torch.equal(torch.get_rng_state(), before)


def test_a_users_network_without_a_rule_of_ours_is_summed_up_by_torch(tmp_path):
    name = user_file(
        tmp_path,
        """
def net(in_channels, num_classes):
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, padding="same"), nn.PReLU(), nn.GroupNorm(2, 8),
        nn.MaxPool2d(2, ceil_mode=True), nn.Flatten(2), nn.LSTM(9, 5),
    )
""",
    )
    summary = summarize_named(name, (1, 6, 6))
    assert summary.notes == ()
    assert shapes(summary)["3"] == (8, 3, 3)
    assert shapes(summary)["5"] == (8, 5)  # the first of what an LSTM gives


def test_what_a_users_forward_raises_is_said_with_its_layer(tmp_path):
    name = user_file(
        tmp_path,
        """
class net(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 4, 3)

    def forward(self, x):
        return self.conv(x).flaten(1)
""",
    )
    with pytest.raises(ModelError) as caught:
        summarize_named(name, (1, 6, 6))
    assert "After conv, which gave 4x4x4: AttributeError" in caught.value.problem


def test_a_network_of_half_a_gigabyte_takes_neither_time_nor_memory(tmp_path):
    """In a process of its own, for its peak of memory."""
    name = user_file(
        tmp_path,
        """
def net(in_channels, num_classes):
    wide = nn.Sequential(nn.Linear(64, 8192), nn.Linear(8192, 8192), nn.Linear(8192, 8192))
    for layer in wide:
        nn.init.normal_(layer.weight)
    return nn.Sequential(nn.Flatten(), wide)
""",
    )
    code = f"""
import resource, sys, time, torch
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
from core.summary import summarize_named
summary = summarize_named({name!r}, (1, 8, 8))
more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
quick = time.process_time() - start < 0.3
print(summary.model_bytes, more < 100_000, quick, "sympy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    weights = 4 * (65 * 8192 + 2 * 8193 * 8192)
    assert done.stdout == f"{weights} True True False\n", done.stdout + done.stderr
