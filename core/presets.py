"""The experiments of the study notes, as settings to start from. Plain data: imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """One experiment of the notes: settings for `core.config.make_config`."""

    name: str
    title: str
    source: str  # which note
    values: Mapping[str, Any]
    test_accuracy: float | None = None  # fraction, of the last epoch that the note printed


PRESETS: tuple[Preset, ...] = (
    Preset(
        "softmax-fashion",
        "Softmax regression on Fashion-MNIST",
        "note 000",
        {
            "model": "softmax",
            "data": "fashion-mnist",
            "epochs": 10,
            "batch_size": 18,
            "optimizer": "sgd",
            "lr": 0.01,
            "initializer": "normal",
        },
        test_accuracy=0.831,
    ),
    Preset(
        "mlp-fashion",
        "Multilayer perceptron on Fashion-MNIST",
        "note 000",
        {
            "model": "mlp",
            "data": "fashion-mnist",
            "epochs": 10,
            "batch_size": 256,
            "optimizer": "sgd",
            "lr": 0.1,
            "initializer": "normal",
        },
    ),
    Preset(
        "lenet-fashion",
        "LeNet on Fashion-MNIST",
        "note 000",
        {
            "model": "lenet",
            "data": "fashion-mnist",
            "epochs": 10,
            "batch_size": 256,
            "optimizer": "sgd",
            "lr": 0.9,
            "initializer": "xavier_uniform",
        },
    ),
    Preset(
        "lenet-mnist",
        "LeNet on MNIST",
        "note 001",
        {
            "model": "lenet",
            "data": "mnist",
            "epochs": 16,
            "batch_size": 100,
            "optimizer": "sgd",
            "lr": 0.5,
            "initializer": "xavier_uniform",
        },
        test_accuracy=0.985,
    ),
    Preset(
        "lenet-bn-fashion",
        "LeNet with BatchNorm on Fashion-MNIST",
        "note 003",
        {
            "model": "lenet_bn",
            "data": "fashion-mnist",
            "epochs": 5,
            "batch_size": 16,
            "optimizer": "adam",
            "lr": 0.001,
        },
        test_accuracy=0.869,
    ),
    Preset(
        "resnet18-fashion",
        "ResNet-18 on Fashion-MNIST",
        "note 003",
        {
            "model": "resnet18",
            "data": "fashion-mnist",
            "epochs": 5,
            "batch_size": 16,
            "optimizer": "adam",
            "lr": 0.001,
            "input_size": 28,
        },
        test_accuracy=0.868,  # after the first epoch, the only one printed
    ),
)
