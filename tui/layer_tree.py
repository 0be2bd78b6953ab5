"""The layers of a network as a tree of modules, for the screen of a network."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.summary import LayerRow, Summary


@dataclass(frozen=True)
class LayerNode:
    """A layer, or a module with those in it."""

    name: str  # as in named_modules
    label: str  # the last part of it
    row: "LayerRow | None" = None  # None: only the name is known
    children: "list[LayerNode]" = field(default_factory=list)


def tree_of(summary: "Summary") -> list[LayerNode]:
    """The children of the network, in the order of their first call."""
    modules = {r.name: LayerNode(r.name, _last(r.name), r) for r in summary.modules if _whole(r)}
    top = modules.pop("", None) or LayerNode("", "")
    for row in summary.modules:
        if _whole(row):
            node = modules.get(row.name)
        elif row.part == "layer":
            node = LayerNode(row.name, _last(row.name), row)
        elif row.params + row.shared_params + row.macs:  # what a module does besides its layers
            _home(row.name, modules, top).children.append(LayerNode(row.name, "(itself)", row))
            continue
        else:
            continue
        if node is not None:
            _home(row.name.rpartition(".")[0], modules, top).children.append(node)
    return top.children


def tree_of_names(names: Iterable[str]) -> list[LayerNode]:
    """The same where nothing but the names of the layers is known."""
    top = LayerNode("", "")
    modules: dict[str, LayerNode] = {"": top}
    for name in names:
        parts = name.split(".") if name else []
        for depth in range(1, len(parts) + 1):
            path = ".".join(parts[:depth])
            if path not in modules:
                modules[path] = LayerNode(path, parts[depth - 1])
                modules[".".join(parts[: depth - 1])].children.append(modules[path])
    return top.children or [top]


def count(nodes: Iterable[LayerNode]) -> int:
    """All of them, those inside included."""
    return sum(1 + count(node.children) for node in nodes)


def _whole(row: "LayerRow") -> bool:
    return row.part == "whole"


def _last(name: str) -> str:
    return name.rpartition(".")[2] or "(network)"


def _home(name: str, modules: dict[str, LayerNode], top: LayerNode) -> LayerNode:
    """The nearest module around what is called `name`, or itself."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return modules.get(name, top)
