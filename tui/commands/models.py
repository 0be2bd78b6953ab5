"""nnlab models: the networks that come with nnlab."""

import json as json_module
from typing import Any

from tui.options import Json


def models(json: Json = False) -> None:
    """List the networks: what they are, where they come from, how large they are.

    Parameters are those for one channel and ten classes at the default input.

    Examples:
      nnlab models
      nnlab models --json | jq -r '.[].name'
    """
    found = describe_all()
    if json:
        print(json_module.dumps(found))
    else:
        print_table(found)


def describe_all() -> list[dict[str, Any]]:
    """Name, summary, source, parameters, default input (C, H, W) and recipe of each network."""
    import torch

    from core.build import build_model
    from core.models import MODELS
    from core.shapes import ShapesOnly

    found = []
    for declared in MODELS.declared.values():
        side = declared.facts["input_size"]
        with torch.device("meta"), ShapesOnly():
            parameters = build_model(declared.name, 1, 10, input_size=side).parameters()
        found.append(
            {
                "name": declared.name,
                "summary": declared.summary,
                "source": declared.facts["source"],
                "params": sum(p.numel() for p in parameters),
                "input_shape": [1, side, side],
                "recipe": declared.facts.get("recipe", {}),
            }
        )
    return found


def print_table(found: list[dict[str, Any]]) -> None:
    """A row for each network, the smallest first."""
    from rich.table import Column, Table

    from tui.console import console
    from tui.format import shape

    table = Table(
        Column("name", no_wrap=True),
        Column("params", justify="right", no_wrap=True),
        Column("input", justify="right", no_wrap=True),
        Column("what it is"),
        Column("source"),
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for network in sorted(found, key=lambda n: n["params"]):
        table.add_row(
            network["name"],
            f"{network['params']:,}",
            shape(tuple(network["input_shape"])),
            network["summary"],
            network["source"],
        )
    console().print(table)
