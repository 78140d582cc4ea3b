from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
from PIL import Image

from unmask.lab.data.writers import writers

SAMPLES = Path(__file__).parents[2] / "unmask" / "samples"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A genuine face, a forged one, and a picture without any."""
    for name, place in (("portrait", "real"), ("landscape", "real"), ("portrait_forged", "fake")):
        (tmp_path / "set" / place).mkdir(parents=True, exist_ok=True)
        picture = Image.open(SAMPLES / f"{name}.jpg").resize((200, 200))
        picture.save(tmp_path / "set" / place / f"{name}.png")
    return tmp_path / "set"


def test_crops(unmask_cli: Any, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, told, err = unmask_cli("data", "crop", root, "--out", out, "--size", 48, "--workers", 2)
    assert code == 0
    assert told.splitlines() == [
        "folders: 2 crops of 3 pictures in 3 photos and videos",
        "no usable face  1",
        "  real/landscape.png: no_face",
    ]
    assert err.startswith("3 photos and videos in ")
    assert (out / "shard-000000.tar").is_file()
    code, again, err = unmask_cli("data", "crop", root, "--out", out, "--size", 48)
    assert (code, again) == (0, told)
    assert err.startswith("0 photos and videos in ")


def test_files_that_cannot_be_used_end_with_3(unmask_cli: Any, root: Path, tmp_path: Path) -> None:
    for number in range(7):
        (root / "real" / f"{number}.png").touch()
    code, told, _ = unmask_cli("data", "crop", root, "--out", tmp_path / "out", "--json")
    assert code == 3
    answer = json.loads(told)
    assert answer["failed"] == {f"real/{number}.png": "empty" for number in range(7)}
    assert (answer["crops"], answer["faceless"]) == (2, {"real/landscape.png": "no_face"})
    assert "  and 2 more" in unmask_cli("data", "crop", root, "--out", tmp_path / "out")[1]


def test_a_bundle_gives_its_recipe(
    unmask_cli: Any, root: Path, tmp_path: Path, tiny_bundle: Any
) -> None:
    bundle, out = tiny_bundle().folder, tmp_path / "out"
    words = ("data", "crop", root, "--out", out, "--format", "folders", "--image", "jpg")
    assert unmask_cli(*words, "--recipe", bundle)[0] == 0
    assert json.loads((out / "crop.json").read_text())["recipe"]["kind"] == "box"
    pictures = sorted(out.rglob("*.jpg"))
    shapes = [cv2.imread(str(path)).shape for path in pictures]
    assert shapes == [(32, 32, 3)] * 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--recipe", "face-forgery", "--size", 64), "not both"),
        (("--format", "zip"), "No format 'zip'"),
        (("--image", "webp"), "png or jpg"),
        (("--recipe", "nothing"), "nothing"),
        (("--layout", "nothing"), "no layout 'nothing'"),
    ],
)
def test_wrong_options(
    unmask_cli: Any, root: Path, tmp_path: Path, words: tuple[Any, ...], told: str
) -> None:
    code, out, err = unmask_cli("data", "crop", root, "--out", tmp_path / "out", *words)
    assert (code, out) == (2, "")
    assert told in err
    assert not (tmp_path / "out").exists()


def test_the_page_names_every_format() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")
    assert [name for name in writers() if f"| `{name}` |" not in page] == []
