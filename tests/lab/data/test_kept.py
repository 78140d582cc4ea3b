"""Pairs that are kept: made once, equal to what made them, whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from unmask.lab.data.kept import NOTES, Kept
from unmask.lab.data.view import to_tensor


class Made(Dataset[dict[str, Any]]):
    """Items of all kinds, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict[str, Any]:
        self.asked += 1
        rng = np.random.default_rng(index)
        pair = [to_tensor(rng.integers(0, 256, (5, 4, 3), np.uint8)) for _ in range(2)]
        more = {"label": torch.tensor([0.0, 1.0]), "domain": torch.tensor(index), "kind": "blend"}
        return {"image": torch.stack(pair), **more}


def test_items_are_made_once_and_come_back_as_they_were(tmp_path: Path) -> None:
    made = Made()
    kept = Kept(lambda: made, tmp_path / "pairs")
    again = Kept(lambda: made, tmp_path / "pairs")
    assert made.asked == len(kept) == len(again) == 3
    for index in range(3):
        wanted, found = made[index], again[index]
        assert found.keys() == wanted.keys()
        assert found["kind"] == "blend"
        for name in ("image", "label", "domain"):
            assert torch.equal(found[name], wanted[name])
            assert found[name].dtype == wanted[name].dtype


def test_what_a_killed_run_left_is_made_anew(tmp_path: Path) -> None:
    made = Made()
    Kept(lambda: made, tmp_path)
    (tmp_path / NOTES).unlink()
    Kept(lambda: made, tmp_path)
    assert made.asked == 6


def test_batches_are_those_of_the_maker(tmp_path: Path) -> None:
    loader = torch.utils.data.DataLoader(Kept(Made, tmp_path), batch_size=3)
    (batch,) = loader
    assert batch["image"].shape == (3, 2, 3, 5, 4)
    assert batch["label"].shape == (3, 2)
    assert batch["domain"].tolist() == [0, 1, 2]
    assert batch["kind"] == ["blend"] * 3
