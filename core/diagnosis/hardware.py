"""Rules on what a run does with its machine, from its reports and from what the sensors say."""

from statistics import median

from core.diagnosis.finding import Finding, Readings
from core.readings import GpuReading, bare_uuid, find_gpu
from core.view import RunView

REPORTS = 20  # two seconds' worth by default
WAITING = 0.4  # part of the time; batches of a small network on a CPU cost up to a fifth


def data_bound(view: RunView, _: Readings) -> Finding | None:
    """Much of the time goes into getting batches."""
    if len(view.reports) < REPORTS or not view.start:
        return None
    waiting = median(report.data_wait for report in view.reports[-REPORTS:])
    if waiting < WAITING:
        return None
    return Finding(
        "data-bound",
        f"{waiting:.0%} of the time is spent getting batches.",
        f"Try --batch-size {2 * view.start.batch_size}"
        + ("." if view.start.table else ", a smaller --input-size or fewer --augmentation."),
    )


READINGS = 10  # seconds, at one a second; an evaluation or a checkpoint is shorter
IDLE = 0.5  # part of the time with a kernel running


def gpu_underused(view: RunView, readings: Readings) -> Finding | None:
    """The GPU waits for the CPU to launch kernels: the steps are too small for it."""
    gpus = _own_gpu(view, readings[-READINGS:])
    busy = [gpu.utilisation for gpu in gpus if gpu.utilisation is not None]
    if len(busy) < READINGS or not view.start or not view.reports:
        return None
    if median(busy) >= IDLE:
        return None
    return Finding(
        "GPU underused",
        f"The GPU computes {median(busy):.0%} of the time: its steps on "
        f"{view.start.batch_size} {view.start.samples} are short.",
        f"Try --batch-size {4 * view.start.batch_size}.",
    )


FULL = 0.95  # part of the memory; the next larger batch or another program would be too much


def memory_nearly_full(view: RunView, readings: Readings) -> Finding | None:
    """On the GPU of the run, or in the machine."""
    if not view.start or not readings or view.end:
        return None
    host = readings[-1].host
    places = [("The machine", host.memory_used_bytes, host.memory_total_bytes)]
    for gpu in _own_gpu(view, readings[-1:]):
        places.insert(0, ("The GPU", *_memory(gpu, view.start.device_uuid)))
    for where, used, total in places:
        if used and total and used > FULL * total:
            return Finding(
                "memory nearly full",
                f"{where} has {(total - used) / 2**30:.1f} of {total / 2**30:.1f} GiB left.",
                f"Try --batch-size {max(view.start.batch_size // 2, 1)}, or end other programs.",
            )
    return None


def _own_gpu(view: RunView, readings: Readings) -> list[GpuReading]:
    """The GPU that the run computes on, in each of the readings that has it."""
    uuid = view.start.device_uuid if view.start else None
    found = [find_gpu(uuid, reading.gpu.gpus) for reading in readings]
    return [gpu for gpu in found if gpu]


def _memory(gpu: GpuReading, uuid: str | None) -> tuple[int | None, int | None]:
    """Used and whole, of the MIG instance if it is one that has the UUID."""
    for part in gpu.mig:
        if part.uuid and uuid and bare_uuid(part.uuid) == bare_uuid(uuid):
            return part.memory_used_bytes, part.memory_total_bytes
    return gpu.memory_used_bytes, gpu.memory_total_bytes
