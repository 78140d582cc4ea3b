"""What an installation is made of, and whether it still gives the answers that it should.

The lab's libraries are looked at from outside, by their metadata or in another process: a broken
one must not take the doctor down with it.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from unmask import __version__
from unmask.errors import UnmaskError

State = Literal["ok", "absent", "broken"]
RUNTIME = ("numpy", "Pillow", "opencv-python-headless", "onnxruntime", "typer", "rich")


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing looked at.

    Attributes:
        name: What it is.
        value: What was found.
        state: "ok", "absent" for an extra that is not installed, or "broken".
    """

    name: str
    value: str
    state: State = "ok"


def examine() -> Iterator[Sign]:
    """Look at everything, one sign after the other, the quick ones first."""
    yield Sign("unmask", __version__)
    yield Sign("python", f"{platform.python_version()} on {platform.platform()}")
    for name in RUNTIME:
        yield _installed(name)
    yield from _machine()
    yield from _extras()
    yield from _torchvision()
    yield from _models()
    yield from _conformance()


def _installed(name: str) -> Sign:
    found = _version(name)
    return Sign(name, found, "ok") if found else Sign(name, "not installed", "broken")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _machine() -> Iterator[Sign]:
    """Providers of ONNX Runtime, and threads."""
    import cv2
    import onnxruntime

    yield Sign("providers", ", ".join(onnxruntime.get_available_providers()))
    yield Sign("threads", f"{os.cpu_count()} processors, OpenCV uses {cv2.getNumThreads()}")


def _extras() -> Iterator[Sign]:
    """Each optional extra with what it lacks, as the package's own metadata lists it."""
    wanted: dict[str, list[str]] = {}
    for line in metadata.requires("unmask") or ():
        match = re.fullmatch(r"([\w.-]+).*;.*extra == ['\"](\w+)['\"].*", line)
        if match:
            wanted.setdefault(match[2], []).append(match[1])
    for extra, names in wanted.items():
        missing = [name for name in names if not _version(name)]
        value = f"lacks {', '.join(missing)}" if missing else "installed"
        yield Sign(f"extra [{extra}]", value, "absent" if missing else "ok")


def _torchvision() -> Iterator[Sign]:
    """A torchvision built for another torch breaks transformers and torchmetrics at import."""
    torch, vision = _version("torch"), _version("torchvision")
    if not vision:
        return
    probe = "import torchvision; torchvision.ops.nms"
    try:
        done = subprocess.run(  # noqa: S603 - our own words only
            [sys.executable, "-c", probe], capture_output=True, text=True, timeout=300, check=False
        )
        broken, why = done.returncode != 0, done.stderr.strip().rpartition("\n")[2]
    except subprocess.TimeoutExpired:
        broken, why = True, "its import did not end"
    value = f"{vision} beside torch {torch}"
    if broken:
        value += f" does not load ({why}); unmask does not need it: pip uninstall torchvision"
    yield Sign("torchvision", value, "broken" if broken else "ok")


def _models() -> Iterator[Sign]:
    """Every bundle at hand, verified."""
    from unmask.judge import bundle

    for name in (*bundle.embedded(), *bundle.installed()):
        try:
            card = bundle.resolve(name).card
            yield Sign(f"model {name}", f"{card.version} sha256 {card.model.sha256}")
        except UnmaskError as error:
            yield Sign(f"model {name}", str(error), "broken")


def _conformance() -> Iterator[Sign]:
    """The shipped samples against their golden scores."""
    from unmask import conformance

    for name, differences in conformance.run():
        yield Sign(
            f"golden {name}",
            "; ".join(differences) or "as recorded",
            "broken" if differences else "ok",
        )
