import pytest

from core.device import Device
from core.exactness import conditions, why_not_exact

HERE = Device("cpu", "a CPU")


def test_the_same_conditions_have_nothing_to_tell():
    assert why_not_exact(conditions("mlp", HERE, 1), conditions("mlp", HERE, 1)) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"device": "cuda"}, "device cpu, was cuda"),
        ({"device name": "another CPU"}, "device name a CPU, was another CPU"),
        ({"CPU threads": 8}, "CPU threads 1, was 8"),
        ({"executor": "compile"}, "executor eager, was compile"),
        ({"precision": "bfloat16"}, "precision float32, was bfloat16"),
        ({"torch": "2.0.0"}, "was 2.0.0"),
        ({"python": "3.9.1"}, "was 3.9.1"),
    ],
)
def test_what_changes_the_bits_is_named_with_both_values(change, told):
    now = conditions("mlp", HERE, 1)
    line = why_not_exact(now | change, now)
    assert line.startswith("not bit for bit")
    assert line.endswith(told)


def test_a_changed_file_of_a_users_network_is_named(tmp_path):
    file = tmp_path / "net.py"
    file.write_text("one")
    before = conditions(f"{file}:Net", HERE, 1)
    file.write_text("two")
    now = conditions(f"{file}:Net", HERE, 1)
    assert why_not_exact(before, now).endswith(": the network's file")
