import json
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.events import LayerFigures, RunStart, StepReport, from_row, to_row
from core.experiment import resume_experiment
from core.layer_watch import BINS, SAMPLE, LayerWatch, histograms, samples
from core.record import read_events


def stepped(model, images):
    """`model` with the gradients of a step."""
    F.cross_entropy(model(images), torch.zeros(len(images), dtype=torch.int64)).backward()
    return model


@pytest.fixture
def figures(tiny_model, tiny_dataset):
    images = tiny_dataset.train.pixels.float() / 255
    [event] = LayerWatch(stepped(tiny_model, images)).figures(3, 15)
    return event


def test_norms_are_those_of_all_parameters_of_a_layer(figures, tiny_model):
    assert (figures.epoch, figures.step) == (3, 15)
    assert figures.layers == ("1", "4")  # what has no parameters is not among them
    for layer, weight, gradient in zip(
        (tiny_model[1], tiny_model[4]), figures.weights, figures.gradients, strict=True
    ):
        parameters = torch.cat([p.detach().flatten() for p in layer.parameters()])
        gradients = torch.cat([p.grad.flatten() for p in layer.parameters()])
        assert weight == pytest.approx(parameters.norm().item(), rel=1e-4)
        assert gradient == pytest.approx(gradients.norm().item(), rel=1e-4)


def test_the_gradients_norm_is_that_of_all_layers_together(figures, tiny_model):
    watch = LayerWatch(tiny_model)
    assert watch.gradient_norm() == pytest.approx(math.hypot(*figures.gradients), rel=1e-4)
    tiny_model.zero_grad()
    assert watch.gradient_norm() is None
    assert list(watch.figures(1, 1)) == []


def test_a_histogram_counts_the_weights_from_the_lowest_to_the_highest(figures, tiny_model):
    weight = tiny_model[1].weight.detach()
    assert figures.lows[0] == pytest.approx(weight.min().item(), rel=1e-4)
    assert figures.highs[0] == pytest.approx(weight.max().item(), rel=1e-4)
    expected = torch.histc(weight, BINS, weight.min().item(), weight.max().item())
    assert sum(figures.histograms[0]) == weight.numel()
    # A value at the border of two bins may fall into either.
    assert (torch.tensor(figures.histograms[0]) - expected).abs().sum() <= 4


def test_a_sample_stands_for_a_large_tensor_and_what_is_not_finite_is_not_counted():
    large = torch.linspace(-1, 1, 10 * SAMPLE + 7)
    small = torch.tensor([1.0, math.nan, 3.0, math.inf, 1.0])
    lows, highs, counts = histograms(samples([large, small, torch.full((2,), 5.0)]))
    assert (lows.tolist(), highs.tolist()) == ([-1, 1, 5], pytest.approx([1, 3, 5], abs=1e-3))
    assert 0.9 * SAMPLE < counts[0].sum() <= SAMPLE
    assert counts[0].max() - counts[0].min() <= 2
    assert counts[1].tolist() == [2.0] + [0.0] * (BINS - 2) + [1.0]
    assert counts[2].sum() == 2


def test_a_sample_of_a_matrix_is_from_all_its_columns():
    matrix = torch.arange(512).repeat(256, 1)  # 32 times as large as a sample
    assert len(set(samples([matrix]).nan_to_num(-1).flatten().tolist())) > 500


def test_an_update_is_the_change_of_the_last_step_beside_the_weights(tiny_model, tiny_dataset):
    images = tiny_dataset.train.pixels.float() / 255
    watch = LayerWatch(stepped(tiny_model, images))
    assert not watch.awaits
    watch.remember()
    assert watch.awaits
    before = [tiny_model[i].weight.detach().clone() for i in (1, 4)]
    torch.optim.Adam(tiny_model.parameters(), lr=1e-3).step()
    [event] = watch.figures(1, 1)
    for layer, weight, update in zip((1, 4), before, event.updates, strict=True):
        after = tiny_model[layer].weight.detach()
        expected = ((after - weight).norm() / after.norm()).item()
        # Of the larger layer a third of the weights or more stand for all.
        assert update == pytest.approx(expected, rel=1e-4 if weight.numel() <= SAMPLE else 0.05)
    assert not watch.awaits
    [event] = watch.figures(1, 2)  # nobody noted the weights before that step
    assert event.updates == ()


def test_units_that_gave_nothing_for_any_image_are_dead(tiny_model, tiny_dataset):
    images = tiny_dataset.train.pixels.float() / 255
    with torch.no_grad():
        tiny_model[1].bias[:4] = -1e3  # of 16 units
    watch = LayerWatch(stepped(tiny_model, images))
    with watch.looking_for_dead_units(), torch.inference_mode():
        for batch in images.split(3):
            tiny_model(batch)
    first, again = next(watch.figures(1, 1)), next(watch.figures(1, 2))
    assert first.relus == ("2",)
    assert 4 / 16 <= first.dead[0] < 1
    assert again.relus == ()  # what was seen then says nothing about these weights
    assert not any(module._forward_hooks for module in tiny_model.modules())


def test_a_relu_that_is_called_for_layers_of_different_width_is_asked_about_each():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.relu = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3), nn.ReLU()

        def forward(self, x):
            return self.relu(self.b(self.relu(self.a(x)))).flatten(1)

    net = Net()
    with torch.no_grad():
        net.b.bias.fill_(-1e3)
        net.a.bias.fill_(1e3)
    watch = LayerWatch(stepped(net, torch.rand(2, 1, 8, 8)))
    with watch.looking_for_dead_units():
        net(torch.rand(8, 1, 8, 8))
    [event] = watch.figures(1, 1)
    assert (event.relus, event.dead) == (("relu", "relu"), (0.0, 1.0))


def test_frozen_layers_have_no_gradient(tiny_model, tiny_dataset):
    tiny_model[1].requires_grad_(False)
    [event] = LayerWatch(stepped(tiny_model, tiny_dataset.train.pixels.float() / 255)).figures(1, 1)
    assert event.gradients[0] == 0.0
    assert event.gradients[1] > 0


def test_a_network_that_has_lost_its_numbers_is_told_of_as_it_is(tiny_model, tiny_dataset):
    stepped(tiny_model, tiny_dataset.train.pixels.float() / 255)
    with torch.no_grad():
        tiny_model[1].weight[0, 0] = math.nan
    [event] = LayerWatch(tiny_model).figures(1, 1)
    assert math.isnan(event.weights[0])
    row = json.loads(json.dumps(to_row(event), allow_nan=False))
    assert repr(from_row(row)) == repr(event)


@pytest.mark.parametrize(
    "change", [{"weights": [1.0]}, {"relus": ["2"]}, {"histograms": [[1]]}, {"updates": [1.0]}]
)
def test_a_row_with_too_few_figures_is_no_event(figures, change):
    with pytest.raises(TypeError):
        from_row(to_row(figures) | change)


def test_measuring_is_due_at_the_end_of_an_epoch_unless_it_took_long(tiny_model, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("core.layer_watch.perf_counter", lambda: now[0])
    watch = LayerWatch(stepped(tiny_model, torch.rand(2, 1, 8, 8)))
    assert watch.due(epoch_over=True)
    assert not watch.due()
    now[0] = 10.0
    assert watch.due()
    for _ in watch.figures(1, 1):
        now[0] += 1.0  # by whoever takes the event in
    assert not watch.due(epoch_over=True)
    now[0] += 251.0
    assert watch.due(epoch_over=True)


def test_a_run_records_its_layers_and_resuming_leaves_none_twice(tiny_run):
    run = tiny_run(epochs=3, stop_after=2)
    events = list(read_events(run))
    kept = [e for e in events if isinstance(e, LayerFigures)]
    assert kept[0].layers == ("conv1", "bn1", "fc")
    assert kept[0].relus == ("relu1",)
    assert all(0 < update < 1 for event in kept for update in event.updates)
    assert all(len(event.updates) == len(event.layers) for event in kept)
    assert all(e.gradient_norm > 0 for e in events if isinstance(e, StepReport))
    steps = next(e.steps_per_epoch for e in events if isinstance(e, RunStart))
    list(resume_experiment(run))
    told = [e.step for e in read_events(run) if isinstance(e, LayerFigures)]
    assert told == sorted(set(told))
    assert told[-1] == 3 * steps
