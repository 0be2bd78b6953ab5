import inspect

import pytest
import torch
import torch.nn.functional as F

from core.losses import LOSSES

LABELS = torch.tensor([2, 0, 1, 1])


def logits(**options) -> torch.Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0), **options)


@pytest.mark.parametrize("name", list(LOSSES))
class TestEveryLoss:
    def test_is_least_for_outputs_that_are_right(self, name):
        right = (
            10.0 * F.one_hot(LABELS, 3)
            if name.startswith("cross_entropy")
            else F.one_hot(LABELS, 3) * 1.0
        )
        assert LOSSES[name](right, LABELS) < 0.01
        assert LOSSES[name](right.roll(1, 1), LABELS) > 0.9

    def test_is_a_mean_over_the_batch(self, name):
        outputs = logits()
        each = [LOSSES[name](outputs[i : i + 1], LABELS[i : i + 1]) for i in range(4)]
        torch.testing.assert_close(LOSSES[name](outputs, LABELS), torch.stack(each).mean())

    @pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
    def test_has_the_gradient_of_its_formula(self, name, label_smoothing):
        outputs = logits(dtype=torch.float64, requires_grad=True)
        loss = LOSSES[name](outputs, LABELS, label_smoothing)
        (gradient,) = torch.autograd.grad(loss, outputs)
        share = label_smoothing / 3
        target = F.one_hot(LABELS, 3) * (1 - label_smoothing) + share
        seen = outputs.softmax(1) if name.startswith("cross_entropy") else outputs
        torch.testing.assert_close(gradient, (seen - target) / 4)
        assert torch.autograd.gradcheck(lambda o: LOSSES[name](o, LABELS, label_smoothing), outputs)

    def test_with_smoothing_a_sure_answer_costs_more(self, name):
        sure = 8.0 * F.one_hot(LABELS, 3)
        assert LOSSES[name](sure, LABELS, 0.1) > LOSSES[name](sure, LABELS)

    def test_takes_half_precision_and_keeps_it_finite(self, name):
        assert LOSSES[name](logits().bfloat16(), LABELS, 0.1).isfinite()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
@pytest.mark.parametrize("name", [name for name in LOSSES if name.endswith("_scratch")])
def test_a_loss_from_scratch_equals_its_twin_in_values_and_gradients(name, label_smoothing):
    found = []
    for each in (name, name.removesuffix("_scratch")):
        outputs = logits(dtype=torch.float64, requires_grad=True)
        loss = LOSSES[each](outputs, LABELS, label_smoothing)
        found.append((loss, *torch.autograd.grad(loss, outputs)))
    torch.testing.assert_close(*found)


def test_every_loss_is_called_the_same_way():
    for name in LOSSES:
        assert list(inspect.signature(LOSSES[name]).parameters) == [
            *("logits", "labels", "label_smoothing"),
        ]


def test_squared_from_scratch_takes_numbers_like_its_twin():
    outputs, numbers = torch.randn(5, 1, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    ours, theirs = (LOSSES[name](outputs, numbers) for name in ("squared_scratch", "squared"))
    torch.testing.assert_close(ours, theirs)
