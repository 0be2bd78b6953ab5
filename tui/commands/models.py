"""nnlab models: the networks that come with nnlab."""

import json as json_module
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import typer

from tui.format import shape
from tui.options import Json

GAP = "  "  # between two columns


def models(json: Json = False) -> None:
    """List the networks: what they are, where they come from, how large they are.

    Parameters are those for the default input and ten classes, or one number.

    Examples:
      nnlab models
      nnlab models --json | jq -r '.[].name'
    """
    found = describe_all()
    if json:
        print(json_module.dumps(found))
        return
    is_terminal = sys.stdout.isatty()
    # What reads a pipe wants one line for each.
    titles, *lines = table(found, shutil.get_terminal_size().columns if is_terminal else None)
    typer.secho(titles, bold=is_terminal)
    print("\n".join(lines))


def describe_all() -> list[dict[str, Any]]:
    """Name, summary, source, parameters, default input (C, H, W) and recipe of each network."""
    import torch

    from core.build import build_model, default_input_shape, default_outputs
    from core.models import MODELS
    from core.shapes import ShapesOnly

    found = []
    for declared in MODELS.declared.values():
        images = default_input_shape(declared.name)
        with torch.device("meta"), ShapesOnly():
            model = build_model(
                declared.name, images[0], default_outputs(declared.name), input_size=images[1]
            )
        found.append(
            {
                "name": declared.name,
                "summary": declared.summary,
                "source": declared.facts["source"],
                "params": sum(p.numel() for p in model.parameters()),
                "input_shape": list(images),
                "recipe": declared.facts.get("recipe", {}),
            }
        )
    return found


def table(found: Sequence[dict[str, Any]], width: int | None) -> list[str]:
    """The titles and a line for each network, the smallest first.

    Where `width` columns are too few for that, what a network is has a line of its own, below it.
    """
    rows = [("name", "params", "input", "source", "what it is")]
    for network in sorted(found, key=lambda n: n["params"]):
        rows.append(
            (
                network["name"],
                f"{network['params']:,}",
                shape(tuple(network["input_shape"])),
                network["source"],
                network["summary"],
            )
        )
    names, params, inputs, sources, abouts = (max(map(len, c)) for c in zip(*rows, strict=True))
    lines = []
    for name, count, images, source, about in rows:
        columns = (f"{name:<{names}}", f"{count:>{params}}", f"{images:>{inputs}}")
        start = GAP.join((*columns, f"{source:<{sources}}"))
        if width is None or len(start) + len(GAP) + abouts <= width:
            lines.append(f"{start}{GAP}{about}")
        elif not lines:
            lines.append(start.rstrip())
        else:
            lines += [start.rstrip(), f"{GAP}{about}"]
    return lines
