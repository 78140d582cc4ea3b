from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import wild_deepfake


def pack(path: Path, *names: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())


def build(root: Path) -> None:
    home = root / "deepfake_in_the_wild"
    pack(home / "fake_train/1.tar.gz", "./1/fake/131/1057.png", "./1/fake/131/942.png", "./1/a.txt")
    pack(home / "fake_train/2.tar.gz", "./2/fake/7/0.png")
    pack(home / "real_test/1.tar.gz", "./1/real/131/0.png")
    unpacked = home / "fake_train/2/fake/7/0.png"
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    fake, real = (tmp_path / "deepfake_in_the_wild" / n for n in ("fake_train", "real_test"))
    made = ("fake", "wild_deepfake/fake_train")
    one, two, true = "1/fake/131", "2/fake/7", "1/real/131"
    packed = fake / "1.tar.gz" / one
    assert list(wild_deepfake.samples(tmp_path)) == [
        Sample(
            *(real / "1.tar.gz" / true / "0.png", 0, "", "wild_deepfake/real_test"),
            *(f"real_test/{true}", "test", "frame", true),
        ),
        Sample(fake / two / "0.png", 1, *made, f"fake_train/{two}", "train", "frame", two),
        Sample(packed / "942.png", 1, *made, f"fake_train/{one}", "train", "frame", one),
        Sample(packed / "1057.png", 1, *made, f"fake_train/{one}", "train", "frame", one),
    ]


def test_a_broken_archive_is_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "real_test/1.tar.gz"
    path.parent.mkdir()
    content = random.Random(0).randbytes(100_000)
    with tarfile.open(path, "w:gz") as archive:
        for name in ("1/real/131/0.png", "1/real/131/1.png"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    path.write_bytes(path.read_bytes()[:150_000])
    found = list(wild_deepfake.samples(tmp_path))
    assert found[0].path == path / "1/real/131/0.png"
    assert (found[-1].path, found[-1].video) == (path, path.name)
