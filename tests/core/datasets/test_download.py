import resource
import socket
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock
from small_data import Mirror, finish, notices, remote

from core.datasets import download as module
from core.datasets.download import download
from core.errors import DataError
from core.events import Progress

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes
FILE = remote("images.gz", CONTENT)
NOBODY = "http://127.0.0.1:9/"  # the discard port: refused at once


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "images.gz.part"


def fetch(folder: Path, *mirrors: str, **options: float) -> list:
    return finish(download(FILE, folder, mirrors, **options))[1]


def test_a_file_is_fetched_whole_and_leaves_no_part(tmp_path, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    said = fetch(tmp_path / "new/folder", mirror.url)
    assert (tmp_path / "new/folder/images.gz").read_bytes() == CONTENT
    assert not (tmp_path / "new/folder/images.gz.part").exists()
    assert said[-1] == Progress("downloading images.gz", len(CONTENT), len(CONTENT), "bytes")
    assert all(isinstance(s, Progress) and s.done <= len(CONTENT) for s in said)


def test_a_part_is_continued_where_it_ends(tmp_path, part, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    part.write_bytes(CONTENT[:300_000])
    fetch(tmp_path, mirror.url)
    assert (tmp_path / "images.gz").read_bytes() == CONTENT
    assert mirror.ranges == ["bytes=300000-"]


def test_a_server_that_ignores_ranges_sends_it_whole(tmp_path, part, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    mirror.knows_ranges = False
    part.write_bytes(CONTENT[:300_000])
    fetch(tmp_path, mirror.url)
    assert (tmp_path / "images.gz").read_bytes() == CONTENT
    assert mirror.ranges == ["bytes=300000-"]


def test_a_part_with_wrong_bytes_is_fetched_again_from_the_start(tmp_path, part, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    part.write_bytes(b"x" * 300_000)
    fetch(tmp_path, mirror.url)
    assert (tmp_path / "images.gz").read_bytes() == CONTENT
    assert mirror.ranges == ["bytes=300000-", None]


@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more", b"y" * len(CONTENT)])
def test_a_part_that_is_complete_or_too_long_is_judged_by_its_checksum(
    tmp_path, part, mirror: Mirror, left
):
    mirror.files["images.gz"] = CONTENT
    part.write_bytes(left)
    fetch(tmp_path, mirror.url)
    assert (tmp_path / "images.gz").read_bytes() == CONTENT
    assert mirror.ranges == ([] if left == CONTENT else [None])


@pytest.mark.parametrize("declares_length", [True, False])
def test_a_connection_that_breaks_off_is_taken_up_again(tmp_path, mirror: Mirror, declares_length):
    mirror.files["images.gz"] = CONTENT
    mirror.declares_length = declares_length
    mirror.breaks_after = [100_000, 200_000]
    fetch(tmp_path, mirror.url)
    assert (tmp_path / "images.gz").read_bytes() == CONTENT
    assert mirror.ranges == [None, "bytes=100000-", "bytes=300000-"]


def test_a_server_that_always_breaks_off_is_given_up_and_the_part_is_kept(
    tmp_path, part, mirror: Mirror
):
    mirror.files["images.gz"] = CONTENT
    mirror.breaks_after = [1000] * 100
    with pytest.raises(DataError, match="broke off"):
        fetch(tmp_path, mirror.url)
    assert part.read_bytes() == CONTENT[: 1000 * module.ATTEMPTS]


def test_wrong_bytes_never_get_the_files_name(tmp_path, part, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT[:-1] + b"!"
    with pytest.raises(DataError, match="its MD5 differs"):
        fetch(tmp_path, mirror.url)
    assert not (tmp_path / "images.gz").exists()
    assert not part.exists()


@pytest.mark.parametrize("declares_length", [True, False])
def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path, mirror: Mirror, declares_length):
    mirror.files["images.gz"] = CONTENT * 20
    mirror.declares_length = declares_length
    with pytest.raises(DataError, match="has a longer file"):
        fetch(tmp_path, mirror.url)
    assert not (tmp_path / "images.gz").exists()


def test_a_file_that_is_too_short_is_refused(tmp_path, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT[:5000]
    with pytest.raises(DataError, match="has a shorter file"):
        fetch(tmp_path, mirror.url)


def test_the_second_mirror_is_used_when_the_first_is_down_or_lacks_it(tmp_path, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    fetch(tmp_path, NOBODY, mirror.url + "not/here/", mirror.url)
    assert (tmp_path / "images.gz").read_bytes() == CONTENT


def test_what_one_mirror_gave_is_completed_by_the_next(tmp_path, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    mirror.files["bad/images.gz"] = CONTENT[:200_000]
    fetch(tmp_path, mirror.url + "bad/", mirror.url)
    assert (tmp_path / "images.gz").read_bytes() == CONTENT
    assert mirror.ranges[-1] == "bytes=200000-"


def test_without_a_network_one_error_names_addresses_folder_and_a_way_out(tmp_path):
    with pytest.raises(DataError) as caught:
        fetch(tmp_path, NOBODY, "http://127.0.0.1:9/b/")
    assert f"{NOBODY}images.gz (" in caught.value.problem
    assert "http://127.0.0.1:9/b/images.gz (" in caught.value.problem
    assert str(tmp_path) in caught.value.fix
    assert "--data fashion-mini" in caught.value.fix


def test_servers_that_do_not_answer_are_given_up_within_the_time_for_all(tmp_path, mirror: Mirror):
    mirror.silent = threading.Event()
    started = time.monotonic()
    with pytest.raises(DataError, match=r"no answer within 0\.2 s.*no answer within 0\.2 s"):
        fetch(tmp_path, mirror.url, mirror.url + "b/", reach_seconds=0.4)
    assert 0.4 <= time.monotonic() - started < module.REACH_SECONDS
    assert module.REACH_SECONDS < 10


def test_a_name_look_up_that_hangs_is_given_up_too(tmp_path, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: over.wait(30) and [])
    started = time.monotonic()
    try:
        with pytest.raises(DataError, match=r"no answer within 0\.3 s"):
            fetch(tmp_path, "http://data.example/", reach_seconds=0.3)
        assert time.monotonic() - started < module.REACH_SECONDS
    finally:
        over.set()


def test_a_second_process_waits_and_uses_what_the_first_one_got(tmp_path, part, mirror: Mirror):
    part.write_bytes(b"123")
    with FileLock(tmp_path / ".images.gz.lock"):
        second = download(FILE, tmp_path, [mirror.url])
        assert "Another process is downloading images.gz" in notices([next(second)])[0]
        assert next(second) == Progress("waiting for images.gz", 3, len(CONTENT), "bytes")
        part.rename(tmp_path / "images.gz")  # the first one is done
    finish(second)
    assert mirror.ranges == []


def test_leaving_in_the_middle_keeps_the_part_and_frees_the_lock(tmp_path, part, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    mirror.breaks_after = [200_000]
    loading = download(FILE, tmp_path, [mirror.url])
    for event in loading:
        if event.done:
            break
    loading.close()  # what Ctrl-C comes to
    kept = part.stat().st_size
    assert 0 < kept <= 200_000
    fetch(tmp_path, mirror.url)
    assert mirror.ranges == [None, f"bytes={kept}-"]
    assert (tmp_path / "images.gz").read_bytes() == CONTENT


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written") as caught:
        fetch(tmp_path / "file/folder", NOBODY)
    assert "--data-dir" in caught.value.fix


def test_a_disk_without_room_is_one_error(tmp_path, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DataError, match="File too large"):
            fetch(tmp_path, mirror.url)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_proxy_settings_that_httpx_cannot_use_are_named(tmp_path, monkeypatch, mirror: Mirror):
    monkeypatch.setenv("HTTP_PROXY", "nonsense://proxy")
    with pytest.raises(DataError, match="proxy or certificate settings cannot be used"):
        fetch(tmp_path, mirror.url)


def test_redirections_are_followed_for_as_long_as_they_lead_somewhere(tmp_path, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    mirror.moved = {"old/images.gz": "/images.gz", "loop/images.gz": "/loop/images.gz"}
    fetch(tmp_path, mirror.url + "loop/", mirror.url + "old/")
    assert (tmp_path / "images.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "//", "\x1b[2J"])
def test_a_redirection_to_something_else_than_the_web_leads_nowhere(tmp_path, mirror, target):
    mirror.moved = {"images.gz": target}
    with pytest.raises(DataError, match="could not be downloaded"):
        fetch(tmp_path, mirror.url)
    assert not (tmp_path / "images.gz").exists()


def test_where_a_redirection_without_https_leads_the_checksum_decides(tmp_path, mirror: Mirror):
    mirror.files["evil/images.gz"] = bytes(len(CONTENT))
    mirror.moved = {"images.gz": f"{mirror.url}evil/images.gz"}
    with pytest.raises(DataError, match="MD5 differs"):
        fetch(tmp_path, mirror.url)
    assert not (tmp_path / "images.gz").exists()


def test_a_link_in_place_of_the_part_is_not_written_through(tmp_path, part, mirror: Mirror):
    mirror.files["images.gz"] = CONTENT
    (tmp_path / "mine").write_text("whole")
    part.symlink_to(tmp_path / "mine")
    with pytest.raises(DataError, match="cannot be written"):
        fetch(tmp_path, mirror.url)
    assert (tmp_path / "mine").read_text() == "whole"
