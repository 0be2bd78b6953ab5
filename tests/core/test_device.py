from types import SimpleNamespace

import psutil
import pytest
import torch

import core.device
from core.device import Device, choose_device, is_out_of_memory, out_of_memory
from core.errors import DeviceError, OutOfMemory
from core.readings import GpuReading, GpuReadings, MigInstance

GIB = 2**30
NO_DRIVER = GpuReadings(
    problem="No GPU: the NVIDIA driver's library (libnvidia-ml.so.1) was not found.",
    fix="If there is an NVIDIA GPU, install its driver.",
)
H100 = "NVIDIA H100 80GB HBM3"


def nvml_gpu(index: int, uuid: str, free: float | None, **more) -> GpuReading:
    free_bytes = None if free is None else int(free * GIB)
    return GpuReading(index, H100, f"GPU-{uuid}", memory_free_bytes=free_bytes, **more)


@pytest.fixture
def machine(monkeypatch):
    """Makes torch and NVML see these GPUs: `cuda` are UUIDs in torch's order."""

    def see(
        cuda: tuple[str, ...],
        nvml: GpuReadings,
        *,
        built: bool = True,
        mps: bool = False,
        init: str = "No CUDA GPUs are available",
    ) -> None:
        def start_cuda() -> None:
            raise RuntimeError(init)

        monkeypatch.setattr(core.device, "read_gpus", lambda: nvml)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cuda))
        monkeypatch.setattr(torch.cuda, "init", start_cuda)
        monkeypatch.setattr(
            torch.cuda,
            "get_device_properties",
            lambda index: SimpleNamespace(name=H100, uuid=cuda[index]),
        )
        monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 16 * GIB)
        monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: GIB)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return see


def test_auto_takes_the_gpu_with_most_free_memory_and_matches_it_by_uuid(machine):
    # CUDA counts the other way round than NVML.
    machine(("bb", "aa"), GpuReadings((nvml_gpu(0, "aa", 70), nvml_gpu(1, "bb", 3))))
    best = Device("cuda:1", H100, 70 * GIB, "aa", why="the most of 2 GPUs")
    assert choose_device("auto") == best
    assert choose_device("cuda") == choose_device("auto")


def test_a_gpu_named_by_number_is_taken_however_full_it_is(machine):
    machine(("bb", "aa"), GpuReadings((nvml_gpu(0, "aa", 70), nvml_gpu(1, "bb", 3))))
    assert choose_device("cuda:0") == Device("cuda:0", H100, 3 * GIB, "bb")


def test_equally_free_gpus_are_taken_in_order(machine):
    machine(("aa", "bb"), GpuReadings((nvml_gpu(0, "aa", 70), nvml_gpu(1, "bb", 70))))
    assert choose_device("auto").torch_name == "cuda:0"


def test_free_memory_that_nvml_does_not_know_is_asked_from_torch(machine, monkeypatch):
    machine(("aa", "bb"), GpuReadings((nvml_gpu(0, "aa", 70), nvml_gpu(1, "bb", None))))
    asked = []

    def mem_get_info(name):
        asked.append(name)
        return (75 * GIB, 80 * GIB)

    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    assert choose_device("auto") == Device("cuda:1", H100, 75 * GIB, "bb", why="the most of 2 GPUs")
    assert asked == ["cuda:1"]  # asking takes memory: not from a GPU that NVML knows


def test_a_mig_instance_has_its_own_free_memory(machine):
    instance = MigInstance("MIG-cc", None, memory_free_bytes=9 * GIB)
    machine(("cc",), GpuReadings((nvml_gpu(0, "aa", 70, mig=(instance,)),)))
    assert choose_device("auto").memory_free_bytes == 9 * GIB


def test_auto_is_the_apple_gpu_where_there_is_no_other(machine):
    machine((), NO_DRIVER, mps=True)
    device = choose_device("auto")
    assert (device.torch_name, device.memory_free_bytes) == ("mps", 15 * GIB)
    assert choose_device("mps") == device


def test_auto_is_the_cpu_where_there_is_no_gpu_and_nothing_is_to_be_said(machine):
    machine((), NO_DRIVER)
    device = choose_device("auto")
    assert (device.torch_name, device.uuid, device.note) == ("cpu", None, None)
    assert 0 < device.memory_free_bytes < psutil.virtual_memory().total


def test_auto_says_why_a_gpu_that_is_there_is_not_used(machine):
    machine((), GpuReadings((nvml_gpu(0, "aa", 70),)), built=False)
    device = choose_device("auto")
    assert device.torch_name == "cpu"
    assert device.note.startswith(
        f"computing on the CPU, because there is 1 GPU ({H100}), but torch {torch.__version__} was "
        "built without CUDA. Install a torch built for CUDA"
    )


def test_cpu_is_the_cpu_even_beside_a_gpu(machine):
    machine(("aa",), GpuReadings((nvml_gpu(0, "aa", 70),)))
    assert choose_device("cpu").torch_name == "cpu"


def problem_of(name: str) -> DeviceError:
    with pytest.raises(DeviceError) as caught:
        choose_device(name)
    return caught.value


def test_a_gpu_that_is_not_there_is_an_error_that_names_those_that_are(machine, monkeypatch):
    gpus = GpuReadings(tuple(nvml_gpu(i, uuid, 70) for i, uuid in enumerate(("aa", "bb", "cc"))))
    machine(("aa", "bb"), gpus)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    error = problem_of("cuda:3")
    assert error.problem == (
        f"There is no cuda:3 here: torch sees 2 GPUs, cuda:0 ({H100}), cuda:1 ({H100}); "
        "CUDA_VISIBLE_DEVICES='0,1' hides 1 of 3."
    )
    assert error.fix == "Use cuda:0 or cuda:1, or --device auto."


@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_without_a_driver_the_error_says_so(machine, name):
    machine((), NO_DRIVER, init="Found no NVIDIA driver on your system. Please check")
    error = problem_of(name)
    assert error.problem == (
        f"There is no {name} here: the NVIDIA driver's library (libnvidia-ml.so.1) was not found."
    )
    assert error.fix.startswith("If there is an NVIDIA GPU, install its driver.")
    assert "--device cpu" in error.fix


def test_a_torch_without_cuda_is_named_beside_the_gpu_it_cannot_use(machine):
    machine((), GpuReadings((nvml_gpu(0, "aa", 70),)), built=False)
    error = problem_of("cuda:0")
    assert f"there is 1 GPU ({H100}), but torch {torch.__version__} was built without CUDA" in str(
        error
    )


def test_a_driver_that_is_too_old_is_named_with_both_versions(machine, monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    machine(
        (),
        GpuReadings((nvml_gpu(0, "aa", 70),), driver="535.54", cuda="12.2"),
        init="The NVIDIA driver on your system is too old (found version 12020). Please update",
    )
    # Slurm sets it always: it is not to blame.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    error = problem_of("cuda:0")
    assert "the NVIDIA driver 535.54 (CUDA 12.2) is too old for torch" in error.problem
    assert "(CUDA 13.2)" in error.problem
    assert error.fix.startswith("Update the driver")


def test_gpus_that_the_environment_hides_are_an_error_that_names_the_variable(machine, monkeypatch):
    machine((), GpuReadings((nvml_gpu(0, "aa", 70), nvml_gpu(1, "bb", 70))))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    error = problem_of("cuda:0")
    assert f"there are 2 GPUs ({H100}, {H100}), but CUDA_VISIBLE_DEVICES='' hides" in error.problem
    assert error.fix.startswith("Unset CUDA_VISIBLE_DEVICES")


def test_any_other_reason_is_given_in_torchs_words(machine, monkeypatch):
    nvml = GpuReadings((nvml_gpu(0, "aa", 70),))
    machine((), nvml, init="Error 802: system not yet initialized\n more")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    problem = problem_of("cuda:0").problem
    assert problem.endswith("but torch says: Error 802: system not yet initialized.")


def test_a_cuda_that_does_not_start_is_an_error_even_for_auto(machine, monkeypatch):
    machine(("aa",), GpuReadings((nvml_gpu(0, "aa", 70),)))

    def broken(index):
        raise RuntimeError("CUDA unknown error - this may be due to an incorrect setup")

    monkeypatch.setattr(torch.cuda, "get_device_properties", broken)
    assert problem_of("auto").problem.startswith("CUDA does not start: CUDA unknown error")


def test_an_apple_gpu_that_is_not_there_is_an_error(machine):
    machine((), NO_DRIVER)
    assert problem_of("mps").problem.startswith("There is no mps here")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:-1", "CPU", ""])
def test_a_name_that_no_device_can_have_is_an_error(name):
    assert problem_of(name).problem == f"There is no device called {name!r}."


CUDA_FULL = (  # as torch 2.11 says it
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.25 GiB of "
    "which 12.25 GiB is free. Including non-PyTorch memory, this process has 66.99 GiB memory in "
    "use. Of the allocated memory 66.30 GiB is allocated by PyTorch, and 5.00 MiB is reserved."
)


def test_out_of_memory_says_batch_size_memory_and_what_to_try(machine):
    machine(("aa",), GpuReadings((nvml_gpu(0, "aa", 12),)))
    error = out_of_memory(torch.OutOfMemoryError(CUDA_FULL), Device("cuda:0", H100), 4096)
    assert isinstance(error, OutOfMemory)
    assert error.problem == (
        f"cuda:0 ({H100}) is out of memory at batch size 4096: 20.0 GiB asked for, 12.2 GiB free."
    )
    assert error.fix == "Try --batch-size 2048."


@pytest.mark.parametrize(
    ("free", "fix"),
    [
        (88, "Try --batch-size 2048, or --device cuda:1 (88.0 GiB free)."),
        (86, "Try --batch-size 2048."),  # 66.99 GiB in use and 20 more do not fit
    ],
)
def test_another_gpu_is_offered_if_it_has_room_for_all_of_it(machine, free, fix):
    machine(("aa", "bb"), GpuReadings((nvml_gpu(0, "aa", 12), nvml_gpu(1, "bb", free))))
    error = out_of_memory(torch.OutOfMemoryError(CUDA_FULL), Device("cuda:0", H100), 4096)
    assert error.fix == fix


def test_out_of_memory_on_mps_and_without_figures_still_says_what_to_try():
    full = "MPS backend out of memory (MPS allocated: 17.00 GB). Tried to allocate 256.00 MB on"
    error = out_of_memory(RuntimeError(full), Device("mps", "Apple M2 GPU"), 1)
    assert error.problem.endswith("at batch size 1: 256.0 MiB asked for.")
    assert error.fix == "Try a smaller network."
    error = out_of_memory(RuntimeError("CUDA error: out of memory"), Device("mps", "x"), 64)
    assert error.problem == "mps (x) is out of memory at batch size 64."


def test_the_cpu_running_out_of_memory_is_told_from_torchs_own_error():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    error = out_of_memory(caught.value, Device("cpu", "Some CPU"), 64)
    # 10**15 bytes are 931,322.6 GiB.
    assert "cpu (Some CPU) is out of memory at batch size 64: 931322.6 GiB asked" in error.problem
    assert " GiB free." in error.problem
    assert error.fix == "Try a smaller network."


@pytest.mark.parametrize(
    ("asked", "batch_size", "advice"),
    [
        ("20.00 GiB", 100, "--batch-size 50"),
        ("240.00 GiB", 4096, "--batch-size 1024"),  # 79.2 GiB of at least 307 needed
        ("250.00 GiB", 3, "a smaller network"),
    ],
)
def test_the_batch_size_to_try_follows_from_the_memory_that_was_short(asked, batch_size, advice):
    full = CUDA_FULL.replace("Tried to allocate 20.00 GiB", f"Tried to allocate {asked}")
    assert asked in full
    error = out_of_memory(torch.OutOfMemoryError(full), Device("mps", H100), batch_size)
    assert error.fix == f"Try {advice}."


def test_what_means_that_memory_ran_out():
    assert is_out_of_memory(torch.OutOfMemoryError(CUDA_FULL))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert not is_out_of_memory(RuntimeError("shape '[2]' is invalid for input of size 3"))
    assert not is_out_of_memory(ValueError("out of memory"))
