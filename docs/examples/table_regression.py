"""A run from Python: linear regression on a CSV file, and its weights in the file's own units.

python docs/examples/table_regression.py
"""

import csv
import random
import tempfile
from pathlib import Path

from core.config import make_config
from core.events import EpochEnd
from core.experiment import run_experiment
from core.trained import load_trained


def write_table(path: Path) -> None:
    """Note 000's line, y = 2 a - 3.4 b + 4.2 and a little noise; a is given in thousands."""
    chance = random.Random(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["a", "b", "y"])
        for _ in range(500):
            a, b = chance.gauss(0, 1), chance.gauss(0, 1)
            rows.writerow([1000 * a, b, 2 * a - 3.4 * b + 4.2 + chance.gauss(0, 0.01)])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "line.csv"
        write_table(table)
        settings = {"model": "linear", "data": str(table), "target": "y", "threads": 1}
        run = Path(folder) / "runs" / "line"
        for event in run_experiment(make_config(settings), runs_dir=run.parent, name="line"):
            if isinstance(event, EpochEnd) and event.epoch == 10:
                print(f"R² {event.test_score:.3f}")
        trained = load_trained(run, device="cpu")
        assert trained.encoding is not None
        # The network saw (a - mean) * factor and predicts (y - mean) / spread: both taken back.
        _, layer = trained.model.children()
        weights = layer.weight[0] * trained.scale.factor.flatten() * trained.encoding.target_spread
        for name, weight in zip(trained.encoding.features, weights.tolist(), strict=True):
            print(f"{name}: {weight:.2g}")


if __name__ == "__main__":
    main()
