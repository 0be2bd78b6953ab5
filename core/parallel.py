"""Several processes that train one run together, by torch.distributed: nccl between GPUs, gloo
between CPUs.

core.world says which part of each batch is whose; DistributedDataParallel adds the gradients up.
Beyond that they meet a few times a second, at a step that they have agreed on the last time: there
they add up the figures of a report, and exchange what they were asked for, so that all of them do
it at the same step. Only rank 0 keeps the run's folder; it tells the others all that they need.

What goes over the wire is numbers and JSON, never pickles.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from core import clock
from core.batches import Batches
from core.checkpoint import join_optimizer, split_optimizer
from core.config import RunConfig
from core.control import Control
from core.device import Device
from core.errors import LostRank, ModelError
from core.events import Event, Waiting
from core.heartbeat import Heartbeat
from core.owner import Owner, lives, this_process
from core.precision import outputs
from core.random_state import seed_all
from core.sync_batchnorm import synchronise
from core.training import BatchSource, Position, Training
from core.world import Part, World

# As long as rank 0 may have to wait for a full disk, and twice that.
PATIENCE = timedelta(hours=2)
POLL_SECONDS = 0.2
MEETING_SECONDS = 0.5  # between two meetings, at most: what is asked for waits so long
MOST_NAMED = 4  # parameters without a gradient
PLAN = "plan"
# How gloo, nccl and the store of notes say that somebody is not there any more.
LOST = re.compile(
    r"gloo/transport|[Cc]onnection (closed|reset|refused)|[Bb]roken pipe|NCCL|remote process exited"
    r"|[Ss]ocket"
)


@dataclass(frozen=True)
class Plan:
    """What rank 0 tells the others before the first step."""

    run: str  # its name
    config: dict[str, Any]
    data_digest: str


def part_of(batches: BatchSource) -> Part:
    """Which part of the batch that was asked for last is this process'."""
    assert isinstance(batches, Batches)
    return batches.part


@dataclass(frozen=True)
class Member:
    """One of the processes, for people."""

    owner: Owner
    device: str
    device_name: str
    device_uuid: str | None


class Gathering:
    """The processes before they train: all can leave each other notes in one place."""

    def __init__(self, world: World, store: Store) -> None:
        self.world = world
        self.store = store
        self.team: Team | None = None

    def announce(self, plan: Plan | None) -> None:
        """Tell the others what is trained; None if nothing will be."""
        self.store.set(PLAN, json.dumps(plan and asdict(plan)))

    def hear(self, control: Control) -> Plan | None:
        """What rank 0 announces, which may have to wait for its images. None as soon as `control`
        wants to stop."""
        # Not store.wait, in which no signal is heard.
        while not self.store.check([PLAN]):
            if control.wants("stop"):
                return None
            control.wait(POLL_SECONDS)
        plan = json.loads(self.store.get(PLAN))
        return plan and Plan(**plan)

    def join(self, training: Training, device: Device, config: RunConfig) -> "Team":
        """Train together from now on."""
        self.team = Team(
            self.world, self.store, training, device, config.seed, config.sync_batchnorm
        )
        return self.team


@contextmanager
def gathering(world: World) -> Iterator[Gathering | None]:
    """The other processes of `world`, found by what torchrun has told; None for one alone.

    Raises LostRank where that is what an error means.
    """
    if world.size == 1:
        yield None
        return
    store, _, _ = next(rendezvous("env://", world.rank, world.size))
    # torchrun keeps the notes of an attempt that failed, and what they say is no longer so.
    others = Gathering(world, PrefixStore(f"attempt {world.restarts}", store))
    try:
        yield others
    except RuntimeError as error:
        if not is_loss(error):
            raise
        raise loss_of(others.team) from error
    finally:
        if others.team:
            others.team.close()
        elif world.rank == 0:
            with suppress(RuntimeError):  # nobody is there
                others.announce(None)


def is_loss(error: Exception) -> bool:
    """Whether `error` means that another process cannot be reached any more."""
    return isinstance(error, RuntimeError) and bool(LOST.search(str(error)))


def loss_of(team: "Team | None", run: str = "RUN") -> LostRank:
    """What to say then."""
    gone = team.gone() if team else []
    who = " and ".join(gone) or "another process of this run"
    return LostRank(
        f"{who[0].upper()}{who[1:]} {'are' if len(gone) > 1 else 'is'} gone.",
        f"Go on from the last checkpoint: nnlab resume {run}",
    )


class Team:
    """This process among those that train `training` together: what its `team` is.

    Making one waits for all others. From there on all have the weights, the state of the optimizer
    and the position of rank 0.
    """

    def __init__(
        self,
        world: World,
        store: Store,
        training: Training,
        device: Device,
        seed: int,
        sync_batchnorm: bool = False,
    ) -> None:
        self.world = world
        self.orders = Control()  # what all have agreed to do
        self._training = training
        self._store = store
        self._meeting_at = 0  # step
        self._steps_apart = 1
        self._met_at = clock.seconds()
        self._met_step = training.position.step
        where = torch.device(device.torch_name)
        on_gpu = where.type == "cuda"
        if on_gpu:
            torch.cuda.set_device(where)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
            store=PrefixStore("group", store),
            rank=world.rank,
            world_size=world.size,
            timeout=PATIENCE,
        )
        # Layers that normalise a batch by the statistics of all its parts.
        self.synchronised = (
            synchronise(training.model, lambda: part_of(training.train_batches).shared)
            if sync_batchnorm
            else 0
        )
        self._network = DistributedDataParallel(
            training.model, device_ids=[where] if on_gpu else None
        )
        self._share_state()
        if world.rank:
            # Dropout has to differ between ranks, and where rank 0 stands is what is saved.
            seed_all(hash((seed, world.rank, training.position.step)) & (2**63 - 1))
        me = Member(this_process(), device.torch_name, device.name, device.uuid)
        self.members = [
            Member(**m | {"owner": Owner(**m["owner"])}) for m in self._exchange(asdict(me))
        ]
        self.heartbeat = Heartbeat(PrefixStore("signs", store), world.rank, self._names())
        training.team = self
        training.forward = self.forward
        training.step = self.step

    @property
    def backend(self) -> str:
        """nccl or gloo."""
        return "nccl" if self.members[0].device.startswith("cuda") else "gloo"

    def close(self) -> None:
        """Leave the others."""
        self.heartbeat.stop()
        dist.destroy_process_group()

    @property
    def gpus(self) -> tuple[str, ...]:
        """The UUIDs of all GPUs that this trains on."""
        return tuple(member.device_uuid for member in self.members if member.device_uuid)

    def gone(self) -> list[str]:
        """The others on this machine whose process is there no more."""
        named = zip(self._names(), self.members, strict=True)
        return [name for name, member in named if lives(member.owner) is False]

    def _names(self) -> list[str]:
        return [
            f"rank {rank} (process {member.owner.pid} on {member.owner.host})"
            for rank, member in enumerate(self.members)
        ]

    def silence_told(self, tell: Callable[[Event], None]) -> AbstractContextManager[None]:
        """While the context lasts, `tell` is told, from a thread, who of the others is silent."""
        return self.heartbeat.heard(lambda line: tell(Waiting(line)))

    # Steps

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss of this part, and the logits, by the network that all share."""
        training = self._training
        logits = outputs(self._network, images, training.precision)
        return training.loss(logits, labels, training.label_smoothing), logits

    def step(self, images: Tensor, labels: Tensor, lr: float) -> tuple[Tensor, Tensor]:
        """One update by the gradients of all, as core.training.Step."""
        training = self._training
        for group in training.optimizer.param_groups:
            group["lr"] = lr
        loss, logits = training.forward(images, labels)
        training.optimizer.zero_grad()
        (loss * part_of(training.train_batches).weight).backward()
        self._check_gradients()
        training.optimizer.step()
        return loss.detach(), logits.detach()

    def _check_gradients(self) -> None:
        """Raises ModelError for parameters that the loss does not depend on: gradients are added up
        once all are there, and these would be waited for."""
        parameters = self._training.model.named_parameters()
        without = [name for name, p in parameters if p.requires_grad and p.grad is None]
        if without:
            names = ", ".join(without[:MOST_NAMED])
            more = f" and {len(without) - MOST_NAMED} more" if len(without) > MOST_NAMED else ""
            raise ModelError(
                f"No gradient came to {names}{more}: several processes have to use every parameter "
                "in every step.",
                "Use it in forward(), freeze it (requires_grad_(False)), or leave out --devices.",
            )

    def counts(self, batches: BatchSource) -> bool:
        """Whether this process adds up what it computed of the last batch."""
        return part_of(batches).counted

    # Meetings

    def meets(self, step: int) -> bool:
        """Whether all meet after so many steps; the same for all."""
        return step >= self._meeting_at

    def meet(self, step: int, sums: Sequence[float]) -> list[float]:
        """`sums` added up over all processes; `orders` has what any of them was asked for."""
        news = float(self._training.control.pending)
        *totals, pending, steps_apart = self.total([*sums, news, self._next_distance(step)])
        self._meeting_at = step + int(steps_apart)
        self._met_at, self._met_step = clock.seconds(), step
        if pending:
            self._hand_over()
        return totals

    def agree(self) -> None:
        """Meet without a step; `orders` has what any of them was asked for."""
        if self.total([float(self._training.control.pending)])[0]:
            self._hand_over()

    def listen(self, seconds: float) -> None:
        """Wait until somebody is asked for something, at most `seconds`; then all have it."""
        self._training.control.wait(seconds)
        self.agree()

    def total(self, values: Sequence[float]) -> list[float]:
        """The sums of `values` over all processes."""
        # On the CPU also where GPUs compute: these are few, and there already.
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor)
        return tensor.tolist()

    def _next_distance(self, step: int) -> float:
        """Steps to the next meeting: rank 0's opinion, 0 from all others, so that the sum is it."""
        if self.world.rank:
            return 0.0
        seconds, steps = clock.seconds() - self._met_at, step - self._met_step
        wanted = min(self._training.report_interval, MEETING_SECONDS)
        if steps:
            possible = int(wanted * steps / max(seconds, 1e-9))
            # At most twice as far: the last steps may have been quick for once.
            self._steps_apart = max(1, min(possible, 2 * self._steps_apart))
        return float(self._steps_apart)

    def _hand_over(self) -> None:
        """What each was asked for, in the order of ranks, becomes an order to all."""
        mine: list[dict[str, Any]] = []
        while (request := self._training.control.take()) is not None:
            mine.append(asdict(request))
        for theirs in self._exchange(mine):
            for words in theirs:
                if "text" in words:
                    self.orders.note(words["text"])
                else:
                    self.orders.send(**words)

    def _exchange(self, mine: Any) -> list[Any]:
        """What each process says, by rank, as JSON. Without the store, which may end before."""
        said = torch.frombuffer(bytearray(json.dumps(mine).encode()), dtype=torch.uint8)
        lengths = [0.0] * self.world.size
        lengths[self.world.rank] = float(len(said))
        counts = [int(length) for length in self.total(lengths)]
        padded = torch.zeros(max(counts), dtype=torch.uint8)
        padded[: len(said)] = said
        heard = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(heard, padded)
        texts = [bytes(h[:count].tolist()) for h, count in zip(heard, counts, strict=True)]
        return [json.loads(text) for text in texts]

    def _share_state(self) -> None:
        """Position and optimizer of rank 0, for everybody."""
        training = self._training
        if self.world.rank == 0:
            tensors, rest = split_optimizer(training.optimizer.state_dict())
            state = {"optimizer": rest, "position": asdict(training.position)}
            self._store.set("state", json.dumps(state))
            content = save_tensors({k: v.cpu().contiguous() for k, v in tensors.items()})
            self._store.set("tensors", str(len(content)))
            dist.broadcast(torch.frombuffer(bytearray(content), dtype=torch.uint8), 0)
        else:
            state = json.loads(self._store.get("state"))
            received = torch.empty(int(self._store.get("tensors")), dtype=torch.uint8)
            dist.broadcast(received, 0)
            tensors = load_tensors(received.numpy().tobytes())
            training.optimizer.load_state_dict(join_optimizer(tensors, state["optimizer"]))
            training.position = Position(**state["position"])
