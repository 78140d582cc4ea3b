"""Large work is done one at a time, small work side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import pytest

from unmask.turns import MUCH, turn


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
