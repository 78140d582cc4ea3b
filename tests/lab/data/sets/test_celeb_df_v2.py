from __future__ import annotations

from pathlib import Path

from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import celeb_df_v1, celeb_df_v2

FILES = (
    "Celeb-real/id0_0000.mp4",
    "Celeb-real/id20_0003.mp4",
    "Celeb-real/frames/id20_0003/000.png",
    "YouTube-real/videos/00170.mp4",
    "Celeb-synthesis/id0_id16_0000.mp4",
    "Celeb-synthesis/frames/id20_id0_0003/9.png",
    "Celeb-synthesis/frames/id20_id0_0003/10.png",
)
TESTS = """
1 Celeb-real/id20_0003.mp4
1 YouTube-real/00170.mp4
0 Celeb-synthesis/id20_id0_0003.mp4
0 Celeb-synthesis/id21_id22_0009.mp4
"""


def build(root: Path) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "List_of_testing_videos.txt").write_text(TESTS)


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    one, two, two_frame, other, swap, nine, ten = (tmp_path / name for name in FILES)
    real, made = "celeb_df_v2/Celeb-real", ("Celeb-synthesis", "celeb_df_v2/Celeb-synthesis")
    absent = tmp_path / "Celeb-synthesis/id21_id22_0009.mp4"
    video = "id20_id0_0003"
    assert list(celeb_df_v2.samples(tmp_path)) == [
        Sample(one, 0, "", real, "id0", "train", "clip", "id0_0000"),
        Sample(two, 0, "", real, "id20", "test", "clip", "id20_0003"),
        Sample(two_frame, 0, "", real, "id20", "test", "frame", "id20_0003"),
        Sample(other, 0, "", "celeb_df_v2/YouTube-real", "00170", "test", "clip", "00170"),
        Sample(
            *(swap, 1, *made, "id0", "train", "clip", "id0_id16_0000"),
            labels={"donor": "id16"},
        ),
        Sample(nine, 1, *made, "id20", "test", "frame", video, labels={"donor": "id0"}),
        Sample(ten, 1, *made, "id20", "test", "frame", video, labels={"donor": "id0"}),
        Sample(
            *(absent, 1, *made, "id21", "test", "clip", "id21_id22_0009"),
            labels={"donor": "id22"},
        ),
    ]


def test_without_the_list_there_are_no_splits(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "List_of_testing_videos.txt").unlink()
    assert {s.split for s in celeb_df_v2.samples(tmp_path)} == {""}
    assert celeb_df_v2.recognises(tmp_path)
    assert not celeb_df_v1.recognises(tmp_path)
