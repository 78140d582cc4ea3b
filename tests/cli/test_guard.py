from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from unmask.cli import _guard
from unmask.errors import ConfigError


def raiser(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


def test_result_is_the_exit_code() -> None:
    assert [_guard.ending(lambda code=code: code) for code in (0, 1, 2, 3)] == [0, 1, 2, 3]


def test_expected_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _guard.ending(raiser(ConfigError("bad_option", "No\nsuch \x1b[1mthing."))) == 2
    assert capsys.readouterr().err == "error: No\\nsuch \\x1b[1mthing. [bad_option]\n"


def test_interrupt_is_no_finding() -> None:
    assert _guard.ending(raiser(KeyboardInterrupt())) == 130


def test_full_disk_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert _guard.ending(raiser(OSError(28, "No space left on device"))) == 2
    assert "No space left on device" in capsys.readouterr().err


def test_unexpected_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNMASK_DEBUG", raising=False)
    assert _guard.ending(raiser(ValueError("odd"))) == 2
    assert capsys.readouterr().err == "error: internal: ValueError: odd\n"
    monkeypatch.setenv("UNMASK_DEBUG", "1")
    assert _guard.ending(raiser(ValueError("odd"))) == 2
    assert "Traceback" in capsys.readouterr().err


def test_lost_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        print("a line that waits in the buffer")
        assert _guard.flushed(0) == 141
        print("goes nowhere", flush=True)


def test_flushed_keeps_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert _guard.flushed(3) == 3


def test_interrupt_ends_even_a_busy_thread() -> None:
    code = (
        "import os, signal, threading, time\n"
        "from unmask.cli import _guard\n"
        "_guard.GRACE = 0.3\n"
        "_guard.stop_on_interrupt()\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "raise SystemExit(_guard.ending(lambda: (print('up', flush=True), time.sleep(60))[0]))\n"
    )
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == "interrupted\n"
        assert process.returncode == 130


def test_an_ignored_interrupt_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _guard.stop_on_interrupt()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
