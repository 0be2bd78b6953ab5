"""fastai's Learner over torchvision's data set."""

from collections.abc import Callable

import fastai.callback.progress  # noqa: F401  adds no_bar to Learner
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.optimizer import SGD

from benchmarks.peers import LR, Work
from benchmarks.peers.textbook import as_torchvision

NEEDS = "fastai"


def prepare(work: Work) -> Callable[[], None]:
    train, test = (as_torchvision(work, p) for p in (work.dataset.train, work.dataset.test))
    batches = DataLoaders.from_dsets(train, test, bs=work.batch_size, device="cpu", num_workers=0)

    def fit() -> None:
        learner = Learner(
            batches,
            work.fresh_model(),
            loss_func=CrossEntropyLossFlat(),
            opt_func=SGD,
            metrics=accuracy,
        )
        with learner.no_bar(), learner.no_logging():
            learner.fit(work.epochs, LR)

    return fit
