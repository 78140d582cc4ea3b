"""A process that times one kind of work whenever it is asked to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence


class Worker:
    """Says a line when it is ready, and from then on a line for every line."""

    def __init__(self, command: Sequence[str], **environment: str) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self._line()

    def ask(self, line: str = "") -> float:
        """The number that answers a line."""
        assert self.process.stdin
        print(line, file=self.process.stdin, flush=True)
        return float(self._line())

    def close(self) -> None:
        """Let the process end."""
        self.process.communicate()

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"worker ended with {self.process.wait()}")
        return line
