"""Keras 3 on torch, with the same network wrapped, over arrays in memory."""

import os
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported

import keras

from benchmarks.peers import LR, Work

NEEDS = "keras"


def prepare(work: Work) -> Callable[[], None]:
    images, labels = (t.numpy() for t in work.tensors(work.dataset.train))
    test = tuple(t.numpy() for t in work.tensors(work.dataset.test))

    def fit() -> None:
        network = keras.layers.TorchModuleWrapper(
            work.fresh_model(), output_shape=(None, len(work.dataset.classes))
        )
        model = keras.Sequential([network])
        model.compile(
            optimizer=keras.optimizers.SGD(LR),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(
            images,
            labels,
            batch_size=work.batch_size,
            epochs=work.epochs,
            validation_data=test,
            verbose=0,
        )

    return fit
