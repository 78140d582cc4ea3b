"""The pictures of a finding as files: its preview, and each kept face with its heat map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from unmask.report.overlays import heat_map
from unmask.types import Evidence, Finding

SUFFIX = ".webp"
_QUALITY, _EFFORT = 85, 2


def save(finding: Finding, number: int, folder: Path) -> dict[str, Any]:
    """Save the pictures of one finding.

    Args:
        finding: With pictures or without.
        number: Of the finding in its report.
        folder: Where the files go.

    Returns:
        `preview` with name, width and height, or `None`; `faces` with an entry for each of the
        finding's faces, `None` where no picture of it was kept.
    """
    preview = finding.preview
    shown = None
    if preview is not None:
        name = _save(preview, folder / f"{number}-preview{SUFFIX}")
        shown = {"name": name, "width": preview.shape[1], "height": preview.shape[0]}
    faces = [_face(one, folder, f"{number}-{i}") for i, one in enumerate(finding.faces)]
    return {"preview": shown, "faces": faces}


def _face(evidence: Evidence, folder: Path, stem: str) -> dict[str, Any] | None:
    crop, heat = evidence.crop, evidence.heat
    if crop is None:
        return None
    laid = None if heat is None else _save(heat_map(heat), folder / f"{stem}-heat{SUFFIX}")
    return {
        "crop": _save(crop.pixels, folder / f"{stem}-crop{SUFFIX}"),
        "heat": laid,
        "matrix": np.asarray(crop.matrix, np.float64).round(6).tolist(),
        "size": crop.pixels.shape[1],
    }


def _save(pixels: npt.NDArray[np.uint8], path: Path) -> str:
    """Save RGB or RGBA pixels; returns the file's name."""
    Image.fromarray(pixels).save(path, "WEBP", quality=_QUALITY, method=_EFFORT)
    return path.name
