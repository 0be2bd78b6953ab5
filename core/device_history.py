"""What the device of a run and the machine around it did, as events among those of the training.

So every dashboard of the run has the same curves, also one that is opened later or elsewhere.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import closing

from core.events import DeviceFigures, Event, StepReport
from core.readings import DeviceReading, find_gpu
from core.sampler import DeviceSampler

SHORTEST, LONGEST = 2.0, 10.0  # seconds between two events
PART = 1 / 60  # of the time so far: a long run needs no more of them than a short one shows


def with_device_history(
    events: Generator[Event, None, None], uuid: str | None, sampler: DeviceSampler | None = None
) -> Iterator[Event]:
    """Pass `events` on, and now and then after a report how the GPU `uuid` and the host are doing.

    A run that is over within seconds takes no reading at all.
    """
    sampler = sampler or DeviceSampler(SHORTEST)
    began = time.monotonic()
    due = began + SHORTEST
    started, told = False, None
    try:
        with closing(events):
            for event in events:
                yield event
                now = time.monotonic()
                if now < due or not isinstance(event, StepReport):
                    continue
                if not started:
                    sampler.start()
                    started = True
                elif (reading := sampler.latest) is not told and reading is not None:
                    told = reading
                    due = now + min(max((now - began) * PART, SHORTEST), LONGEST)
                    yield device_figures(event.step, reading, uuid)
    finally:
        if started:
            sampler.stop()


def device_figures(step: int, reading: DeviceReading, uuid: str | None) -> DeviceFigures:
    """What is recorded of a reading; of GPUs only the one with this `uuid`."""
    gpu, host = find_gpu(uuid, reading.gpu.gpus), reading.host
    return DeviceFigures(
        step,
        gpu=gpu.utilisation if gpu else None,
        gpu_memory_bytes=gpu.memory_used_bytes if gpu else None,
        gpu_power_watts=gpu.power_watts if gpu else None,
        gpu_temperature_celsius=gpu.temperature_celsius if gpu else None,
        cpu=host.cpu,
        memory_bytes=host.memory_used_bytes,
        time=reading.time,
    )
