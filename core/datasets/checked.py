"""The last step of reading a data set: from arrays to tensors, checked."""

import hashlib

import numpy as np
import torch

from core.datasets import Dataset, Images
from core.errors import DataError

Part = tuple[np.ndarray, np.ndarray]  # pixels (N, C, H, W) uint8, labels (N,) of any integer type


def checked_dataset(name: str, classes: tuple[str, ...], train: Part, test: Part) -> Dataset:
    """A Dataset of these arrays, which become its tensors where they can be written to.

    Raises DataError for a label that is no class, or a part without images.
    """
    digest = hashlib.sha256()
    parts = []
    for kind, (pixels, labels) in (("training", train), ("test", test)):
        assert pixels.dtype == np.uint8
        assert pixels.shape[0] == len(labels)
        if not len(labels):
            raise DataError(f"{name} has no {kind} images.", "Check the files.")
        if labels.min() < 0 or labels.max() >= len(classes):
            at = int(np.argmax((labels < 0) | (labels >= len(classes))))
            raise DataError(
                f"{name}: label {labels[at]} of {kind} image {at + 1} is no class: there are "
                f"{len(classes)}, from 0.",
                "The label file is damaged or belongs to other images.",
            )
        images = Images(
            torch.from_numpy(np.require(pixels, requirements=["C", "W"])),
            torch.from_numpy(labels.astype(np.int64)),
        )
        digest.update(images.pixels.numpy().data)
        digest.update(images.labels.numpy().data)
        parts.append(images)
    return Dataset(name, classes, parts[0], parts[1], digest.hexdigest())
