"""Blocking work for an event loop that must not block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Clerk:
    """Runs blocking calls one after another in a thread of its own, for those who must not wait."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "unmask-store")

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call in its turn."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(work, *args, **kwargs))

    def close(self) -> None:
        """Finish what was asked, then stop."""
        self._pool.shutdown()
