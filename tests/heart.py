"""A table such as the heart.csv of note 000, section 2, made from a seed: nobody's data."""

import csv
from pathlib import Path

import numpy as np

COLUMNS = (
    *("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak"),
    *("slope", "ca", "thal", "target"),
)
THALS = ("fixed", "normal", "reversible")


def heart_rows(count: int = 303, seed: int = 0) -> list[list[str]]:
    """Rows below COLUMNS. `chol` and `thal` are missing here and there; `target` depends on age,
    thalach, oldpeak and thal, and on chance; thalach falls with age."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        age, sex, cp = random.integers(29, 78), random.integers(2), random.integers(1, 5)
        thalach = round(220 - age + random.normal(0, 12))
        oldpeak = round(abs(random.normal(1, 1)), 1)
        thal = THALS[random.integers(3)]
        risk = (age - 54) / 9 - (thalach - 165) / 15 + oldpeak + 2 * (thal == "reversible") - 1.5
        sick = risk + random.logistic(0, 0.5) > 0
        chol = "" if random.random() < 0.05 else random.integers(150, 400)
        values = [age, sex, cp, random.integers(94, 200), chol, random.integers(2)]
        values += [random.integers(3), thalach, random.integers(2), oldpeak, random.integers(1, 4)]
        values += [random.integers(4), "" if random.random() < 0.03 else thal, int(sick)]
        rows.append([str(value) for value in values])
    return rows


def write_heart(path: Path, count: int = 303, seed: int = 0, **format: str) -> Path:
    """Write the table; `format` goes to csv.writer."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, **format)  # type: ignore[arg-type]
        writer.writerow(COLUMNS)
        writer.writerows(heart_rows(count, seed))
    return path
