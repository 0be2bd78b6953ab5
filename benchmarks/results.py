"""What the benchmarks found: a table, JSON, bars, and the ratio to a saved result."""

import argparse
import json
import platform
from pathlib import Path


def options(doc: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark can be asked."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--save", type=Path, metavar="FILE.json")
    parser.add_argument("--compare", type=Path, metavar="FILE.json", help="a saved result")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="needs matplotlib")
    return parser


class Results(dict[str, float]):
    """Figures by name, in the order of the table, each with its unit."""

    def __init__(self) -> None:
        super().__init__()
        self.units: dict[str, str] = {}

    def add(self, name: str, unit: str, value: float) -> None:
        self[name], self.units[name] = value, unit

    def tell(self, given: argparse.Namespace) -> None:
        """Print, save and draw them, as the options say."""
        said = {
            "python": platform.python_version(),
            "results": {
                name: {"value": value, "unit": self.units[name]} for name, value in self.items()
            },
        }
        if given.json:
            print(json.dumps(said, indent=1))
        else:
            before = json.loads(given.compare.read_text())["results"] if given.compare else {}
            self._print({name: row["value"] for name, row in before.items()})
        if given.save:
            given.save.write_text(json.dumps(said, indent=1) + "\n")
        if given.picture:
            self._draw(given.picture)

    def _print(self, before: dict[str, float]) -> None:
        width = max(map(len, self)) + 2
        for name, value in self.items():
            line = f"{name:<{width}}{value:>12,.3f} {self.units[name]:<6}"
            if before.get(name):
                line += f"{value / before[name]:>7.2f} of before"
            print(line.rstrip())

    def _draw(self, file: Path) -> None:
        import matplotlib.pyplot as plt

        units = list(dict.fromkeys(self.units.values()))
        figure, axes = plt.subplots(len(units), 1, figsize=(8, 0.35 * len(self) + len(units)))
        for ax, unit in zip([axes] if len(units) == 1 else axes, units, strict=True):
            names = [name for name in self if self.units[name] == unit][::-1]
            bars = ax.barh(names, [self[name] for name in names], color="#0a7")
            ax.bar_label(bars, fmt="%.3g", padding=2, fontsize=8)
            ax.set_title(unit, fontsize=10)
            ax.margins(x=0.15)
            ax.tick_params(labelsize=8)
        figure.tight_layout()
        figure.savefig(file, dpi=120)
