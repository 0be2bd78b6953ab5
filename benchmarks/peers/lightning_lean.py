"""Lightning with all that can be turned off turned off, over batches of tensors in memory."""

from collections.abc import Callable

from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
)

from benchmarks.peers import Work
from benchmarks.peers.lightning_default import fitting

NEEDS = "lightning"


def prepare(work: Work) -> Callable[[], None]:
    def loader(part: str, shuffle: bool) -> DataLoader:
        data = TensorDataset(*work.tensors(getattr(work.dataset, part)))
        order = RandomSampler(data) if shuffle else SequentialSampler(data)
        # A sampler of whole batches: TensorDataset indexes a batch at once.
        return DataLoader(data, None, sampler=BatchSampler(order, work.batch_size, False))

    return fitting(
        work,
        loader("train", True),
        loader("test", False),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
