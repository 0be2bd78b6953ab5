"""Which samples of a data set without a test part are set apart for testing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

TEST_SHARE = 0.2  # of each class


def split(labels: "np.ndarray", seed: int) -> tuple["np.ndarray", "np.ndarray"]:
    """Positions of training and of test samples, ascending: of each class, a fifth for testing.

    A pure function of its arguments. At least one sample of each class goes to either side.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        count = max(1, round(len(of_class) * TEST_SHARE))
        is_test[random.permutation(of_class)[:count]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)
