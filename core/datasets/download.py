"""Fetching one published file: from mirrors, resumed where it broke off, checked before it counts.

The bytes go to `<name>.part`; only when their number and MD5 are as published does the file get its
name. So a file without `.part` is whole, and a `.part` is never read as data.
"""

import hashlib
import os
import queue
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from filelock import FileLock

from core.datasets.lock import acquire
from core.errors import DataError
from core.events import Notice, Progress

REACH_SECONDS = 9.0  # to get an answer, over all mirrors: without a network a start fails in 10 s
STALL_SECONDS = 20.0  # without a byte, before a connection counts as broken
ATTEMPTS = 5  # at one mirror, each going on where the last one broke off
PROGRESS_SECONDS = 0.1


@dataclass(frozen=True)
class RemoteFile:
    """A file as it was published."""

    name: str
    size: int  # bytes
    md5: str  # what torchvision checks too


class Refused(Exception):
    """A mirror answered, but not with the file."""


def download(
    file: RemoteFile, folder: Path, mirrors: Sequence[str], *, reach_seconds: float = REACH_SECONDS
) -> Generator[Progress | Notice, None, None]:
    """Fetch `file` into `folder` from the first of `mirrors` (addresses of folders) that has it.

    Two processes do not fetch it twice: the second waits, and uses what the first one got. Closing
    the generator or Ctrl-C leaves the part that is there for the next attempt.

    Raises DataError if no mirror gives it, or if it cannot be written.
    """
    target = folder / file.name
    part = folder / f"{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{file.name}.lock", thread_local=False)
        yield from acquire(
            lock,
            f"Another process is downloading {file.name} to {folder}: waiting.",
            lambda: Progress(f"waiting for {file.name}", _size(part), file.size, "bytes"),
        )
        try:
            if not target.exists():  # or else another process has fetched it in the meantime
                yield from _fetch(file, part, mirrors, reach_seconds)
                _rename(part, target)
        finally:
            lock.release()
    except OSError as error:
        raise DataError(
            f"{file.name} cannot be written to {folder}: {error.strerror or error}.",
            f"It takes {file.size:,} bytes. Choose another folder with --data-dir, or use "
            "--data fashion-mini, which comes with nnlab.",
        ) from None


def _fetch(
    file: RemoteFile, part: Path, mirrors: Sequence[str], reach_seconds: float
) -> Generator[Progress, None, None]:
    problems = []
    for mirror in mirrors:
        url = mirror + file.name
        try:
            yield from _fetch_from(url, file, part, reach_seconds / len(mirrors))
            return
        except (httpx.HTTPError, Refused) as error:
            problems.append(f"{url} ({str(error) or type(error).__name__})")
    raise DataError(
        f"{file.name} could not be downloaded: {'; '.join(problems)}.",
        f"Put it into {part.parent} yourself, or use --data fashion-mini, which comes with nnlab.",
    )


def _fetch_from(
    url: str, file: RemoteFile, part: Path, reach_seconds: float
) -> Generator[Progress, None, None]:
    """Complete `part` from one mirror. Raises Refused or httpx.HTTPError."""
    for _ in range(ATTEMPTS):
        before = _size(part)
        if before < file.size:
            broken = None
            try:
                yield from _stream(url, file, part, reach_seconds)
            except httpx.TransportError as error:
                broken = error
            if _size(part) < file.size:
                if _size(part) <= before:  # not a byte further
                    raise broken or Refused(f"ends after {_size(part):,} of {file.size:,} bytes")
                continue
        if _size(part) == file.size and _md5(part) == file.md5:
            return
        part.unlink()
        if before == 0:
            raise Refused("is another file than the one published: its MD5 differs")
        # Otherwise the part from before may have been the bad one: once more from the start.
    raise Refused(f"broke off {ATTEMPTS} times")


def _stream(
    url: str, file: RemoteFile, part: Path, reach_seconds: float
) -> Generator[Progress, None, None]:
    """Append to `part` what is missing of it, or write it anew if the server sends it whole."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"}  # the bytes as they lie there
    if have:
        headers["Range"] = f"bytes={have}-"
    with _client(reach_seconds) as client:
        request = client.build_request("GET", url, headers=headers)
        waiting = Progress(f"downloading {file.name}", have, file.size, "bytes")
        response = yield from _answer(client, request, reach_seconds, waiting)
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise Refused("has a shorter file")
        if not response.is_success:
            raise Refused(f"answers {response.status_code} {response.reason_phrase}".rstrip())
        start = f"bytes {have}-"
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT and response.headers.get(
            "Content-Range", ""
        ).startswith(start)
        done = have if resumed else 0
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if resumed else os.O_TRUNC)
        # A link that somebody else has put into a folder for all would lead to another file.
        with os.fdopen(os.open(part, flags | os.O_NOFOLLOW, 0o666), "ab") as out:
            told = 0.0
            for chunk in response.iter_raw():
                done += len(chunk)
                if done > file.size:
                    raise Refused(f"has a longer file than the {file.size:,} bytes published")
                out.write(chunk)
                if time.monotonic() - told > PROGRESS_SECONDS or done == file.size:
                    told = time.monotonic()
                    yield Progress(f"downloading {file.name}", done, file.size, "bytes")


def _client(reach_seconds: float) -> httpx.Client:
    timeout = httpx.Timeout(STALL_SECONDS, connect=reach_seconds)
    try:
        return httpx.Client(timeout=timeout, follow_redirects=True)
    except (ImportError, ValueError, OSError) as error:  # HTTPS_PROXY, SSL_CERT_FILE and the like
        raise Refused(f"the proxy or certificate settings cannot be used: {error}") from None


def _answer(
    client: httpx.Client, request: httpx.Request, seconds: float, waiting: Progress
) -> Generator[Progress, None, httpx.Response]:
    """The response's head, or ConnectTimeout when there is none in time.

    In a thread of its own, because httpx bounds neither the name look-up (up to 30 s without a
    network) nor the sum over a server's addresses.
    """
    answer: queue.SimpleQueue[httpx.Response | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(client.send(request, stream=True))
        except Exception as error:  # raised again below, in the thread that waits for it
            answer.put(error)

    threading.Thread(target=ask, name="nnlab-download", daemon=True).start()
    deadline = time.monotonic() + seconds
    while True:
        yield waiting
        try:
            got = answer.get(timeout=min(PROGRESS_SECONDS, max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            if time.monotonic() >= deadline:
                raise httpx.ConnectTimeout(f"no answer within {seconds:g} s") from None
        else:
            if isinstance(got, Exception):
                raise got
            return got


def _rename(part: Path, target: Path) -> None:
    """Give the finished file its name, so that it is whole even after a power cut."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
