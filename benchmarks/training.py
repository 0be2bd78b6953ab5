"""How long training takes: nnlab, its peers, and the bare step, on the same work.

    python -m benchmarks.training [--work lenet,mlp] [--peers ours,textbook] [--rounds 5]
        [--data fashion-mini] [--data-dir DIR] [--images N] [--epochs 1] [--threads 1]
        [--device cuda]
        [--save FILE.json] [--against FILE.json] [--picture FILE.png] [--json]

Each peer (benchmarks/peers, one a file) lives in a process of its own and trains when it is its
turn: A B C, A B C, ... so that what else the machine does hits all of them. Printed are medians:
of the wall time of an epoch with its evaluation, of the process's CPU time, and of the ratio to
nnlab in the same round. On a shared machine only the ratios mean much. `make bench-peers` makes an
environment that has the peers; without it, those that are not installed are named and left out.
So are, on a GPU, those that train on the CPU here.

    ours               nnlab as `nnlab train` runs it, with its run folder
    ours_graph         the same with --executor graph, on a GPU alone
    bare               forward, backward, step on batches that are ready: the limit
    plain              a plain loop over tensors in memory
    textbook           torchvision's data set, ToTensor, DataLoader, .item() at every step
    lightning_default, lightning_lean, skorch_net, fastai_learner, keras_model
"""

import argparse
import json
import multiprocessing
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing.connection import Connection
from os import devnull
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers import Work

PEERS = (
    *("ours", "bare", "plain", "textbook"),
    *("lightning_default", "lightning_lean", "skorch_net", "fastai_learner", "keras_model"),
)
ON_GPU = ("ours", "ours_graph", "bare", "plain", "textbook")
WORK = {
    "softmax": Work("softmax"),
    "mlp": Work("mlp"),
    "lenet": Work("lenet"),
    "lenet_bn": Work("lenet_bn"),
    "resnet18": Work("resnet18", "stem=cifar", images=1024, batch_size=64),
    "alexnet": Work("alexnet", images=256, batch_size=32, input_size=224),
}


@dataclass(frozen=True)
class Round:
    """One peer's turn."""

    wall: float  # seconds
    cpu: float  # seconds of the process, all threads


def measure(work: Work, peers: list[str], rounds: int, threads: int) -> dict[str, list[Round]]:
    """Every peer's turns in order; the first one, which warms up, is left out."""
    with ExitStack() as stack:
        workers = {p: stack.enter_context(worker(p, work, threads)) for p in peers}
        taken: dict[str, list[Round]] = {peer: [] for peer in peers}
        for number in range(rounds + 1):
            for peer, pipe in workers.items():
                pipe.send("fit")
                answer = pipe.recv()
                if number:
                    taken[peer].append(answer)
    return taken


@contextmanager
def worker(peer: str, work: Work, threads: int) -> Iterator[Connection]:
    """A process that has prepared `peer` and trains once for each message."""
    context = multiprocessing.get_context("spawn")
    pipe, far_end = context.Pipe()
    process = context.Process(target=_serve, args=(far_end, peer, work, threads), daemon=True)
    process.start()
    far_end.close()  # so that a worker that died is an EOFError here, not a wait for ever
    yield pipe
    pipe.close()
    process.join()


def _serve(pipe: Connection, peer: str, work: Work, threads: int) -> None:
    torch.set_num_threads(threads)
    with Path(devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        fit = import_module(f"benchmarks.peers.{peer}").prepare(work)
        while True:
            try:
                pipe.recv()
            except EOFError:
                return
            wall, cpu = time.perf_counter(), time.process_time()
            fit()
            pipe.send(Round(time.perf_counter() - wall, time.process_time() - cpu))


def figures(taken: dict[str, list[Round]], epochs: int) -> dict[str, dict[str, float]]:
    """Medians over the rounds: seconds an epoch, and times nnlab's, in the same round."""
    ours = taken.get("ours") or next(iter(taken.values()))
    return {
        peer: {
            "seconds": statistics.median(r.wall for r in rounds) / epochs,
            "cpu_seconds": statistics.median(r.cpu for r in rounds) / epochs,
            "times_ours": statistics.median(
                r.wall / o.wall for r, o in zip(rounds, ours, strict=True)
            ),
            "cpu_times_ours": statistics.median(
                r.cpu / o.cpu for r, o in zip(rounds, ours, strict=True)
            ),
        }
        for peer, rounds in taken.items()
    }


def on(device: str) -> tuple[str, ...]:
    """The peers that train on `device`."""
    return PEERS if device == "cpu" else ON_GPU


def installed(peers: Sequence[str], device: str) -> list[str]:
    """Those of `peers` that train on `device` and whose package is there; the others are named."""
    found = []
    for peer in peers:
        if peer not in on(device):
            print(f"{peer}: not on {device} here")
            continue
        source = (Path(__file__).parent / "peers" / f"{peer}.py").read_text()
        needs = source.partition('NEEDS = "')[2].partition('"')[0]
        if needs and find_spec(needs) is None:
            print(f"{peer}: {needs} is not installed (make bench-peers has it)")
        else:
            found.append(peer)
    return found


def versions() -> dict[str, str]:
    """What was measured with what."""
    packages = ("torch", "torchvision", "lightning", "skorch", "fastai", "keras")
    return {"python": platform.python_version()} | {
        name: version(name) for name in packages if find_spec(name)
    }


def show(
    name: str, found: dict[str, dict[str, float]], before: dict[str, dict[str, float]]
) -> None:
    """A table of one network; `before` is a saved result of the same."""
    print(f"\n{name:<19}{'s/epoch':>9}{'CPU s':>9}{'/ ours':>9}{'CPU':>7}", end="")
    print(f"{'before':>9}" if before else "")
    for peer, row in found.items():
        print(f"{peer:<19}{row['seconds']:>9.3f}{row['cpu_seconds']:>9.3f}", end="")
        print(f"{row['times_ours']:>9.2f}{row['cpu_times_ours']:>7.2f}", end="")
        print(f"{before[peer]['times_ours']:>9.2f}" if peer in before else "")


def draw(results: dict[str, dict[str, dict[str, float]]], file: Path) -> None:
    """Bars of the time relative to nnlab's, a group for each network."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(3.2 * len(results), 3.4), squeeze=False)
    for ax, (name, found) in zip(axes[0], results.items(), strict=True):
        peers = list(found)[::-1]
        ratios = [found[peer]["times_ours"] for peer in peers]
        bars = ax.barh(peers, ratios, color=["#0a7" if p == "ours" else "#999" for p in peers])
        ax.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
        ax.margins(x=0.2)
        ax.set_title(name, fontsize=10)
        ax.tick_params(labelsize=8)
    figure.supxlabel("time of an epoch / nnlab's", fontsize=9)
    figure.tight_layout()
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", default="softmax,mlp,lenet")
    parser.add_argument("--peers", help="default: all that --device has")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default="fashion-mini")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--images", type=int, help="train on the first so many")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--save", type=Path, metavar="FILE.json")
    parser.add_argument("--against", type=Path, metavar="FILE.json")
    parser.add_argument("--picture", type=Path, metavar="FILE.png")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    peers = given.peers.split(",") if given.peers else on(given.device)
    peers = installed(peers, given.device)
    before: dict[str, Any] = json.loads(given.against.read_text()) if given.against else {}
    results, works = {}, {}
    for name in given.work.split(","):
        work = replace(WORK[name], data=given.data, data_dir=given.data_dir, epochs=given.epochs)
        work = replace(work, images=given.images or work.images, device=given.device)
        works[name] = {k: v for k, v in asdict(work).items() if k != "data_dir"}
        results[name] = figures(measure(work, peers, given.rounds, given.threads), work.epochs)
        if not given.json:
            show(name, results[name], before.get("results", {}).get(name, {}))
    said = {
        "work": works,
        "rounds": given.rounds,
        "threads": given.threads,
        "versions": versions(),
        "results": results,
    }
    if given.json:
        print(json.dumps(said, indent=1))
    if given.save:
        given.save.write_text(json.dumps(said, indent=1) + "\n")
    if given.picture:
        draw(results, given.picture)


if __name__ == "__main__":
    main()
