"""The loop of the study notes: torchvision's data set and ToTensor in a DataLoader, and metrics by
`.item()` at every step."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import CIFAR10, MNIST
from torchvision.transforms import Compose, Resize, ToTensor

from benchmarks.peers import LR, Work
from core.datasets import Images


class GreyImages(MNIST):
    """Images in memory, decoded as torchvision's MNIST does it: one PIL image at a time."""

    def __init__(self, images: Images, transform: Compose) -> None:
        self.data, self.targets = images.pixels[:, 0], images.labels
        self.transform, self.target_transform = transform, None


class ColourImages(CIFAR10):
    """The same for torchvision's CIFAR-10."""

    def __init__(self, images: Images, transform: Compose) -> None:
        self.data = images.pixels.permute(0, 2, 3, 1).contiguous().numpy()
        self.targets = images.labels.tolist()
        self.transform, self.target_transform = transform, None


def as_torchvision(work: Work, images: Images) -> Dataset:
    """The images as a torchvision data set with the notes' transforms."""
    own = images.pixels.shape[-1] == work.input_size
    transform = Compose([ToTensor()] if own else [Resize(work.input_size), ToTensor()])
    kind = GreyImages if images.pixels.shape[1] == 1 else ColourImages
    return kind(images, transform)


def loaders(work: Work) -> tuple[DataLoader, DataLoader]:
    """Training and test images, batch by batch."""
    train, test = work.dataset.train, work.dataset.test
    return (
        DataLoader(as_torchvision(work, train), work.batch_size, shuffle=True),
        DataLoader(as_torchvision(work, test), work.batch_size),
    )


def prepare(work: Work) -> Callable[[], None]:
    train_loader, test_loader = loaders(work)

    def fit() -> None:
        model = work.fresh_model()
        optimizer = torch.optim.SGD(model.parameters(), LR)
        for _ in range(work.epochs):
            model.train()
            total_loss = correct = 0.0
            for images, labels in train_loader:
                images, labels = images.to(work.device), labels.to(work.device)
                logits = model(images)
                loss = F.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total_loss += loss.item() * len(labels)
                correct += (logits.argmax(1) == labels).sum().item()
            model.eval()
            with torch.no_grad():
                for images, labels in test_loader:
                    images, labels = images.to(work.device), labels.to(work.device)
                    correct += (model(images).argmax(1) == labels).sum().item()

    return fit
