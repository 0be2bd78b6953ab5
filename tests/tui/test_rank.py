import json

import pytest

from core.config import make_config
from core.errors import ConfigError, RunError
from core.world import ALONE, World
from tui.rank import follow_rank, start_or_go_on, torchruns_world

ONE = make_config({"model": "mlp"})
TWO = make_config({"model": "mlp", "devices": 2})


def test_without_torchrun_a_process_is_alone():
    assert torchruns_world(TWO) == ALONE


def test_under_torchrun_the_number_of_devices_is_not_for_us_to_choose(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert torchruns_world(ONE).launched
    with pytest.raises(ConfigError, match="torchrun has started the processes already"):
        torchruns_world(TWO)


def test_an_environment_that_makes_no_sense_is_told(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(ConfigError, match="many"):
        torchruns_world(ONE)


def test_a_run_that_torchrun_starts_again_needs_a_name(tmp_path):
    world = World(0, 2, 0, 2, restarts=1, launched=True)
    with pytest.raises(RunError, match="--name"):
        next(start_or_go_on(world, ONE, None, runs_dir=tmp_path))


def test_torchrun_is_told_why_a_process_failed(tmp_path, monkeypatch):
    file = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))

    def start(control):
        raise RunError("It is broken.", "Mend it.")

    with pytest.raises(RunError):
        follow_rank(ALONE, start, None, as_json=True)
    told = json.loads(file.read_text())
    assert (told["problem"], told["lost"]) == ("It is broken.", False)
