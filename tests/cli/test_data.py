from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unmask.lab.data import layout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A plain data set of six pictures."""
    random = np.random.default_rng(0)
    for number in range(6):
        path = tmp_path / "set" / ("real", "fake")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    return tmp_path / "set"


def test_a_sound_data_set(unmask_cli: Any, root: Path) -> None:
    code, out, err = unmask_cli("data", "inspect", root)
    assert (code, out) == (0, "folders: 3 genuine and 3 manipulated samples, 0 faults\n")
    assert err.startswith("6 files in ")


def test_faults_are_told_and_end_with_1(unmask_cli: Any, root: Path) -> None:
    for number in range(7):
        (root / "real" / f"broken{number}.png").write_bytes(b"")
    code, out, _ = unmask_cli("data", "inspect", root)
    assert code == 1
    assert out.splitlines() == [
        "folders: 10 genuine and 3 manipulated samples, 7 faults",
        "empty_file  7",
        *(f"  real/broken{number}.png: the file cannot be used: empty" for number in range(5)),
        "  and 2 more",
    ]


def test_json_names_every_fault(unmask_cli: Any, root: Path) -> None:
    (root / "fake" / "none").mkdir()
    code, out, _ = unmask_cli("data", "inspect", root, "--json")
    assert code == 1
    told = json.loads(out)
    assert told["layout"] == "folders"
    assert told["faults"] == [
        {"kind": "empty_folder", "where": "fake/none", "detail": "there is no file in it"}
    ]


def test_a_manifest_is_written_and_read_again(unmask_cli: Any, root: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list" / "manifest.csv"
    listed.parent.mkdir()
    assert unmask_cli("data", "inspect", root, "--manifest", listed, "--threads", 2)[0] == 0
    assert unmask_cli("data", "inspect", listed.parent)[0] == 0
    Image.new("RGB", (32, 32)).save(root / "real" / "0.png")
    code, out, _ = unmask_cli("data", "inspect", listed.parent)
    assert code == 1
    assert "sum_differs  1" in out


def test_an_unknown_layout_is_an_error(unmask_cli: Any, tmp_path: Path) -> None:
    code, out, err = unmask_cli("data", "inspect", tmp_path)
    assert (code, out) == (2, "")
    assert err.endswith("[unknown_layout]\n")
    assert unmask_cli("data", "inspect", tmp_path, "--layout", "fppp")[0] == 2


def test_the_page_names_every_layout() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")
    assert [name for name in layout.readers() if f"| `{name}` |" not in page] == []
