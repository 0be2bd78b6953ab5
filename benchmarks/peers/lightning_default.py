"""Lightning as its first page shows it: a DataLoader, a LightningModule, `Trainer(...).fit`."""

import tempfile
import warnings
from collections.abc import Callable
from logging import ERROR, getLogger
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.peers import LR, Work
from benchmarks.peers.textbook import loaders

NEEDS = "lightning"


class Classifier(lightning.LightningModule):
    """Loss and accuracy logged for each epoch, as in Lightning's examples."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, labels = batch
        logits = self.model(images)
        loss = F.cross_entropy(logits, labels)
        accuracy = (logits.argmax(1) == labels).float().mean()
        self.log_dict(
            {"train_loss": loss, "train_accuracy": accuracy}, on_step=False, on_epoch=True
        )
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        images, labels = batch
        logits = self.model(images)
        accuracy = (logits.argmax(1) == labels).float().mean()
        self.log_dict({"test_loss": F.cross_entropy(logits, labels), "test_accuracy": accuracy})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), LR)


def fitting(work: Work, train: DataLoader, test: DataLoader, **options: Any) -> Callable[[], None]:
    """What trains the network over these loaders by a Trainer with `options`."""
    warnings.filterwarnings("ignore")
    for name in ("lightning", "lightning.pytorch"):
        getLogger(name).setLevel(ERROR)

    def fit() -> None:
        with tempfile.TemporaryDirectory() as folder:
            trainer = lightning.Trainer(
                max_epochs=work.epochs, accelerator="cpu", default_root_dir=folder, **options
            )
            trainer.fit(Classifier(work.fresh_model()), train, test)

    return fit


def prepare(work: Work) -> Callable[[], None]:
    return fitting(work, *loaders(work))
