from statistics import fmean

import pytest
import torch
import torch.nn.functional as F

from core.datasets import Dataset, Images, Where, load
from core.errors import DataError
from core.shift import (
    covariate_shift,
    density_ratio,
    fit,
    label_shift,
    patches,
    solve_shares,
)


@pytest.fixture(scope="module")
def fashion_mini() -> Dataset:
    loading = load("fashion-mini", Where())
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def test_the_fit_is_where_the_gradient_of_the_weighted_loss_is_zero():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 5, generator=generator)
    y = torch.randint(3, (200,), generator=generator)
    weights = torch.rand(200, generator=generator)
    found = fit(x, y, 3, weights, decay=0.01)
    w, b = (t.clone().requires_grad_() for t in (found.weight, found.bias))
    each = F.cross_entropy(x @ w + b, y, reduction="none")
    ((each * weights / weights.mean()).mean() + 0.01 * w.square().sum()).backward()
    assert max(w.grad.abs().max(), b.grad.abs().max()) < 1e-3


def test_an_example_of_weight_two_counts_as_two():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(60, 2, generator=generator)
    y = (x[:, 0] + torch.randn(60, generator=generator) > 0).long()
    twice = fit(torch.cat([x, x[:10]]), torch.cat([y, y[:10]]), 2)
    weighted = fit(x, y, 2, torch.tensor([2.0] * 10 + [1.0] * 50))
    torch.testing.assert_close(twice.weight, weighted.weight, atol=1e-2, rtol=1e-2)


def test_the_discriminator_finds_the_logarithm_of_the_densities_ratio():
    # Normal with mean 0 and with mean 1: log p(x)/q(x) = x - 1/2, with more of q than of p.
    generator = torch.Generator().manual_seed(0)
    source = torch.randn(20_000, 1, generator=generator)
    target = torch.randn(5_000, 1, generator=generator) + 1
    logs, accuracy = density_ratio(source, target)
    torch.testing.assert_close(logs, source[:, 0] - 0.5, atol=0.2, rtol=0)
    # Half-way between the means: Phi(0.5) of each are on their own side.
    assert accuracy == pytest.approx(0.6915, abs=0.01)


def test_the_shares_solve_the_confusions():
    confusion = torch.tensor([[80, 20, 0], [30, 60, 10], [0, 0, 50]])  # true class by row
    true = torch.tensor([0.2, 0.5, 0.3])
    predicted = (confusion / confusion.sum(1, keepdim=True)).T @ true
    torch.testing.assert_close(solve_shares(confusion, predicted), true)


def test_shares_are_shares_where_the_confusions_cannot_be_solved():
    # Class 1 is never predicted and class 2 has no image: C is singular.
    confusion = torch.tensor([[5, 0, 1], [4, 0, 2], [0, 0, 0]])
    shares = solve_shares(confusion, torch.tensor([0.9, 0.0, 0.1]))
    assert shares.isfinite().all()
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1)


def test_patches_are_means():
    pixels = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    pixels[0, 0, :7, 7:14] = 255
    expected = torch.zeros(16)
    expected[1] = 1
    assert torch.equal(patches(pixels, 4)[0], expected)


def test_weights_help_under_covariate_shift_and_the_notes_sign_does_harm(fashion_mini):
    found = [covariate_shift(fashion_mini, 2.0, seed) for seed in range(3)]
    plain, weighted, inverted = (
        fmean(getattr(r, name) for r in found) for name in ("plain", "weighted", "inverted")
    )
    assert weighted > plain + 0.02
    assert inverted < plain - 0.02
    assert all(r.discriminator > 0.7 for r in found)
    assert all(0 < r.effective_share < 0.5 for r in found)


def test_without_a_shift_weights_change_little(fashion_mini):
    found = covariate_shift(fashion_mini, 0.0, 0)
    assert abs(found.weighted - found.plain) < 0.02
    assert found.effective_share > 0.9
    label = label_shift(fashion_mini, 0.0, 0)
    assert abs(label.weighted - label.plain) < 0.02


@pytest.mark.slow
def test_weights_help_under_label_shift_and_the_shares_are_found(fashion_mini):
    for seed in range(3):
        found = label_shift(fashion_mini, 2.0, seed)
        assert found.weighted > found.plain + 0.05
        errors = [
            abs(a - b) for a, b in zip(found.estimated_shares, found.true_shares, strict=True)
        ]
        shifts = [abs(a - b) for a, b in zip(found.source_shares, found.true_shares, strict=True)]
        assert sum(errors) < sum(shifts) / 2


def test_the_same_seed_gives_the_same_result(fashion_mini):
    assert label_shift(fashion_mini, 1.0, 5) == label_shift(fashion_mini, 1.0, 5)
    assert covariate_shift(fashion_mini, 1.0, 5) != covariate_shift(fashion_mini, 1.0, 6)


def test_too_few_images_are_told(fashion_mini):
    few = Images(fashion_mini.test.pixels[:80], fashion_mini.test.labels[:80])
    small = Dataset("small", fashion_mini.classes, fashion_mini.train, few, "")
    for work in (covariate_shift, label_shift):
        with pytest.raises(DataError, match="small leaves"):
            work(small, 2.0, 0)
