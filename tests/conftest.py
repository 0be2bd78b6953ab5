"""What many tests share: a tiny network, a tiny data set, and real data where it is at hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from pseudo_terminal import Terminal
from striped import striped_images
from torch import nn

from core.datasets import Dataset, Loading, Where

# Beside another busy process two threads are many times slower than one, and none of our networks
# here is large enough to gain from the second.
torch.set_num_threads(1)

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests may take two hours, where pyproject.toml gives the others five minutes."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(7200))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """See "cuda" in pyproject.toml."""
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("no CUDA GPU")


@pytest.fixture(autouse=True, scope="session")
def own_tickets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs note which device they use (core.device_queue): not among those of a real user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own settings of the screens count here, and none are changed."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def tiny_dataset() -> Dataset:
    """48 + 24 images of 8x8 pixels in three classes."""
    return Dataset(
        "tiny", ("top", "middle", "bottom"), striped_images(48, 1), striped_images(24, 2), "0" * 64
    )


@pytest.fixture
def tiny_model() -> nn.Module:
    """A perceptron for the tiny data set, with dropout so that the random state matters."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
    )


@pytest.fixture
def shared_data() -> Path:
    """The complete MNIST and Fashion-MNIST, where a developer has them beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared/data: the complete data sets are not at hand")
    return SHARED_DATA


TINY_NETWORK = """
from torch import nn

def net(in_channels, num_classes):
    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(in_channels, 4, 3))
    model.add_module("bn1", nn.BatchNorm2d(4))
    model.add_module("relu1", nn.ReLU())
    model.add_module("flatten", nn.Flatten())
    model.add_module("fc", nn.Linear(4 * 6 * 6, num_classes))
    return model
"""


@pytest.fixture
def tiny_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_dataset: Dataset
) -> Callable[..., Path]:
    """A function that trains a run on the tiny data set in tmp_path/runs: a small convolutional
    network of a user's own, or as the settings say, which are RunConfig's. Whatever data set is
    loaded in this test, by whom ever, is the tiny one. The run is stopped after the epoch
    `stop_after`, if that is given.
    """
    from core.config import make_config
    from core.control import Control
    from core.events import EpochEnd
    from core.experiment import run_experiment

    def load_tiny(name: str, where: Where) -> Loading:
        yield from ()
        return tiny_dataset

    for module in ("core.prepare", "core.trained", "core.datasets"):
        monkeypatch.setattr(f"{module}.load", load_tiny)
    net = tmp_path / "net.py"
    net.write_text(TINY_NETWORK)

    def train(
        name: str = "tiny", *, share: bool = False, stop_after: int = 0, **settings: object
    ) -> Path:
        defaults = {
            **{"model": f"{net}:net", "input_size": 8, "epochs": 3, "batch_size": 10},
            **{"optimizer": "sgd", "lr": 0.1, "threads": 1, "device": "cpu", "report_interval": 0},
        }
        config = make_config(defaults | settings)
        control = Control()
        events = run_experiment(
            config, runs_dir=tmp_path / "runs", name=name, control=control, share=share
        )
        for event in events:
            if isinstance(event, EpochEnd) and event.epoch == stop_after:
                control.send("stop")
        return tmp_path / "runs" / name

    return train


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """A function that starts nnlab with some words in a terminal; its runs are in tmp_path/runs."""
    terminals: list[Terminal] = []

    def start(*words: str, **options: int) -> Terminal:
        terminals.append(Terminal(*words, NNLAB_RUNS=str(tmp_path / "runs"), **options))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()
