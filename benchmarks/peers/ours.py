"""nnlab as `nnlab train` runs it: reports, sums, a recorded run folder and its checkpoints."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from benchmarks.peers import Work
from core.config import Executor
from core.events import RunStart
from core.experiment import run_experiment


def prepare(work: Work, executor: Executor = "eager") -> Callable[[], None]:
    dataset = work.dataset
    config = work.config.model_copy(update={"executor": executor})

    def loaded(*_: object) -> Iterator[None]:
        # Peers find their images ready too.
        return dataset
        yield

    def fit() -> None:
        with tempfile.TemporaryDirectory() as runs_dir:
            for event in run_experiment(config, runs_dir=Path(runs_dir)):
                # A run that fell back to eager steps is not what was to be measured.
                assert not isinstance(event, RunStart) or event.executor == executor

    return patch("core.prepare.load", loaded)(fit)
