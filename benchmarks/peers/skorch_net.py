"""skorch's NeuralNetClassifier over tensors in memory, with its default callbacks but the print."""

from collections.abc import Callable

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from benchmarks.peers import LR, Work

NEEDS = "skorch"


def prepare(work: Work) -> Callable[[], None]:
    images, labels = work.tensors(work.dataset.train)
    test = Dataset(*work.tensors(work.dataset.test))

    def fit() -> None:
        net = NeuralNetClassifier(
            work.fresh_model(),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.SGD,
            lr=LR,
            batch_size=work.batch_size,
            max_epochs=work.epochs,
            iterator_train__shuffle=True,
            train_split=predefined_split(test),
            callbacks=[EpochScoring("accuracy", on_train=True, name="train_acc")],
            verbose=0,
        )
        net.fit(images, labels)

    return fit
