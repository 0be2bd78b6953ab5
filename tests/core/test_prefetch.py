"""The way to a GPU is faked where there is none: batches are the same bits all the same."""

import threading
from dataclasses import replace

import pytest
import torch
from fake_link import FakeLink
from striped import striped_images
from tiny_runs import config

from core import clock
from core.batches import Batches, normalisation
from core.datasets import Dataset, Images
from core.device import Device
from core.estimate import ImageFacts, estimate, summarize_for
from core.events import StepReport
from core.prefetch import Ahead, Link, gather, lies_on_host, why_on_host
from core.prepare import prepare
from core.train import train
from core.world import World

GIB = 2**30


@pytest.fixture
def links(monkeypatch):
    """All that are made in place of real ones."""
    made = []

    def make(device):
        made.append(FakeLink(device))
        return made[-1]

    monkeypatch.setattr("core.batches.Link", make)
    return made


def batches(images: Images, on_host: bool, device: str = "cpu", **options) -> Batches:
    place = {"device": device, "input_size": 8, "scale": normalisation("unit", images)}
    return Batches(images, batch_size=10, on_host=on_host, **place | options)


def wait_for_threads():
    for thread in threading.enumerate():
        if thread.name == "next-batch":
            thread.join(60)


CHOICES = [
    {},
    {"shuffle": True, "seed": 3},
    {"shuffle": True, "augmentations": ("flip", "crop", "cutout")},
    {"shuffle": True, "world": World(rank=1, size=2)},
    {"shuffle": True, "world": World(rank=1, size=2), "augmentations": ("crop",)},
    {"world": World(rank=0, size=2), "input_size": 12},
]


@pytest.mark.parametrize("choice", CHOICES)
def test_batches_are_those_of_images_on_the_device_in_whatever_order_they_are_asked_for(
    links, choice
):
    images = striped_images(48, 1)
    resident, from_host = batches(images, False, **choice), batches(images, True, **choice)
    for key in [(1, 3), (1, 4), (2, 0), (2, 1), (2, 1), (2, 4), (1, 2), (1, 3), (3, 0)]:
        for ours, theirs in zip(from_host.batch(*key), resident.batch(*key), strict=True):
            assert torch.equal(ours, theirs), key
        assert from_host.part == resident.part


def test_rows_of_a_table_stay_as_they_are(links):
    table = Images(torch.randn(25, 7, 1, 1), torch.randn(25))
    resident, from_host = (batches(table, way, shuffle=True, input_size=1) for way in (False, True))
    for index in range(3):
        for ours, theirs in zip(from_host.batch(1, index), resident.batch(1, index), strict=True):
            assert torch.equal(ours, theirs)


def test_all_but_the_first_batch_are_gathered_while_the_one_before_is_computed(links):
    from_host = batches(striped_images(48, 1), True, shuffle=True)
    for epoch in (1, 2):
        for index in range(len(from_host)):
            from_host.batch(epoch, index)
    wait_for_threads()
    assert links[0].threads == ["MainThread"] + ["next-batch"] * 10  # the last one for epoch 3
    assert links[0].held_back == 10


def test_what_goes_wrong_in_the_thread_is_raised_where_the_batch_is_asked_for():
    class Broken(FakeLink):
        def fetch(self, sources, rows):
            if threading.current_thread().name == "next-batch":
                raise RuntimeError("CUDA out of memory")
            return super().fetch(sources, rows)

    ahead = Ahead(striped_images(48, 1), Broken())
    ahead.take((1, 0), (1, 1), lambda key: slice(0, 10))
    with pytest.raises(RuntimeError, match="out of memory"):
        ahead.take((1, 1), (1, 2), lambda key: slice(10, 20))
    wait_for_threads()
    assert not [t for t in threading.enumerate() if t.name == "next-batch"]


def test_waiting_for_the_device_is_no_waiting_for_data(links, monkeypatch, tiny_dataset):
    now = [0.0]

    class Slow(FakeLink):
        def fetch(self, sources, rows):
            if not self.threads:  # later ones are fetched meanwhile, in no time
                now[0] += 6
            return super().fetch(sources, rows)

        def hold_back(self):
            now[0] += 2

    monkeypatch.setattr("core.batches.Link", Slow)
    monkeypatch.setattr("core.prepare.why_on_host", lambda parts, device: "no room")
    monkeypatch.setattr(clock, "seconds", lambda: now[0])
    training = prepare(config(epochs=1, loss="cross_entropy"), tiny_dataset, Device("cpu", "a CPU"))
    reports = [event for event in train(training) if isinstance(event, StepReport)]
    assert [report.data_wait for report in reports] == [pytest.approx(6 / 8), 0, 0, 0, 0]


def test_positions_and_ranges_are_gathered_into_memory_of_their_own():
    source = torch.arange(24).reshape(6, 2, 2)
    for rows in (slice(1, 3), torch.tensor([4, 0, 4])):
        found = gather(source, rows, pinned=False)
        assert torch.equal(found, source[rows])
        found.zero_()
    assert torch.equal(source, torch.arange(24).reshape(6, 2, 2))


@pytest.mark.parametrize(
    ("device", "on_host"),
    [
        (Device("cuda:1", "a GPU", 10_000), False),
        (Device("cuda:1", "a GPU", 9_000), True),
        (Device("cuda:1", "a GPU"), False),  # nobody knows how much is free
        (Device("cpu", "a CPU", 9_000), False),
        (Device("mps", "a GPU", 9_000), False),
    ],
)
def test_images_that_take_more_than_half_of_the_free_memory_of_a_gpu_stay_on_the_host(
    tiny_dataset, device, on_host
):
    parts = [tiny_dataset.train, tiny_dataset.test]  # (48 + 24) images of 64 bytes: 4,608
    assert lies_on_host(4_608, device) is on_host
    assert (why_on_host(parts, device) is not None) is on_host


def test_the_line_at_the_start_has_sizes_and_device():
    images = Images(torch.empty(3 * GIB // 2, dtype=torch.uint8, device="meta"), torch.zeros(1))
    line = why_on_host([images, images], Device("cuda:0", "a GPU", 5 * GIB))
    assert line == (
        "images stay in the host's memory, 3.0 GiB with 5.0 GiB free on cuda:0: each batch is "
        "copied while the one before it is computed"
    )


def test_an_estimate_leaves_out_the_images_that_stay_on_the_host(monkeypatch):
    wanted = config(model="softmax", model_options={}, input_size=28)
    facts = ImageFacts(channels=1, classes=10, train=10**6, test=0, side=28)
    summary = summarize_for(wanted, facts)
    found = []
    for free in (4 * 784 * 10**6, 784 * 10**6):
        device = Device("cuda:0", "a GPU", free)
        monkeypatch.setattr("core.device.choose_device", lambda name, device=device: device)
        found.append(estimate(wanted, facts, summary))
    assert found[0].memory_bytes - found[1].memory_bytes == 784 * 10**6
    assert all(cost.fits for cost in found)


@pytest.mark.cuda
@pytest.mark.parametrize("choice", CHOICES)
def test_on_a_gpu_batches_are_those_of_images_on_the_device(choice):
    images = striped_images(480, 1)
    resident = batches(images, False, "cuda", **choice)
    from_host = batches(images, True, "cuda", **choice)
    assert from_host.pixels.device.type == "cpu"
    for epoch in (1, 2):
        for index in range(len(resident)):
            ours, theirs = from_host.batch(epoch, index), resident.batch(epoch, index)
            assert torch.equal(ours[0], theirs[0])
            assert torch.equal(ours[1], theirs[1])


@pytest.mark.cuda
def test_on_a_gpu_a_batch_is_whole_while_steps_are_computed():
    """Copies, steps that take long, and memory that is freed overlap; no batch is overwritten."""
    link = Link(torch.device("cuda", 0))
    images = Images(
        torch.arange(64, dtype=torch.uint8)[:, None].expand(-1, 2**20).contiguous(),
        torch.arange(64),
    )
    ahead = Ahead(images, link)
    busy = torch.randn(4096, 4096, device="cuda")
    sums = []
    for step in range(64):
        pixels, labels = ahead.take(
            (1, step), (1, step + 1), lambda key: torch.tensor([key[1] % 64])
        )
        busy = (busy @ busy).clamp(-1, 1)
        sums.append((pixels.long().sum(), labels.sum()))
    assert [(int(p), int(n)) for p, n in sums] == [(n * 2**20, n) for n in range(64)]


@pytest.mark.cuda
def test_on_a_gpu_a_training_from_the_host_is_the_resident_one(tiny_dataset: Dataset):
    outcomes = []
    for free in (None, 1):
        device = replace(Device("cuda:0", "a GPU"), memory_free_bytes=free)
        training = prepare(config(device="cuda", loss="cross_entropy"), tiny_dataset, device)
        outcomes.append([e.loss for e in train(training) if isinstance(e, StepReport)])
    assert outcomes[0] == pytest.approx(outcomes[1], rel=1e-4)
