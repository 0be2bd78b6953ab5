"""Names that would command a terminal, break markup or turn text around; and what they must not do.

`lab` puts them wherever a name can come from outside: folders of classes, files, a network's
layers, a run's rows and facts.
"""

import json
import shutil
import unicodedata
import zlib
from pathlib import Path

from PIL import Image

from core.runs import write_facts

# A title for the window, C1's CSI, a clearing of the screen, markup, and text from right to left.
# No slash, so that it can be a file's name.
NASTY = "\x1b]0;PWNED\x07\x9b2J\x1b[2J[red]\u202egpj\u2066\u200b\u2028\u00ad\x7f🦊"
LONG = "é" * 120
NAMES = (NASTY, f"{LONG}\n\r\t", "[bold]plain")  # as folders of classes; the third sorts last

NET = """
from torch import nn

NASTY = {nasty!r}


def net(in_channels, num_classes):
    model = type(NASTY, (nn.Sequential,), {{}})()
    model.add_module(NASTY.replace(".", ""), nn.Conv2d(in_channels, 2, 3))
    model.add_module("[/x]", nn.Flatten())
    model.add_module("out", nn.Linear(2 * 6 * 6, num_classes))
    return model


def broken(in_channels, num_classes):
    raise ValueError(NASTY)
"""


def commanding(text: str) -> set[str]:
    """The characters of `text` that no command of nnlab may print: \\n alone is its own."""
    categories = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return {c for c in text if c != "\n" and unicodedata.category(c) in categories}


def make_lab(folder: Path) -> Path:
    """Images, a network and files with hostile names, below a folder with one. Returns that."""
    lab = folder / f"lab {NASTY}"
    for part, count in (("train", 4), ("test", 2)):
        for label, name in enumerate(NAMES):
            place = lab / "images" / part / name
            place.mkdir(parents=True)
            for i in range(count):
                Image.new("L", (8, 8), 40 * label + i).save(place / f"{i}.png")
            (place / f"{NASTY}.txt").touch()
    Image.new("L", (8, 8), 7).save(lab / f"{NASTY}.png")
    (lab / "damaged.png").write_bytes(b"\x1b]0;PWNED\x07" * 9)
    (lab / f"{NASTY}.py").write_text(NET.format(nasty=NASTY))
    (lab / "broken.toml").write_text(f"model = 'mlp'\nlr = {NASTY!r}\n", encoding="utf-8")
    (lab / "settings.toml").write_text(
        f"model = 'mlp'\n{json.dumps(NASTY)} = 1\ndata = {json.dumps(NASTY)}\n", encoding="utf-8"
    )
    return lab


def poison(run: Path, copy: str) -> Path:
    """A copy of `run` whose rows and facts, with their checksums right, are hostile."""
    poisoned = run.with_name(copy)
    shutil.copytree(run, poisoned)
    facts = json.loads((run / "run.json").read_text())
    for name in ("state", "model", "data", "device", "problem", "host", "user"):
        facts[name] = f"{NASTY}[/x]{facts.get(name)}"
    write_facts(poisoned, facts)
    rows = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    lines = []
    for row in rows:
        del row["crc"]
        for name in ("text", "model", "data", "device_name", "reason", "problem", "fix"):
            if isinstance(row.get(name), str):
                row[name] = f"{NASTY}[/x]{row[name]}"
        text = json.dumps(row)
        lines.append(f'{text[:-1]}, "crc": "{zlib.crc32(text.encode()):08x}"}}\n')
    (poisoned / "events.jsonl").write_text("".join(lines))
    return poisoned
