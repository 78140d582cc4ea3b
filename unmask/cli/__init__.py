"""Tell whether a face in a photo or a video is genuine, and show the evidence.

A command is a file of this folder with a function `run` that returns the exit code; a folder is a
group of commands. Both are found by walking, so that adding a file adds the command. A trailing
underscore (`import_.py`) keeps a name clear of Python's keywords; a leading one hides a helper.

Exit codes: 0 done, nothing over the threshold; 1 at least one finding over it; 2 usage,
configuration or internal error; 3 incomplete; 130 interrupted; 141 nobody reads the output.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

from unmask.cli._guard import ending, flushed, stop_on_interrupt


def main() -> None:
    """Run the command line; the entry point of the `unmask` script.

    A check without options is by far the most common call. It needs no parser, whose import would
    take a fifth of the whole run, and no teardown of the libraries, which frees nothing that the
    system would not free anyway.
    """
    take_any_text()
    stop_on_interrupt()
    words = sys.argv[1:]
    # Inputs are examined side by side: threads inside NumPy's small products only get in the way,
    # and waiting for them costs a tenth of a cold start. NumPy reads this when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if words[:1] == ["check"] and words[1:] and not any(word.startswith("-") for word in words):
        os._exit(flushed(ending(lambda: plain_check(words[1:]))))
    sys.exit(ending(lambda: parse(words)))


def plain_check(paths: list[str]) -> int:
    """`unmask check` with nothing but paths."""
    from unmask.cli._check import check

    return check(paths)


def parse(words: list[str]) -> int:
    """Any command line."""
    from unmask.cli._app import build

    try:
        build()(words, prog_name="unmask")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def take_any_text() -> None:
    """File names may hold bytes that are no text: read them as they are, print them escaped."""
    wanted = {sys.stdin: "surrogateescape", sys.stdout: "backslashreplace"}
    for stream, errors in (wanted | {sys.stderr: "backslashreplace"}).items():
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)
