"""What somebody does in an hour with nnlab, in a real terminal, one key after another."""

import pytest
from pseudo_terminal import echoes, train_score
from run_folder import write_run

from core.events import ControlApplied
from core.record import read_events

ESCAPE = "\x1b"


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24)])
def test_somebody_trains_steers_looks_inside_compares_and_leaves(
    open_terminal, tmp_path, width, height
):
    write_run(tmp_path / "runs", "earlier")
    terminal = open_terminal("tui", width=width, height=height)
    terminal.until("fashion-mini")

    def press(keys: str, *seen: str) -> str:
        """Type `keys`, and wait until the screen shows all of this."""
        terminal.child.send(keys)
        return terminal.until(lambda text: all(part in text for part in seen))

    press("/", "esc Leave")
    press("lenet", "▸ lenet")
    press("\r", "● training", "/10 ", "Pause")
    press(" ", "‖ paused", "Resume")
    press("+", "How many epochs more?")
    press("990\r", "/1000")
    press("l", "Peak learning rate from the next step on")
    press("0.002", "0.002 ")
    terminal.child.send("\r")
    terminal.until(lambda text: "Peak learning rate" not in text)
    press(" ", "● training", "Pause")
    # The curves live: an epoch, its score, and more after it.
    terminal.until(lambda text: "★" in text and "best test" in text)
    score = train_score(terminal.until(train_score))
    terminal.until(lambda text: train_score(text) not in (None, score))

    press("m", "conv1", "Fold")
    press(ESCAPE, "● training", "Pause")
    press("i", "inside ", "conv1.weight")
    press(ESCAPE, "● training", "Pause")
    press("r", "2 of 2 runs", "earlier", "training")
    press("  ", "2 selected")
    press("=", "settings that differ", "A ", "B ", "test loss", "Back")
    press(ESCAPE, "2 of 2 runs")
    press("?", "Compare the selected runs", "esc close")
    terminal.child.send(ESCAPE)
    terminal.until(lambda text: "esc close" not in text)
    press("q", "This run is still training.", "Stop and leave")
    terminal.child.send("y")

    assert terminal.end() == 0
    assert terminal.modes_left_on() == []
    assert echoes(terminal)
    farewell = terminal.written.decode().rpartition("\x1b[?1049l")[2]
    assert "of 1000 epochs" in farewell
    (run,) = [path for path in (tmp_path / "runs").iterdir() if path.name != "earlier"]
    applied = [event for event in read_events(run) if isinstance(event, ControlApplied)]
    assert [event.request for event in applied] == ["pause", "epochs", "lr", "resume", "stop"]
    assert [event.value for event in applied if event.request == "lr"] == [0.002]
