"""What devices and a run say together: where its time goes, and what it does with the power."""

from core.readings import DeviceReading, find_gpu
from core.view import RunView
from tui.format import percent, size


def run_figures(view: RunView, reading: DeviceReading, peak_bytes: int | None) -> tuple[str, ...]:
    """Texts to set beside the devices; none before the first report of the run.

    `peak_bytes` is the most memory that the run was seen with.
    """
    start, last = view.start, view.last
    if start is None or last is None:
        return ()
    figures = [f"data wait {percent(last.data_wait, 0)}  compute {percent(1 - last.data_wait, 0)}"]
    gpu = find_gpu(start.device_uuid, reading.gpu.gpus)
    # Another state than training has another power, and the last report's throughput.
    if gpu is not None and gpu.power_watts and view.state == "training":
        each = last.samples_per_second / gpu.power_watts
        figures.append(f"{each:.3g} {start.samples}/J")
    if peak_bytes is not None:
        figures.append(f"peak memory {size(peak_bytes)}")
    return tuple(figures)


def memory_of_run(view: RunView, reading: DeviceReading) -> int | None:
    """Bytes that this process holds: of the GPU it trains on, or of the host if on none.

    None where the driver does not tell, as from inside many containers.
    """
    if view.start is None:
        return None
    if view.start.device_uuid is None:
        return reading.host.process_memory_bytes
    gpu = find_gpu(view.start.device_uuid, reading.gpu.gpus)
    held = [p.memory_bytes for p in (gpu and gpu.processes) or () if p.ours and p.memory_bytes]
    return sum(held) if held else None
