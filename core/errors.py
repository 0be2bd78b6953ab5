"""Problems that a person can fix. Any other exception is a bug and keeps its traceback.

NNLabError
├── UnknownName       a name that no registry knows
├── ConfigError       a setting, or several, that cannot work
├── QueryError        a query for runs that cannot be understood
├── ModelError        a network that cannot be built or trained
├── DataError         images or tables that are missing, damaged or unreadable
├── DeviceError       a device that is not there
├── OutOfMemory       the device cannot hold this run
├── RunError          a run folder that is missing, damaged or in use
├── LostRank          another process of the same run is gone
└── TrainingDiverged  the loss is no longer a number
"""


class NNLabError(Exception):
    """Something the user can fix: what is wrong, with the value, and what to do next."""

    exit_code = 1

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem} {fix}")
        self.problem = problem
        self.fix = fix


class UnknownName(NNLabError):
    """A name that no registry knows."""

    exit_code = 2


class ConfigError(NNLabError):
    """A setting, or several at once, that cannot work."""

    exit_code = 2


class QueryError(NNLabError):
    """A query for runs that cannot be understood; `position` counts its characters from 1."""

    exit_code = 2

    def __init__(self, problem: str, fix: str, position: int) -> None:
        super().__init__(f"Character {position} of the query: {problem}", fix)
        self.position = position


class ModelError(NNLabError):
    """A network that cannot be built or trained."""


class DataError(NNLabError):
    """Images or tables that are missing, damaged or unreadable."""


class DeviceError(NNLabError):
    """A device that is not there."""


class OutOfMemory(NNLabError):
    """The device cannot hold this run."""


class RunError(NNLabError):
    """A run folder that is missing, damaged or in use."""


class LostRank(NNLabError):
    """Another process of the same run is gone."""


class TrainingDiverged(NNLabError):
    """The loss is no longer a number."""
