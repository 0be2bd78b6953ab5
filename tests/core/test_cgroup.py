from pathlib import Path

import pytest

from core.cgroup import memory_limit

GIB = 2**30


def machine(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A file system as Linux shows it, with these lines of /proc/self/cgroup and these files."""
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_without_limits_or_linux_there_is_none(tmp_path):
    assert memory_limit(tmp_path) is None
    files = {"sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "5\n"}
    assert memory_limit(machine(tmp_path, "0::/\n", files)) is None


def test_a_container_of_version_2_sees_its_own_limit_without_the_cache_it_would_give_back(tmp_path):
    files = {
        "sys/fs/cgroup/memory.max": f"{8 * GIB}\n",
        "sys/fs/cgroup/memory.current": f"{5 * GIB}\n",
        "sys/fs/cgroup/memory.stat": f"anon 7\ninactive_file {2 * GIB}\n",
    }
    assert memory_limit(machine(tmp_path, "0::/\n", files)) == (3 * GIB, 8 * GIB)


@pytest.mark.parametrize("path", ["/slice/job", "/path/of/the/host"])
def test_the_narrowest_limit_around_the_process_counts(tmp_path, path):
    files = {
        "sys/fs/cgroup/slice/job/memory.max": f"{4 * GIB}\n",
        "sys/fs/cgroup/slice/job/memory.current": f"{GIB}\n",
        "sys/fs/cgroup/memory.max": f"{16 * GIB}\n",
        "sys/fs/cgroup/memory.current": f"{2 * GIB}\n",
    }
    found = memory_limit(machine(tmp_path, f"0::{path}\n", files))
    assert found == ((GIB, 4 * GIB) if path == "/slice/job" else (2 * GIB, 16 * GIB))


def test_version_1_has_other_names_and_writes_no_limit_as_a_large_number(tmp_path):
    group = "sys/fs/cgroup/memory/docker/abc"
    files = {
        f"{group}/memory.limit_in_bytes": f"{2 * GIB}\n",
        f"{group}/memory.usage_in_bytes": f"{GIB}\n",
        f"{group}/memory.stat": "total_inactive_file 1024\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
    }
    groups = "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n"
    assert memory_limit(machine(tmp_path, groups, files)) == (GIB - 1024, 2 * GIB)
