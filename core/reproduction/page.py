"""All results as one Markdown page, docs/reproduction.md. Pure text from JSON; imports no torch."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.config import command_line, make_config
from core.reproduction import Experiment, Figure, Shapes, Training
from core.reproduction.corrections import CORRECTIONS
from core.reproduction.results import Outcome, Results, read_results, values_of
from core.reproduction.verdict import NOT_RUN, Comparison, compare, mean_and_spread, overall

INTRODUCTION = """\
# Reproduction

What the study notes and their book published, and what nnlab measures in the same setting.
`make reproduce` measures what is missing and writes this page from the JSON files in
`docs/reproduction`; `nnlab reproduce --list` lists the experiments. What is interrupted goes on
where it stopped.

Ours is the mean over the seeds ± their standard deviation. **reached**: our mean is at or above the
published figure (a loss: at or below). **within the spread**: the published figure is one run with
one seed, and lies within two standard deviations of our mean. **below**: neither, as far as the
seeds that were run can tell; one alone has no spread. **not compared**: shown beside ours, and no
aim. Time is that of one seed.
"""
METRICS = {
    "unnormalised_test_accuracy": "test accuracy, images not normalised",
}
DASH = "–"


def page(experiments: Sequence[Experiment], folder: Path) -> str:
    """The page for the results in `folder`. Raises RunError if one of its files is damaged."""
    found = [(e, read_results(folder, e), read_results(folder, e, quick=True)) for e in experiments]
    sections = [INTRODUCTION, "## Figures\n", *_table(found)]
    if any(quick.outcomes for _, _, quick in found):
        sections += ["", *_quick_table(found)]
    sections += ["", "## Settings and remarks"]
    for experiment, results, _ in found:
        sections += ["", *_section(experiment, results)]
    sections += ["", *_corrections()]
    if versions := _versions([o for _, results, quick in found for o in _all(results, quick)]):
        sections += ["", f"Measured with {versions}."]
    return "\n".join(sections) + "\n"


def metric_text(figure: Figure) -> str:
    """ "test accuracy, epoch 2"."""
    text = METRICS.get(figure.metric, figure.metric.replace("_", " "))
    return text if figure.epoch is None else f"{text}, epoch {figure.epoch}"


def number(metric: str, value: float | None) -> str:
    """Accuracies with four digits, losses with four that count."""
    if value is None:
        return DASH
    return f"{value:.4f}" if metric.endswith("accuracy") else f"{value:.4g}"


def ours_text(comparison: Comparison) -> str:
    """ "0.8234 ± 0.0031"."""
    metric = comparison.figure.metric
    text = number(metric, comparison.mean)
    if comparison.spread is None:
        return text
    spread = comparison.spread
    digits = number(metric, spread) if metric.endswith("accuracy") else f"{spread:.2g}"
    return f"{text} ± {digits}"


def published_text(figure: Figure) -> str:
    """As it was printed."""
    return figure.text or (DASH if figure.value is None else f"{figure.value:g}")


def not_run_text(experiment: Experiment) -> str:
    """Why there is no figure."""
    return f"{NOT_RUN}: needs a GPU" if experiment.needs_gpu else NOT_RUN


def shapes_text(experiment: Experiment, results: Results) -> str:
    """ "21 of 21 layers"."""
    assert isinstance(experiment.setting, Shapes)
    layers = len(experiment.setting.table)
    wrong = values_of(results.outcomes, "wrong_shapes")
    return f"{layers - int(max(wrong))} of {layers} layers" if wrong else DASH


def _table(found: Sequence[tuple[Experiment, Results, Results]]) -> Iterator[str]:
    yield "| experiment | figure | published | ours | seeds | verdict | time | device |"
    yield "|---|---|--:|--:|--:|---|--:|---|"
    for experiment, results, _ in found:
        seeds = str(len(results.outcomes) or DASH)
        ran = (
            [_time(results.outcomes), _devices(results.outcomes)] if results.outcomes else ["", ""]
        )
        if isinstance(experiment.setting, Shapes):
            layers = len(experiment.setting.table)
            cells = ["shapes", f"{layers} layers", shapes_text(experiment, results), seeds]
            rows = [[*cells, overall(experiment, results)]]
        else:
            rows = [
                [
                    metric_text(c.figure),
                    published_text(c.figure),
                    ours_text(c),
                    seeds,
                    not_run_text(experiment) if c.verdict == NOT_RUN else c.verdict,
                ]
                for c in compare(experiment, results)
            ]
        for i, row in enumerate(rows):
            first = f"[{experiment.name}](#{experiment.name})" if i == 0 else ""
            yield _row([first, *row, *(ran if i == 0 else ["", ""])])


def _quick_table(found: Sequence[tuple[Experiment, Results, Results]]) -> Iterator[str]:
    yield "## Smaller checks"
    yield ""
    yield (
        "The first 200 steps alone, in batches of at most 16 images: does the loss (nats, mean of "
        "20 steps) fall? They say that a network learns, not how far."
    )
    yield ""
    yield "| experiment | loss, steps 1 to 20 | loss, steps 181 to 200 | falls | time | device |"
    yield "|---|--:|--:|---|--:|---|"
    for experiment, _, quick in found:
        first, last = (values_of(quick.outcomes, m) for m in ("first_loss", "last_loss"))
        if first and last:
            falls = all(b < a for a, b in zip(first, last, strict=True))
            losses = [number("loss", mean_and_spread(values)[0]) for values in (first, last)]
            time, devices = _time(quick.outcomes), _devices(quick.outcomes)
            yield _row([experiment.name, *losses, "yes" if falls else "no", time, devices])


def _section(experiment: Experiment, results: Results) -> Iterator[str]:
    yield f"### {experiment.name}"
    yield ""
    yield f"{experiment.title} ({experiment.source})."
    if experiment.remark:
        yield ""
        yield experiment.remark
    setting = experiment.setting
    if isinstance(setting, Training):
        yield ""
        yield f"    {shlex.join(command_line(make_config(setting.values)))}"
        curves = [[row["test_accuracy"] for row in o.epochs] for o in results.outcomes]
        if curves:
            yield ""
            yield "Test accuracy by epoch:"
            yield ""
            for outcome, curve in zip(results.outcomes, curves, strict=True):
                yield f"- seed {outcome.seed}: {' '.join(f'{a:.4f}' for a in curve)}"
        if stand_in := next((o.images for o in results.outcomes if o.images), ""):
            yield ""
            yield f"Measured on {stand_in} in place of {setting.values['data']}'s own."


def _corrections() -> Iterator[str]:
    yield "## Where the notes are wrong"
    yield ""
    yield "| note | line | it says | nnlab does |"
    yield "|---|--:|---|---|"
    for c in CORRECTIONS:
        yield _row([c.note, str(c.line), c.says, c.ours])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _time(outcomes: Sequence[Outcome]) -> str:
    seconds = sum(o.seconds for o in outcomes) / len(outcomes)
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _devices(outcomes: Sequence[Outcome]) -> str:
    """ "AMD EPYC, 1 thread", "NVIDIA H100"."""
    names = []
    for o in outcomes:
        threads = f", {o.threads} thread{'s' * (o.threads != 1)}" if o.threads else ""
        names.append(o.device_name + (threads if o.device == "cpu" else ""))
    return "; ".join(dict.fromkeys(names)).replace("|", "/")


def _versions(outcomes: Sequence[Outcome]) -> str:
    said = [
        ", ".join(f"{name} {version}" for name, version in o.versions.items()) for o in outcomes
    ]
    return "; ".join(sorted(set(said)))


def _all(*results: Results) -> Iterator[Outcome]:
    for each in results:
        yield from each.outcomes
