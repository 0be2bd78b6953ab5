"""Commands to copy: what to type next about a run."""

import shlex
from pathlib import Path

from core.runs import default_runs_dir


def next_command(verb: str, run: Path) -> str:
    """`nnlab VERB NAME` for the run in the folder `run`, as it works from where the user is."""
    words = ["nnlab", verb, run.name]
    if run.parent != default_runs_dir():
        words += ["--runs-dir", str(run.parent)]
    return shlex.join(words)
