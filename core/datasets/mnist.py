"""MNIST: 28x28 grey images of handwritten digits.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
"""

from core.datasets import DATASETS, Loading, Where
from core.datasets.idx import IdxDataset, IdxFile, load_idx_dataset

MNIST = IdxDataset(
    name="mnist",
    classes=tuple("0123456789"),
    folders=("MNIST/raw", "mnist"),  # torchvision's, and a plain one
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    train=(
        IdxFile(
            "train-images-idx3-ubyte.gz",
            size=9_912_422,
            md5="f68b3c2dcbeaaa9fbdd348bbdeb94873",
            shape=(60_000, 28, 28),
            content_sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        IdxFile(
            "train-labels-idx1-ubyte.gz",
            size=28_881,
            md5="d53e105ee54ea40749a09fcbcd1e9432",
            shape=(60_000,),
            content_sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
    ),
    test=(
        IdxFile(
            "t10k-images-idx3-ubyte.gz",
            size=1_648_877,
            md5="9fb629c4189551a2d022fa330f9573f3",
            shape=(10_000, 28, 28),
            content_sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte.gz",
            size=4_542,
            md5="ec29112dd5afa0611ce80d1b7f02629c",
            shape=(10_000,),
            content_sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
)
find = MNIST.find


@DATASETS.register(size=11_594_722, channels=1, classes=10, side=28, train=60_000, test=10_000)
def mnist(where: Where) -> Loading:
    """Handwritten digits, 60,000 + 10,000 of 28x28, grey."""
    return (yield from load_idx_dataset(MNIST, where))
