from small_data import load_now

from core.datasets import DATASETS, Where, load
from core.datasets.fashion_mnist import WHOLE
from core.datasets.mnist import MNIST


def test_the_complete_set_is_read(shared_data):
    dataset = load_now(load("mnist", Where(shared_data)))
    assert dataset.train.pixels.shape == (60_000, 1, 28, 28)
    assert dataset.test.pixels.shape == (10_000, 1, 28, 28)
    # LeCun's page: the training set begins with 5, 0, 4, 1, 9.
    assert dataset.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert dataset.train.labels.bincount().tolist()[:3] == [5923, 6742, 5958]


def test_the_published_files_are_torchvisions():
    from torchvision import datasets

    for ours, theirs in ((MNIST, datasets.MNIST), (WHOLE, datasets.FashionMNIST)):
        assert {f.name: f.md5 for f in ours.files} == dict(theirs.resources)
        assert set(theirs.mirrors) <= set(ours.mirrors)
        assert ours.folders[0] == f"{theirs.__name__}/raw"


def test_the_size_announced_is_the_size_of_the_files():
    for dataset in (MNIST, WHOLE):
        facts = DATASETS.declared[dataset.name].facts
        assert facts["size"] == sum(f.size for f in dataset.files)
        counts = [labels.shape[0] for _, labels in (dataset.train, dataset.test)]
        assert [facts["train"], facts["test"]] == counts
