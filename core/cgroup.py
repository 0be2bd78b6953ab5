"""How much memory this process may use where that is limited, as in a container (Linux cgroups).

https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max) and cgroup-v1/memory.html
"""

from pathlib import Path

# Version 1 writes "no limit" as the largest multiple of a page.
NO_LIMIT = 2**62


def memory_limit(root: Path = Path("/")) -> tuple[int, int] | None:
    """Bytes used and allowed by the narrowest limit around this process; None without one.

    Page cache that the kernel gives back when it is needed does not count as used.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return None
    mounted = root / "sys/fs/cgroup"
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2, alone or beside version 1
            names = ("memory.current", "memory.max", "inactive_file")
            found += _limits(mounted, path, *names)
        elif "memory" in controllers.split(","):
            names = ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file")
            found += _limits(mounted / "memory", path, *names)
    return min(found, key=lambda limit: limit[1], default=None)


def _limits(
    mounted: Path, path: str, used: str, limit: str, given_back: str
) -> list[tuple[int, int]]:
    """The limits of a group and of those around it.

    In a container the path may be that of the host, which is not here: then the container's own
    group is what is mounted.
    """
    group = mounted / path.lstrip("/")
    found = []
    for folder in [group, *group.parents]:
        if not folder.is_relative_to(mounted):
            break
        most, now = _number(folder / limit), _number(folder / used)
        if most is not None and now is not None and most < NO_LIMIT:
            found.append((max(now - _statistic(folder, given_back), 0), most))
    return found


def _number(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max" is no limit


def _statistic(folder: Path, name: str) -> int:
    try:
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.split()[0] == name), 0)
