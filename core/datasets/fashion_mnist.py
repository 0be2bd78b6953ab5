"""Fashion-MNIST: 28x28 grey images of clothes, and the part of it that comes with nnlab.

Xiao, Rasul and Vollgraf, arXiv:1708.07747. Copyright 2017 Zalando SE, MIT licence: see
fashion_mini/LICENSE.
"""

from pathlib import Path

from core.datasets import DATASETS, Loading, Where
from core.datasets.idx import IdxDataset, IdxFile, load_idx_dataset, read_idx_dataset

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

WHOLE = IdxDataset(
    name="fashion-mnist",
    classes=CLASSES,
    folders=("FashionMNIST/raw", "fashion-mnist"),  # torchvision's, Debian's
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    train=(
        IdxFile(
            "train-images-idx3-ubyte.gz",
            size=26_421_880,
            md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            shape=(60_000, 28, 28),
            content_sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        IdxFile(
            "train-labels-idx1-ubyte.gz",
            size=29_515,
            md5="25c81989df183df01b3e8a0aad5dffbe",
            shape=(60_000,),
            content_sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
    ),
    test=(
        IdxFile(
            "t10k-images-idx3-ubyte.gz",
            size=4_422_102,
            md5="bef4ecab320f06d8554ea6380940ec79",
            shape=(10_000, 28, 28),
            content_sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte.gz",
            size=5_148,
            md5="bb300cfdad3c16e7a12a480ee83cd310",
            shape=(10_000,),
            content_sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
)
find = WHOLE.find

MINI_FOLDER = Path(__file__).parent / "fashion_mini"
MINI = IdxDataset(
    name="fashion-mini",
    classes=CLASSES,
    folders=(),
    mirrors=(),
    train=(
        IdxFile(
            "train-images-idx3-ubyte.gz",
            size=2_615_845,
            md5="9b726f05c7c5b775685f5135b11aa7cf",
            shape=(6_000, 28, 28),
            content_sha256="cf313073c7eb485392848071d5c433571d7166043e971e3345b095cc30518084",
        ),
        IdxFile(
            "train-labels-idx1-ubyte.gz",
            size=3_078,
            md5="84b343bef7b858098d917ad09f8aab9d",
            shape=(6_000,),
            content_sha256="097b93fbcf9bd5bc648b1a457ddc55c9e4ab49afb33f9ecae8ce068399a75e3a",
        ),
    ),
    test=(
        IdxFile(
            "t10k-images-idx3-ubyte.gz",
            size=872_910,
            md5="e776ca7024c1d04eb0ae01c56e82499e",
            shape=(2_000, 28, 28),
            content_sha256="15a92dd1e9b16ea361928086e77df4dfa890c255c00b5a8c8162c1040ce8eef1",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte.gz",
            size=1_033,
            md5="a0164c6b3c30906286b0a449974e0352",
            shape=(2_000,),
            content_sha256="234596aeb6eb48133ec99a62541f90bc0728c9559a681f1e0638037462458f2c",
        ),
    ),
)


@DATASETS.register(
    name="fashion-mnist",
    size=30_878_645,
    channels=1,
    classes=10,
    side=28,
    train=60_000,
    test=10_000,
)
def fashion_mnist(where: Where) -> Loading:
    """Clothes, 60,000 + 10,000 of 28x28, grey."""
    return (yield from load_idx_dataset(WHOLE, where))


@DATASETS.register(
    name="fashion-mini", size=0, channels=1, classes=10, side=28, train=6_000, test=2_000
)
def fashion_mini(where: Where) -> Loading:
    """The first 600 + 200 clothes of each class of Fashion-MNIST."""
    yield from ()  # nothing takes long enough to tell
    return read_idx_dataset(MINI, MINI_FOLDER, "Install nnlab again.")
