"""Pairs that are made once, kept on disk and come back in every epoch.

Making a pair takes longer than a small network takes to learn from it. Methods that are compared
then learn from the very same pictures, and from each of them as often.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

NOTES = "notes.json"


class Kept(Dataset[dict[str, Any]]):
    """The items of another data set, as they are when it is first asked for them.

    "image" may be of any shape, with colours -1..1 in steps of a byte; all else must be numbers,
    words, or tensors of few numbers.
    """

    def __init__(self, make: Callable[[], Dataset[Any]], folder: Path) -> None:
        """Read them from a folder; only when it does not hold them yet, make the data set."""
        if not (folder / NOTES).is_file():
            items = make()
            _fill(folder, [items[index] for index in range(len(items))])  # type: ignore[arg-type]
        self.notes = json.loads((folder / NOTES).read_text("utf-8"))
        self.pixels = np.load(folder / "pixels.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self.notes)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = torch.from_numpy(self.pixels[index].copy()).float() / 127.5 - 1
        more = {n: torch.tensor(v) if t else v for n, (t, v) in self.notes[index].items()}
        return {"image": image, **more}


def _fill(folder: Path, items: Sequence[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = torch.stack([((item["image"] + 1) * 127.5).round().byte() for item in items])
    np.save(folder / "pixels.npy", pixels.numpy())
    notes = [{name: _noted(v) for name, v in item.items() if name != "image"} for item in items]
    part = folder / "notes.part"
    part.write_text(json.dumps(notes), "utf-8")
    os.replace(part, folder / NOTES)  # last, so that a killed run leaves nothing half made


def _noted(value: Any) -> tuple[bool, Any]:
    tensor = isinstance(value, Tensor)
    return tensor, value.tolist() if tensor else value
