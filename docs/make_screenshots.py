"""Make the pictures of the README: python docs/make_screenshots.py

Runs the real app without a terminal, trains LeNet and others on fashion-mini, and exports what it
shows.
"""

import asyncio
import tempfile
from pathlib import Path

from core.config import make_config
from core.experiment import run_experiment
from tui.app import NNLabApp
from tui.screens.dashboard import DashboardScreen

HERE = Path(__file__).parent
SIZE = (120, 40)


async def picture_of_launch(runs: Path) -> None:
    app = NNLabApp(runs_dir=runs)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*["up"] * 4)  # from mlp to lenet
        await asyncio.sleep(10)  # torch, the layer table and the probe
        write(app, "launch.svg")


async def picture_of_dashboard(runs: Path) -> None:
    config = make_config({"model": "lenet", "epochs": 20, "threads": 1})
    app = NNLabApp(config, runs_dir=runs)
    async with app.run_test(size=SIZE) as pilot:
        dashboard = app.screen
        assert isinstance(dashboard, DashboardScreen)
        while dashboard.view.epoch < 15:
            await asyncio.sleep(0.2)
        await pilot.pause()
        write(app, "dashboard.svg")
        await pilot.press("m")
        await asyncio.sleep(5)  # the network is built
        write(app, "model.svg")
        await pilot.press("escape", "q", "y")  # stop and leave


async def picture_of_comparison(runs: Path) -> None:
    for lr in (0.0003, 0.003, 0.03):
        settings = {"model": "mlp", "epochs": 15, "threads": 1, "lr": lr}
        for _ in run_experiment(make_config(settings), runs_dir=runs, name=f"mlp-{lr}"):
            pass
    app = NNLabApp(runs_dir=runs)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("r")
        await asyncio.sleep(3)  # the list is read
        await pilot.press("space", "space", "space", "equals_sign")
        await asyncio.sleep(5)
        write(app, "compare.svg")


def write(app: NNLabApp, name: str) -> None:
    (HERE / name).write_text(app.export_screenshot(title="nnlab tui"), encoding="utf-8")
    print(f"wrote {HERE / name}")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await picture_of_launch(Path(folder) / "1")
        await picture_of_dashboard(Path(folder) / "2")
        await picture_of_comparison(Path(folder) / "3")


if __name__ == "__main__":
    asyncio.run(main())
