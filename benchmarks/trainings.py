"""What the benchmarks that train have in common: cases, and folders that are never half made."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

CASES: dict[str, tuple[str, ...]] = {
    "stylegan": ("ffhq256_vs_stylegan_140k",),
    "all": (),
    "swap_meso": ("swap_meso",),
    "diffusion": ("diff_sfhq_t2i",),
    "morph": ("morph_train_canada", "morph_train_3dsk"),
}
"""Case of the protocol, and the sets that its training does not see; "all" serves the test sets
whose sources are in no training."""


def swapped(part: Path, done: Path) -> None:
    """Put a finished folder in its place, so that none is half made."""
    if done.exists():
        shutil.rmtree(done)
    part.rename(done)


def say(text: str) -> None:
    """Tell what is done now."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
