"""Fifty processes at once on one folder of runs, and on one run."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from trainee import resume, start, train

from core.errors import RunError
from core.run_lock import hold
from core.runs import list_runs, read_info

MANY = 50


def outcomes(fork, call, *arguments) -> tuple[list[str], list[str]]:
    """What became of MANY processes that do the same at once: the names of the runs that began,
    and the problems of the others."""
    ends = [fork(call, *arguments)[1] for _ in range(MANY)]
    began, problems = [], []
    for heard in ends:
        news = heard.recv()
        if "row" in news:
            began.append(news["row"]["run"])
            news = heard.recv()
            assert news == {"problem": ""}
        else:
            problems.append(news["problem"])
    return began, problems


@pytest.mark.slow
def test_of_fifty_starts_with_one_name_exactly_one_has_it(fork, memory_folder):
    began, problems = outcomes(fork, start, memory_folder, "mine")
    assert began == ["mine"]
    assert all("There is a run called 'mine'" in problem for problem in problems)
    assert len(problems) == MANY - 1
    assert read_info(memory_folder / "mine").state == "finished"


@pytest.mark.slow
def test_fifty_starts_without_a_name_are_fifty_runs(fork, memory_folder):
    began, problems = outcomes(fork, start, memory_folder, None)
    assert problems == []
    assert len(set(began)) == MANY
    assert {info.state for info in list_runs(memory_folder)} == {"finished"}


@pytest.mark.slow
def test_of_fifty_that_resume_one_run_exactly_one_trains(fork, memory_folder):
    process, heard = fork(train, memory_folder / "r")
    while not (news := heard.recv()).get("row") or news["row"]["event"] != "EpochEnd":
        pass
    process.kill()
    process.join()
    if read_info(memory_folder / "r").state != "crashed":
        pytest.fail("it ended before it could be killed")
    began, problems = outcomes(fork, resume, memory_folder / "r")
    assert began == ["r"]
    refused = [p for p in problems if "r is in use by process" in p]
    late = [p for p in problems if "has finished all its" in p]
    assert len(refused) + len(late) == MANY - 1
    assert read_info(memory_folder / "r").state == "finished"


def test_of_many_threads_exactly_one_holds_a_run(tmp_path):
    """The fast sample: the lock is of files that were opened, not of processes."""
    together, tried = Barrier(MANY), Barrier(MANY)

    def problem(_: int) -> str:
        together.wait()
        try:
            with hold(tmp_path):
                tried.wait()
                return ""
        except RunError as error:
            tried.wait()
            return error.problem

    with ThreadPoolExecutor(MANY) as pool:
        problems = sorted(pool.map(problem, range(MANY)))
    assert problems[0] == ""
    assert all("in use by process" in problem for problem in problems[1:])
