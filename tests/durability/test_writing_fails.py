"""A disk that is full, read-only, gone or broken: nothing that was good is destroyed, and the run
goes on by itself."""

import pytest
from shimmed import compile_shim, run_shimmed


@pytest.mark.parametrize("offsets", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_disk_that_is_full_after_any_number_of_bytes_keeps_the_checkpoint_before(
    tmp_path, offsets
):
    shim = compile_shim(tmp_path)
    assert int(run_shimmed(shim, tmp_path / "runs", "full", str(offsets))) == offsets


@pytest.mark.slow
def test_a_run_waits_for_whatever_is_wrong_and_ends_as_if_nothing_had_been(tmp_path):
    shim = compile_shim(tmp_path)
    told = run_shimmed(shim, tmp_path / "runs", "broken").splitlines()
    assert len(told) == 8 * 3  # error numbers, at three moments each
