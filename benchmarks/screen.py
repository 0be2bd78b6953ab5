"""What the dashboard writes to its terminal while it trains: `python -m benchmarks.screen
[--seconds 20] [--save FILE.json] [--compare FILE.json]`.

`nnlab tui` in a pseudo-terminal of two sizes, its bytes counted from the first score on: what a
connection has to carry, once the first frame is there.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time

from benchmarks.results import Results, options

NNLAB = "from tui.cli import main; main()"
TRAINING = ["tui", "--start", "mlp", "--epochs", "100000", "--threads", "1"]
SIZES = ((120, 40), (200, 60), (80, 24))  # columns and rows
WARM_UP = 5.0  # seconds of training; the axes still grow quickly


def written(width: int, height: int, seconds: float) -> float:
    """Bytes a second that the dashboard writes in a terminal of that size."""
    with tempfile.TemporaryDirectory() as folder:
        pid, terminal = pty.fork()
        if not pid:
            size = struct.pack("HHHH", height, width, 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.environ.update(NNLAB_RUNS=folder, XDG_STATE_HOME=folder)
            os.execv(sys.executable, [sys.executable, "-c", NNLAB, *TRAINING])
        try:
            read_until(terminal, "● training".encode())
            read_for(terminal, WARM_UP)
            began = time.perf_counter()
            count = read_for(terminal, seconds)
            return count / (time.perf_counter() - began)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(terminal)


def read_until(terminal: int, text: bytes) -> None:
    """Read until the program has written `text`."""
    seen = b""
    while text not in seen:
        if not select.select([terminal], [], [], 120)[0]:
            raise TimeoutError(f"never {text!r}, but {seen[-200:]!r}")
        seen += os.read(terminal, 65536)


def read_for(terminal: int, seconds: float) -> int:
    """How many bytes come in the next `seconds`."""
    end, count = time.perf_counter() + seconds, 0
    while (left := end - time.perf_counter()) > 0:
        if select.select([terminal], [], [], left)[0]:
            count += len(os.read(terminal, 65536))
    return count


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    results = Results()
    for width, height in SIZES:
        bytes_per_second = written(width, height, given.seconds)
        results.add(f"{width}x{height}", "KiB/s", bytes_per_second / 1024)
    results.tell(given)


if __name__ == "__main__":
    main()
