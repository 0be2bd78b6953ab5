import re
import shlex
from pathlib import Path

from core.config import make_config
from core.reproduction import Experiment, Figure, Shapes, Training
from core.reproduction.experiments import EXPERIMENTS
from core.reproduction.page import page
from core.reproduction.results import Outcome, read_results, write_results

ROOT = Path(__file__).parents[3]
MEASURED = Experiment(
    "measured",
    "A measured one",
    "note 000, 1",
    Training({"model": "mlp", "data": "mnist", "lr": 0.1, "epochs": 2}),
    (Figure("test_accuracy", 0.81), Figure("test_accuracy", 0.1, epoch=1, judged=False)),
    minutes=1,
    remark="It differs.",
)
LARGE = Experiment(
    "large", "A large one", "note 000, 2", Training({"model": "alexnet"}), (Figure("x_loss", 0.5),)
)
TABLE = Experiment("table", "Shapes", "note 000, 3", Shapes("lenet", 28, (("conv1", (6, 28, 28)),)))


def outcome(seed: int, figures: dict, epochs: tuple = ()) -> Outcome:
    return Outcome(
        seed, figures, epochs, 90.0 + seed, "cpu", "A CPU", 1, "", {"python": "3", "torch": "2"}
    )


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]


def test_published_and_ours_stand_side_by_side(tmp_path):
    results = read_results(tmp_path, MEASURED)
    for seed, accuracy in enumerate((0.80, 0.82)):
        epochs = ({"test_accuracy": 0.1}, {"test_accuracy": accuracy})
        results = results.with_outcome(outcome(seed, {"test_accuracy": accuracy}, epochs))
    write_results(tmp_path, MEASURED, results)
    text = page([MEASURED], tmp_path)
    first = rows(text)[1]
    assert first[:5] == [
        "[measured](#measured)", "test accuracy", "0.81", "0.8100 ± 0.0141", "2"
    ]  # fmt: skip
    assert first[5:] == ["reached", "90.5 s", "A CPU, 1 thread"]
    assert "test accuracy, epoch 1 | 0.1 | 0.1000 ± 0.0000 | 2 | not compared" in text
    assert "It differs." in text
    assert "- seed 1: 0.1000 0.8200" in text
    assert "Measured with python 3, torch 2." in text


def test_the_command_on_the_page_is_the_experiment(tmp_path):
    text = page(EXPERIMENTS, tmp_path)
    command = re.search(r"### trashnet-cifar10.*?^    (nnlab train .*?)$", text, re.S | re.M)[1]
    _, _, model, *options = shlex.split(command)
    values = {o[2:].replace("-", "_"): v for o, v in zip(options[::2], options[1::2], strict=True)}
    entry = next(e for e in EXPERIMENTS if e.name == "trashnet-cifar10")
    assert make_config({"model": model, **values}) == make_config(entry.setting.values)


def test_what_was_not_run_says_why(tmp_path):
    text = page([MEASURED, LARGE], tmp_path)
    assert "| not run |" in text
    assert "| not run: needs a GPU |" in text
    assert "Smaller checks" not in text
    assert "Measured with" not in text


def test_a_smaller_check_has_a_table_of_its_own_and_proves_no_figure(tmp_path):
    quick = read_results(tmp_path, LARGE, quick=True)
    quick = quick.with_outcome(outcome(0, {"first_loss": 2.3, "last_loss": 1.25}))
    write_results(tmp_path, LARGE, quick)
    text = page([LARGE], tmp_path)
    assert "| not run: needs a GPU |" in text
    assert ["large", "2.3", "1.25", "yes", "90.0 s", "A CPU, 1 thread"] in rows(text)


def test_a_table_of_shapes_is_one_row(tmp_path):
    results = read_results(tmp_path, TABLE)
    figures = {"shapes": 1.0, "wrong_shapes": 0.0}
    write_results(tmp_path, TABLE, results.with_outcome(outcome(0, figures)))
    row = rows(page([TABLE], tmp_path))[1]
    assert row[1:6] == ["shapes", "1 layers", "1 of 1 layers", "1", "reached"]


def test_every_experiment_is_on_the_page_and_every_link_leads_somewhere(tmp_path):
    text = page(EXPERIMENTS, tmp_path)
    headings = set(re.findall(r"^### (.+)$", text, re.M))
    assert headings == {e.name for e in EXPERIMENTS} == set(re.findall(r"\]\(#(.+?)\)", text))
    figures, _, corrections = text.partition("## Where the notes are wrong")
    for part, bars in ((figures, 9), (corrections, 5)):
        assert {line.count("|") for line in part.splitlines() if line.startswith("|")} == {bars}


def test_what_the_corrections_point_to_is_there(tmp_path):
    corrections = page(EXPERIMENTS, tmp_path).partition("## Where the notes are wrong")[2]
    paths = re.findall(r"`((?:core|docs)/[^`]+)`", corrections)
    assert len(paths) >= 4
    assert [path for path in paths if not (ROOT / path).is_file()] == []
