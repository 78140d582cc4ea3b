"""Where third-party weights lie that a recipe starts from or distils."""

from __future__ import annotations

import os
from pathlib import Path

from unmask.errors import LabError

VARIABLE = "UNMASK_WEIGHTS"


def find(relative: str) -> Path:
    """Path of a weights file below the folder that `UNMASK_WEIGHTS` names.

    Raises:
        LabError: `weights_missing`, naming the file and the variable.
    """
    folder = os.environ.get(VARIABLE, "weights")
    path = Path(folder) / relative
    if not path.is_file():
        raise LabError("weights_missing", f"no file {relative} under {folder} (set {VARIABLE})")
    return path
