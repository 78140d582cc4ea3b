from __future__ import annotations

from pathlib import Path

from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import df40

FILES = (
    "DF40/CollabDiff/fake/00012/0.png",
    "DF40/StyleGAN2/cdf/Fake_from_Celeb-real/id0_0000/seed0.png",
    "DF40/StyleGAN2/ff/001/seed0188.png",
    "DF40/deepfacelab/fake/frames/0000_fake/000.png",
    "DF40/deepfacelab/real/frames/0000/000.png",
    "DF40/simswap/cdf/frames/id0_id1_0000/000.png",
    "DF40/simswap/ff/frames/001_870/000.png",
    "DF40/stargan/fake/fake/7.png",
    "DF40/stargan/real/real/7.png",
    "DF40_train/StyleGAN2/002/seed1.png",
    "DF40_train/simswap/frames/993_989/131.png",
    "DF40/simswap/ff/landmarks/001_870/000.png",
    "DF40/someone_else/ff/frames/001_870/000.png",
)


def test_samples(tree: Path) -> None:
    diff, gan_cdf, gan, lab, lab_real, sim_cdf, sim, star, star_real, train_gan, train_sim = (
        tree / name for name in FILES[:-2]
    )
    fs, efs, fe = ({"kind": kind} for kind in ("FS", "EFS", "FE"))
    test, style, simswap = "test", "StyleGAN2", "simswap"
    assert list(df40.samples(tree)) == [
        Sample(diff, 1, "CollabDiff", "df40/CollabDiff", "CollabDiff/fake/00012", test, labels=fe),
        Sample(gan_cdf, 1, style, "df40/StyleGAN2_cdf", "id0", test, labels=efs),
        Sample(gan, 1, style, "df40/StyleGAN2_ff", "001", test, labels=efs),
        Sample(
            *(lab, 1, "deepfacelab", "df40/deepfacelab", "deepfacelab/fake/0000_fake"),
            *(test, "frame"),
            video="fake/0000_fake",
            labels=fs,
        ),
        Sample(
            *(lab_real, 0, "", "df40/deepfacelab", "deepfacelab/real/0000"),
            *(test, "frame", "real/0000"),
            labels=fs,
        ),
        Sample(
            *(sim_cdf, 1, simswap, "df40/simswap_cdf", "id0", test, "frame", "id0_id1_0000"),
            labels=fs | {"donor": "id1"},
        ),
        Sample(
            *(sim, 1, simswap, "df40/simswap_ff", "001", test, "frame", "001_870"),
            labels=fs | {"donor": "870"},
        ),
        Sample(star, 1, "stargan", "df40/stargan", "stargan/fake/7", test, labels=fe),
        Sample(star_real, 0, "", "df40/stargan", "stargan/real/7", test, labels=fe),
        Sample(train_gan, 1, style, "df40/StyleGAN2", "002", "train", labels=efs),
        Sample(
            *(train_sim, 1, simswap, "df40/simswap", "993", "train", "frame", "993_989"),
            labels=fs | {"donor": "989"},
        ),
    ]


def test_the_paper_counts_ten_thirteen_twelve_and_five() -> None:
    assert [list(df40.METHODS.values()).count(kind) for kind in ("FS", "FR")] == [10, 14]
    assert [list(df40.METHODS.values()).count(kind) for kind in ("EFS", "FE")] == [13, 6]
