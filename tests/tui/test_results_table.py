from rich.console import Console
from run_folder import write_run

from core.comparison import read_run
from tui.results_table import results_table


def test_where_there_is_little_room_names_are_cut_and_figures_stay_whole(tmp_path):
    for name, lr, score in (("a-rather-long-name", 0.5, 0.8125), ("short", 0.25, 0.75)):
        write_run(tmp_path, name, lr=lr, score=score)
    runs = [read_run(tmp_path / name) for name in ("a-rather-long-name", "short")]
    console = Console(width=56)
    with console.capture() as captured:
        console.print(results_table(runs, None, {}))
    first, second = [line.split() for line in captured.get().splitlines()[1:3]]
    assert first[0].startswith("a-")
    assert first[0].endswith("…")
    assert (first[1], first[-2]) == ("0.8125", "finished")
    assert second[1] == "0.7500"


def test_trials_whose_names_begin_alike_are_told_apart_in_80_columns(tmp_path):
    names = [f"learning-rates-{number}" for number in range(1, 11)]
    for number, name in enumerate(names):
        write_run(tmp_path, name, lr=0.5 + number, batch_size=64 + number)
    console = Console(width=60)
    with console.capture() as captured:
        console.print(results_table([read_run(tmp_path / name) for name in names], None, {}))
    shown = [line.split()[0] for line in captured.get().splitlines()[1:11]]
    assert len(set(shown)) == 10
    assert all(name.startswith("l") and "…" in name for name in shown)
    assert any(name.endswith("10") for name in shown)
