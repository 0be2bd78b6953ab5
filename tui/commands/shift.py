"""nnlab shift: what a change of the data does to a classifier, and how it is corrected."""

from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tui.options import DataDir, Json, completion

if TYPE_CHECKING:
    from core.datasets import Dataset
    from core.shift import LabelResult

shift = typer.Typer(
    name="shift",
    no_args_is_help=True,
    help="Shift data on purpose, and correct for it: accuracy with and without.",
)

LONGEST = 20  # columns of a class's name

DataName = Annotated[
    str,
    typer.Option(
        help="A data set, or a folder with class sub-folders.", autocompletion=completion("data")
    ),
]
Strength = Annotated[float, typer.Option(min=0, max=100, help="How far; 0 is no shift.")]
Seeds = Annotated[int, typer.Option(min=1, max=100, help="How many seeds: 0, 1, 2, ...")]


@shift.command()
def covariate(
    data: DataName = "fashion-mini",
    strength: Strength = 2.0,
    seeds: Seeds = 3,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train on dark images, use on bright ones: weights from a discriminator.

    A logistic discriminator learns to tell the training images from unlabelled images of the
    target. Its logit h weights each training image by exp(h). The classifier is a softmax
    regression on the mean brightness of 4x4 patches: one that could be right everywhere would need
    no weights.

    Examples:
      nnlab shift covariate
      nnlab shift covariate --strength 0
      nnlab shift covariate --json | jq '.[].weighted'
    """
    dataset = open_data(data, data_dir)
    from core.shift import covariate_shift

    found = [covariate_shift(dataset, strength, seed) for seed in range(seeds)]
    if json:
        print_results(found)
        return
    print_accuracies(
        found,
        (
            ("plain", "without weights"),
            ("weighted", "weights exp(h)"),
            ("inverted", "weights exp(-h), the note's sign"),
        ),
    )
    from tui.format import percent

    apart = percent(fmean(result.discriminator for result in found), 0)
    share = percent(fmean(result.effective_share for result in found), 0)
    print()
    print(f"the discriminator is right in {apart} of the images; without a shift in about half")
    print(f"weighted, the training images tell as much as {share} of them would without weights")


@shift.command()
def label(
    data: DataName = "fashion-mini",
    strength: Strength = 2.0,
    seeds: Seeds = 3,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Use a classifier where some classes are rare: weights from its confusion matrix.

    How often it predicts each class there, and what it confuses on images kept apart, tell how
    frequent the classes are; it is trained again with the classes weighted by that. The classifier
    is a softmax regression on the mean brightness of 7x7 patches.

    Examples:
      nnlab shift label
      nnlab shift label --strength 1 --seeds 5
      nnlab shift label --json | jq '.[0].estimated_shares'
    """
    dataset = open_data(data, data_dir)
    from core.shift import label_shift

    found = [label_shift(dataset, strength, seed) for seed in range(seeds)]
    if json:
        print_results(found)
        return
    print_accuracies(
        found,
        (
            ("plain", "without weights"),
            ("weighted", "weights p(y)/q(y), estimated"),
            ("informed", "weights p(y)/q(y), if p were known"),
        ),
    )
    print()
    print_shares(found[0], dataset.classes)


def open_data(name: str, data_dir: Path | None) -> "Dataset":
    """The data set called `name`. Raises UnknownName or DataError."""
    from core.datasets import Where, check_data_name, check_images, load
    from tui.waiting import wait_for

    check_images(check_data_name(name))
    return wait_for(load(name, Where(data_dir)))


def print_results(found: list[Any]) -> None:
    """JSON: a result for each seed."""
    from tui.json_output import print_json

    print_json([{"seed": seed, **asdict(result)} for seed, result in enumerate(found)])


def print_accuracies(found: list[Any], rows: tuple[tuple[str, str], ...]) -> None:
    """A line for each way to train, a column for each seed."""
    width = max(len(text) for _, text in rows)
    first = found[0]
    print(f"{first.source_images:,} training images, {first.target_images:,} to test on (seed 0)")
    print()
    print(f"{'accuracy on the target':<{width}}    mean  by seed")
    for name, text in rows:
        values = [getattr(result, name) for result in found]
        print(f"{text:<{width}}  {fmean(values):.4f}  {' '.join(f'{v:.4f}' for v in values)}")


def print_shares(result: "LabelResult", classes: tuple[str, ...]) -> None:
    """How frequent each class is, and was estimated to be."""
    from rich.cells import cell_len, set_cell_size

    from tui.format import clip

    names = [clip(name, LONGEST) for name in classes]
    width = max(map(cell_len, ["shares (seed 0)", *names]))
    print(f"{'shares (seed 0)':<{width}}  training  target  estimated")
    columns = (result.source_shares, result.true_shares, result.estimated_shares)
    for name, q, p, estimate in zip(names, *columns, strict=True):
        print(f"{set_cell_size(name, width)}  {q:8.3f}  {p:6.3f}  {estimate:9.3f}")
