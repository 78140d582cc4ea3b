"""A command line that runs in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unmask import cli
from unmask.cli._guard import ending

Told = tuple[int, str, str]


@pytest.fixture
def unmask_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Run `unmask ARGUMENTS…`; returns exit code, stdout and stderr."""

    def run(*words: object) -> Told:
        code = ending(lambda: cli.parse([str(word) for word in words]))
        return (code, *capsys.readouterr())

    return run
