"""nnlab bench: how fast a network trains on this machine."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.events import Notice, Progress
from tui.commands.train import Model
from tui.options import RUN, DataDir, Given, Json, with_run_options

if TYPE_CHECKING:
    from core.config import RunConfig
    from core.speed import Speed

Seconds = Annotated[
    float,
    typer.Option(min=1, max=3600, help="How long to measure.", rich_help_panel=RUN),
]


@with_run_options(Model)
def bench(
    given: Given, seconds: Seconds = 10, data_dir: DataDir = None, json: Json = False
) -> None:
    """Measure how fast a network trains here, without keeping anything.

    The bare step is forward, backward and update on a batch that lies ready; its share says how
    much of the machine's time goes into the network and not into feeding it.

    Examples:
      nnlab bench lenet
      nnlab bench resnet18 --data cifar10 --batch-size 128 --seconds 60
      nnlab bench mlp --threads 1 --json | jq .samples_per_second
    """
    config = given.config()
    from tui.waiting import wait_for

    speed, device, threads, executor = wait_for(_measure(config, seconds, data_dir))
    if json:
        from tui.json_output import print_json

        print_json(_as_json(config, speed, device, threads, executor))
    else:
        _print(config, speed, device, threads, executor)


def _measure(
    config: "RunConfig", seconds: float, data_dir: Any
) -> "Generator[Progress | Notice, None, tuple[Speed, str, int, str]]":
    yield Progress("importing torch", 0, None)
    from core.control import Control
    from core.device import choose_device
    from core.graphed import check_executor
    from core.precision import check_precision, computing
    from core.prefetch import why_on_host
    from core.prepare import load_images, prepare, set_executor, set_threads
    from core.speed import measure_speed

    device = choose_device(config.device)
    check_precision(config.precision, device)
    check_executor(config.executor, device)
    if device.note:
        yield Notice(device.note)
    dataset = yield from load_images(config, data_dir, Control())
    with computing(config.precision, config.reproducible, device):
        training = prepare(config, dataset, device)
        if on_host := why_on_host([dataset.train, dataset.test], device):
            yield Notice(on_host)
        threads, _ = set_threads(config.fixed_threads, training)
        executor = yield from set_executor(config.executor, training)
        speed = yield from measure_speed(training, seconds)
    return speed, device.name, threads, executor


def _as_json(
    config: "RunConfig", speed: "Speed", device: str, threads: int, executor: str
) -> dict[str, Any]:
    from dataclasses import asdict

    settings = {"model": config.model, "data": config.data, "batch_size": config.batch_size}
    where = {"device": device, "threads": threads, "executor": executor}
    where["precision"] = config.precision
    return settings | where | asdict(speed)


def _print(config: "RunConfig", speed: "Speed", device: str, threads: int, executor: str) -> None:
    from rich.text import Text

    from tui.console import console
    from tui.format import count, safe_text

    out = console()

    def line(label: str, text: str, style: str = "") -> None:
        out.print(Text(f"{label:<12}{safe_text(text)}", style), soft_wrap=True)

    plural = "s" * (threads > 1)
    line(config.model, f"{config.data}, batches of {config.batch_size}", "bold")
    how = {"compile": ", compiled", "graph": ", by a CUDA graph"}.get(executor, "")
    how += "" if config.precision == "float32" else f", {config.precision}"
    line("device", f"{device}, {threads} CPU thread{plural}{how}")
    line(
        "training",
        f"{count(speed.samples_per_second)} img/s, {speed.share:.0%} of the bare step's "
        f"{count(speed.bare_samples_per_second)} img/s ({speed.steps} steps)",
    )
    line("testing", f"{count(speed.test_samples_per_second)} img/s")
    whole = sum(speed.parts.values())
    for part, seconds in speed.parts.items():
        bar = "━" * round(40 * seconds / whole)
        line(part, f"{1000 * seconds:9.3f} ms {seconds / whole:5.0%}  {bar}")
