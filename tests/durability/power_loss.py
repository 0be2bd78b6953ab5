"""What a disk may hold after the power has failed, from the log that shim.c has written.

The rules are those of POSIX, on which a journaling file system can only improve: the bytes of a
file are on the disk after fsync of the file, its name after fsync of its folder. Of what came
later, writes may be there, torn or not at all, each file for itself; changes to a folder are there
up to some point in their order.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass
class File:
    """The writes (offset, bytes) and truncations (size, None) of a file, in order."""

    changes: list[tuple[int, bytes | None]] = field(default_factory=list)
    synced: int = 0  # how many of them are on the disk for sure

    def content(self, choose: random.Random, keep: float) -> bytes:
        """`keep` is the chance of each unsynced change to be there."""
        done = self.changes[: self.synced]
        for at, data in self.changes[self.synced :]:
            if choose.random() < keep:
                done.append((at, data))
            elif data and keep and choose.random() < 0.5:
                done.append((at, data[: choose.randrange(len(data))]))  # torn
        content = bytearray()
        for at, data in done:
            if data is None:
                content = content[:at].ljust(at, b"\0")
            else:
                content = content.ljust(at, b"\0")
                content[at : at + len(data)] = data
        return bytes(content)


@dataclass
class Folder:
    """Its entries now, and the changes that led there: each sets or removes some names at once."""

    now: dict[str, "Node"] = field(default_factory=dict)
    changes: list[dict[str, "Node | None"]] = field(default_factory=list)
    synced: int = 0

    def change(self, names: dict[str, "Node | None"]) -> None:
        self.changes.append(names)
        _apply(self.now, names)

    def entries(self, choose: random.Random, keep: float) -> dict[str, "Node"]:
        left = len(self.changes) - self.synced
        cut = 0 if not keep else left if keep == 1 else choose.randint(0, left)
        entries: dict[str, Node] = {}
        for names in self.changes[: self.synced + cut]:
            _apply(entries, names)
        return entries


Node = File | Folder


def _apply(entries: dict[str, Node], names: dict[str, Node | None]) -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


class Disk:
    """The folder `root` as the operations done to it make it."""

    def __init__(self, root: str) -> None:
        self._root = PurePosixPath(root)
        self.top = Folder()
        self._open: dict[int, Node] = {}

    def do(self, operation: str, data: bytes) -> None:
        kind, _, rest = operation.partition(" ")
        match kind:
            case "open":
                fd, created, path = rest.split(" ", 2)
                if created == "1":
                    self._enter(path, File())
                self._open[int(fd)] = self._at(path)
            case "write":
                fd, at, _ = rest.split()
                self._file(fd).changes.append((int(at), data))
            case "truncate":
                fd, size = rest.split()
                self._file(fd).changes.append((int(size), None))
            case "fsync":
                node = self._at(rest.split(" ", 1)[1])
                node.synced = len(node.changes)
            case "mkdir":
                self._enter(rest, Folder())
            case "unlink" | "rmdir":
                self._enter(rest, None)
            case "rename":
                old, new = rest.split("\t")
                assert PurePosixPath(old).parent == PurePosixPath(new).parent
                node = self._at(old)
                names = {PurePosixPath(old).name: None, PurePosixPath(new).name: node}
                self._folder(new).change(names)

    def after_power_loss(self, place: Path, choose: random.Random, keep: float) -> None:
        """Make the new folder `place` of what is left."""
        _write(self.top, place, choose, keep)

    def _file(self, fd: str) -> File:
        node = self._open[int(fd)]
        assert isinstance(node, File)
        return node

    def _at(self, path: str) -> Node:
        node: Node = self.top
        for name in PurePosixPath(path).relative_to(self._root).parts:
            assert isinstance(node, Folder)
            node = node.now[name]
        return node

    def _folder(self, path: str) -> Folder:
        node = self._at(str(PurePosixPath(path).parent))
        assert isinstance(node, Folder)
        return node

    def _enter(self, path: str, node: Node | None) -> None:
        self._folder(path).change({PurePosixPath(path).name: node})


def _write(folder: Folder, place: Path, choose: random.Random, keep: float) -> None:
    place.mkdir()
    for name, node in folder.entries(choose, keep).items():
        if isinstance(node, Folder):
            _write(node, place / name, choose, keep)
        else:
            (place / name).write_bytes(node.content(choose, keep))


def read_log(log: Path) -> Iterator[tuple[str, bytes]]:
    """The operations of shim.c, with the bytes of those that write."""
    with log.open("rb") as file:
        for line in file:
            operation = line.decode().rstrip("\n")
            words = operation.split(" ")
            yield operation, file.read(int(words[3])) if words[0] == "write" else b""
