"""Commands to copy: what to type next about a run."""

import shlex
from pathlib import Path

from core.runs import default_runs_dir


def next_command(verb: str, run: Path) -> str:
    """`nnlab VERB NAME` for the run in the folder `run`, as it works from where the user is."""
    return shlex.join(["nnlab", verb, *run_words(run)])


def run_words(run: Path) -> list[str]:
    """How a command names the run in the folder `run`."""
    elsewhere = run.parent != default_runs_dir()
    return [run.name, *(["--runs-dir", str(run.parent)] if elsewhere else [])]
