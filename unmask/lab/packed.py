"""Weights in eight bits a number, for files only: whoever reads them computes with floats.

    python -m unmask.lab.packed FOLDER OUT

copies a backbone's folder with its weights packed, half as large as 16-bit floats. Every row of a
matrix keeps its own scale, by which its largest number is 127. `unmask.lab.backbones` reads such
folders as any others; `transformers` itself does not.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

WEIGHTS = "model.safetensors"
SCALE = ".row_scale"
"""Ends the name of what a packed tensor's rows are multiplied with."""
MOST = 127
NOTE = "- Its weights are packed in eight bits; `unmask.lab.backbones` reads them, others do not.\n"
"""For the README of a packed folder."""


def pack(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and kernels in eight bits, all else as it is.

    Args:
        weights: Floats by name.

    Returns:
        The same names, and one with `SCALE` for each packed tensor, shape (rows,).

    Example:
        >>> pack({"w": torch.tensor([[1.0, -2.0], [0.0, 4.0]])})["w"].tolist()
        [[64, -127], [0, 127]]
    """
    found = {}
    for name, value in weights.items():
        if value.ndim < 2:
            found[name] = value.clone()
            continue
        rows = value.float().flatten(1)
        scale = (rows.abs().amax(1) / MOST).clamp(min=torch.finfo(torch.float32).tiny)
        found[name] = (rows / scale[:, None]).round().to(torch.int8).view(value.shape)
        found[name + SCALE] = scale
    return found


def unpack(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The floats again, of 32 bits; what is not packed stays as it is.

    Example:
        >>> [round(x, 2) for x in unpack(pack({"w": torch.tensor([[1.0, -2.0]])}))["w"][0].tolist()]
        [1.01, -2.0]
    """
    found = {name: value for name, value in weights.items() if not name.endswith(SCALE)}
    for name, value in found.items():
        if (scale := weights.get(name + SCALE)) is not None:
            found[name] = value.float() * scale.view(-1, *[1] * (value.ndim - 1))
    return found


@contextmanager
def plain(folder: Path) -> Iterator[Path]:
    """A folder that `transformers` can read: the same one, or for a while one with its floats.

    Raises:
        OSError, SafetensorError: For a file that cannot be read.
    """
    path = folder / WEIGHTS
    if not path.is_file() or not _is_packed(path):
        yield folder
        return
    with TemporaryDirectory() as place:
        out = Path(place)
        shutil.copytree(folder, out, ignore=shutil.ignore_patterns(WEIGHTS), dirs_exist_ok=True)
        save_file(unpack(load_file(path)), out / WEIGHTS, {"format": "pt"})
        yield out


def _is_packed(path: Path) -> bool:
    with safe_open(path, "pt") as opened:
        return any(name.endswith(SCALE) for name in opened.keys())  # noqa: SIM118 - it has no iterator


def main() -> None:
    """Pack a folder from the shell."""
    parser = argparse.ArgumentParser(prog="python -m unmask.lab.packed", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, help="a new folder")
    wish = parser.parse_args()
    kept = shutil.ignore_patterns(WEIGHTS, "*.onnx", "card.json")
    shutil.copytree(wish.folder, wish.out, ignore=kept)
    save_file(pack(load_file(wish.folder / WEIGHTS)), wish.out / WEIGHTS)
    card = wish.out / "README.md"
    if card.is_file():
        text = card.read_text("utf-8").replace("library_name: transformers\n", "")
        card.write_text(text + NOTE, "utf-8")


if __name__ == "__main__":
    main()
