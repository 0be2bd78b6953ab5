import os

import pytest
import torch
from torch import nn

from core.config import command_line, make_config
from core.device import Device, device_problem
from core.errors import DeviceError
from core.events import EpochEnd
from core.experiment import run_experiment
from core.precision import check_precision, computing, outputs
from core.runs import read_facts
from core.trained import load_trained

CPU = Device("cpu", "a CPU")
GPU = Device("cuda:0", "a GPU")


def config(**changes):
    return make_config({"model": "softmax", "device": "cpu", "epochs": 1, "threads": 1} | changes)


@pytest.fixture
def bfloat16_hardware(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})


def test_float32_is_everywhere():
    for name in ("cpu", "mps", "cuda:3"):
        check_precision("float32", Device(name, "something"))


@pytest.mark.parametrize("flags", [{}, {"avx2": True, "avx512_f": True, "avx512_bf16": False}])
def test_a_processor_that_would_convert_each_number_is_refused(flags, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    with pytest.raises(DeviceError, match=r"precision = bfloat16: cpu \(a CPU\) has no") as caught:
        check_precision("bfloat16", CPU)
    assert "AVX512_BF16" in caught.value.fix


@pytest.mark.parametrize("precision", ["bfloat16", "tf32"])
def test_gpus_have_both_from_ampere_on(precision, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    check_precision(precision, GPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    with pytest.raises(DeviceError, match="has no hardware"):
        check_precision(precision, GPU)


def test_tf32_is_for_gpus_alone(bfloat16_hardware):
    check_precision("bfloat16", CPU)
    with pytest.raises(DeviceError, match="precision = tf32"):
        check_precision("tf32", CPU)


def test_nothing_is_left_of_a_run_whose_device_lacks_its_precision(tmp_path):
    with pytest.raises(DeviceError, match="Leave out --precision"):
        list(run_experiment(config(precision="tf32"), runs_dir=tmp_path))
    assert not list(tmp_path.iterdir())


def test_outputs_are_rounded_by_bfloat16_and_float32_all_the_same():
    torch.manual_seed(0)
    model, images = nn.Linear(64, 10), torch.randn(8, 64)
    exact, rounded = outputs(model, images, "float32"), outputs(model, images, "bfloat16")
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    # 8 bits of mantissa: each of 64 products, of size 1/8, is off by 2^-8 of itself at most.
    torch.testing.assert_close(exact, rounded, atol=0.05, rtol=0.02)
    rounded.sum().backward()
    assert model.weight.dtype == model.weight.grad.dtype == torch.float32


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["bfloat16", "tf32"])
def test_on_a_gpu_shorter_numbers_learn_as_float32_does(precision, tmp_path):
    scores = []
    for name in ("float32", precision):
        wanted = config(precision=name, model="lenet", device="cuda", epochs=2)
        events = run_experiment(wanted, runs_dir=tmp_path, name=name)
        scores.append([event for event in events if isinstance(event, EpochEnd)][-1].test_score)
    assert scores[1] == pytest.approx(scores[0], abs=0.05)


def test_a_run_in_bfloat16_learns_is_tested_in_it_and_says_so(bfloat16_hardware, tmp_path):
    runs = {p: tmp_path / p for p in ("float32", "bfloat16")}
    ends = {}
    for precision in runs:
        events = run_experiment(config(precision=precision), runs_dir=tmp_path, name=precision)
        ends[precision] = [event for event in events if isinstance(event, EpochEnd)][-1]
    assert ends["bfloat16"].test_score == pytest.approx(ends["float32"].test_score, abs=0.05)
    assert ends["bfloat16"].test_loss != ends["float32"].test_loss
    assert read_facts(runs["bfloat16"])["state"] == "finished"


def test_tf32_and_deterministic_algorithms_are_put_back():
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn.conv

    def now():
        return (
            matmul.fp32_precision,
            conv.fp32_precision,
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.cudnn.benchmark,
            os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        )

    before = now()
    with computing("tf32", True, GPU):
        assert now() == ("tf32", "tf32", True, False, ":4096:8")
    assert now() == before
    with pytest.raises(KeyError), computing("float32", False, GPU):
        assert now()[:3] == ("ieee", "ieee", False)
        raise KeyError
    assert now() == before


def test_an_operation_without_a_deterministic_form_ends_in_one_clear_line():
    with computing("float32", True, CPU), pytest.raises(RuntimeError) as caught:
        torch.zeros(2).put_(torch.tensor([0]), torch.ones(1))
    problem = device_problem(caught.value, GPU, 64)
    assert "has no deterministic form on cuda:0" in problem.problem
    assert "--reproducible" in problem.fix


def test_a_reproducible_run_has_one_thread_unless_it_is_told_and_the_same_bits_again(tmp_path):
    assert config(reproducible=True, threads=3).fixed_threads == 3
    wanted = config(reproducible=True, threads=None, model="lenet")
    found = []
    for name in ("one", "two"):
        torch.manual_seed(len(found))  # what else went on in this process must not matter
        list(run_experiment(wanted, runs_dir=tmp_path, name=name))
        assert read_facts(tmp_path / name)["threads"] == 1
        found.append(load_trained(tmp_path / name).model.state_dict())
    assert not torch.are_deterministic_algorithms_enabled()
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_the_command_for_a_reproducible_run_names_it_as_a_flag():
    assert command_line(config(reproducible=True))[-1] == "--reproducible"
