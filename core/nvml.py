"""Asking NVIDIA's library (NVML) one thing, where every sensor may be missing."""

from collections.abc import Callable
from typing import Any

import pynvml

# The library has to be opened again, for instance after the driver was loaded anew.
CLOSED = (pynvml.NVMLError_Uninitialized, pynvml.NVMLError_DriverNotLoaded)
# This one GPU has nothing more to say.
GONE = (
    pynvml.NVMLError_GpuIsLost,
    pynvml.NVMLError_ResetRequired,
    pynvml.NVMLError_GpuNotFound,
)


def ask(query: Callable[..., Any], *args: Any, fatal: tuple = (*CLOSED, *GONE)) -> Any:
    """What NVML answers; None for a sensor that this GPU, driver or user does not have."""
    try:
        return query(*args)
    except fatal:
        raise
    except pynvml.NVMLError:
        # NotSupported, FunctionNotFound in an old library, NoPermission, NotFound, Unknown ...
        return None
    except UnicodeDecodeError:  # pynvml decodes names as UTF-8
        return None
