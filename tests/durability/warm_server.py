"""Imported by the fork server alone, before its first child: what a first network costs in imports
is paid here, once."""

import trainee

from core.device import choose_device
from core.prepare import prepare

loading = trainee.load_small("", None)
try:
    while True:
        next(loading)
except StopIteration as end:
    prepare(trainee.config(), end.value, choose_device("cpu"))
