"""What the tests of the data sets share."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from small_data import Mirror, save_image


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    state = Mirror()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if state.silent:
                state.silent.wait(30)
            wanted = self.headers.get("Range")
            state.ranges.append(wanted)
            content = state.files.get(self.path.lstrip("/"))
            if target := state.moved.get(self.path.lstrip("/")):
                self.send_response(301)
                self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if content is None:
                self.send_error(404)
                return
            total, start = len(content), 0
            if wanted and state.knows_ranges:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= total:
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            else:
                self.send_response(200)
            if state.declares_length:
                self.send_header("Content-Length", str(total - start))
            self.send_header("Connection", "close")
            self.end_headers()
            stop = state.breaks_after.pop(0) if state.breaks_after else None
            self.wfile.write(content[start : None if stop is None else start + stop])
            self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass  # a client that hangs up is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/"
    yield state
    if state.silent:
        state.silent.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """A folder of two classes, 6 + 4 training and 3 + 2 test images, of 12x8 pixels."""
    folder = tmp_path / "flowers"
    for part, counts in (("train", (6, 4)), ("test", (3, 2))):
        for name, count in zip(("rose", "tulip"), counts, strict=True):
            for i in range(count):
                seed = 100 * len(part) + 10 * len(name) + i
                save_image(folder / part / name / f"{i}.png", seed=seed)
    return folder
