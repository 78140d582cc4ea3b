from __future__ import annotations

from pathlib import Path

from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import celeb_df_v1

FILES = (
    "Celeb-real/id17_0000.mp4",
    "YouTube-real/00249.mp4",
    "Celeb-synthesis/id17_id2_0000.mp4",
)


def build(root: Path) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "List_of_testing_videos.txt").write_text("1 YouTube-real/00249.mp4\n")


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    real, other, made = (tmp_path / name for name in FILES)
    forged = "Celeb-synthesis"
    assert list(celeb_df_v1.samples(tmp_path)) == [
        Sample(real, 0, "", "celeb_df_v1/Celeb-real", "id17", "train", "clip", "id17_0000"),
        Sample(other, 0, "", "celeb_df_v1/YouTube-real", "00249", "test", "clip", "00249"),
        Sample(
            *(made, 1, forged, f"celeb_df_v1/{forged}", "id17", "train", "clip", "id17_id2_0000"),
            labels={"donor": "id2"},
        ),
    ]
