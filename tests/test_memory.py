"""Large work is done one at a time, small work side by side; freed memory can be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import pytest

from unmask.memory import MUCH, turn


def meet(expected: int) -> bool:
    """Whether two threads can be inside at the same time."""
    barrier = Barrier(2, timeout=0.5)

    def enter() -> bool:
        with turn(expected):
            try:
                barrier.wait()
            except BrokenBarrierError:
                return False
        return True

    with ThreadPoolExecutor(2) as pool:
        return all(future.result() for future in [pool.submit(enter) for _ in range(2)])


def test_small_work_goes_side_by_side() -> None:
    assert meet(MUCH)


def test_large_work_goes_one_at_a_time() -> None:
    assert not meet(MUCH + 1)


def test_a_failure_does_not_block_the_next() -> None:
    with pytest.raises(ValueError, match="broken"), turn(2 * MUCH):
        raise ValueError("broken")
    with turn(2 * MUCH):
        pass


FAULTS = """
import sys
import numpy as np
from resource import RUSAGE_SELF, getrusage
from unmask.memory import keep_freed

if sys.argv[1:]:
    keep_freed(int(sys.argv[1]))
for turn in range(50):
    if turn == 10:
        before = getrusage(RUSAGE_SELF).ru_minflt
    small, large = np.ones(100_000, np.uint8), np.ones(3_000_000, np.uint8)
    del small, large
print(getrusage(RUSAGE_SELF).ru_minflt - before)
"""


def faults(*kept: int) -> int:
    """Pages that the system had to bring while the same blocks were taken and freed 40 times.

    Without `kept` in the state in which glibc gives back every large block.
    """
    command = [sys.executable, "-c", FAULTS, *map(str, kept)]
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "1000000"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
@pytest.mark.parametrize("most", [16_000_000, 2**31])
def test_kept_memory_is_not_fetched_again(most: int) -> None:
    assert faults(most) < 100 < 1000 < faults()
