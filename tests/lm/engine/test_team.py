"""Loops whose parts are shared among threads: each part once, whoever asks and from wherever."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from fireside.lm.engine.team import _read, _write, kernel, record, share, typed_array

numba = pytest.importorskip("numba")


@kernel
@numba.njit(nogil=True)
def count_part(arguments, part):  # type: ignore[no-untyped-def]
    """Adds the loop's number to the part's count."""
    typed_array(arguments[0], arguments[1], np.int64)[part] += arguments[2]


@kernel
@numba.njit(nogil=True)
def meet(arguments, part):  # type: ignore[no-untyped-def]
    """Each of two parts waits for the other to begin, though not for ever."""
    begun = typed_array(arguments[0], 2, np.int64)
    _write(begun, part, 1)
    for _ in range(2_000_000_000):
        if _read(begun, 1 - part):
            _write(begun, part, 2)
            return


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def counts_of(num_parts: int, loops: int) -> list[int]:
    """How often each part was run, when the n-th loop counts for n."""
    counts = np.zeros(num_parts + 1, np.int64)
    for number in range(1, loops + 1):
        share(count_part(), np.array([counts.ctypes.data, num_parts + 1, number]), num_parts)
    return counts.tolist()


@pytest.mark.parametrize("num_parts", [0, 1, 2, 17, 300])
def test_every_part_of_every_loop_runs_once(threads: int, num_parts: int) -> None:
    loops = 400
    assert counts_of(num_parts, loops) == [loops * (loops + 1) // 2] * num_parts + [0]


def test_helpers_that_went_to_sleep_come_again(threads: int) -> None:
    for _ in range(5):
        assert counts_of(40, 10) == [55] * 40 + [0]
        time.sleep(0.05)


def test_loops_of_several_threads_follow_one_another(threads: int) -> None:
    found: list[list[int]] = []

    def run() -> None:
        found.append(counts_of(23, 300))

    callers = [threading.Thread(target=run) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [[300 * 301 // 2] * 23 + [0]] * 4


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two cores are wanted")
def test_two_parts_run_at_the_same_time() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    begun = np.zeros(2, np.int64)
    share(meet(), np.array([begun.ctypes.data]), 2)
    torch.set_num_threads(before)
    assert begun.tolist() == [2, 2]


def test_a_child_of_a_fork_has_helpers_of_its_own_and_a_program_ends_while_they_wait() -> None:
    program = """
    import os, sys
    sys.path.insert(0, ".")
    import torch
    from tests.lm.engine.test_team import counts_of
    torch.set_num_threads(2)
    assert counts_of(9, 3) == [6] * 9 + [0]
    child = os.fork()
    assert counts_of(9, 4) == [10] * 9 + [0]
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=120, check=False)
    assert done.returncode == 0


def test_a_recording_runs_its_loops_in_order_as_often_as_wanted(threads: int) -> None:
    counts = np.zeros(6, np.int64)
    with record() as recording:
        for number, num_parts in ((1, 5), (10, 3), (100, 0), (1000, 1)):
            share(count_part(), np.array([counts.ctypes.data, 6, number]), num_parts)
    assert not counts.any()
    for _ in range(3):
        recording.run()
    assert counts.tolist() == [3033, 33, 33, 3, 3, 0]
    assert counts_of(4, 2) == [3] * 4 + [0]  # outside, loops run at once again
