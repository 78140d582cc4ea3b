from __future__ import annotations

from pathlib import Path

from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import casia

V1 = "CASIA 1.0 dataset"
MASKS = "CASIA 1.0 groundtruth"
FILES = (
    f"{V1}/Au/Au_nat_0067.jpg",
    f"{V1}/Modified Tp/Tp/CM/Sp_S_CND_A_pla0016_pla0016_0196.jpg",
    f"{V1}/Modified Tp/Tp/Sp/Sp_D_CND_A_ani0018_nat0067_0281.jpg",
    f"{MASKS}/Sp/Sp_D_CND_A_ani0018_nat0067_0281_gt.png",
    "CASIA2/Au/Au_txt_00014.bmp",
    "CASIA2/Au/Thumbs.db",
    "CASIA2/CASIA 2 Groundtruth/Tp_D_CRN_S_N_cha00063_art00014_11818_gt.png",
    "CASIA2/Tp/Tp_D_CRN_S_N_cha00063_art00014_11818.tif",
)


def test_samples(tree: Path) -> None:
    assert layout.recognise(tree) == "casia"
    au, same, other, mask, au2, _, mask2, tampered2 = (tree / name for name in FILES)
    v1, v2 = "casia/v1", "casia/v2"
    how = {"operations": "CND_A"}
    assert list(casia.samples(tree)) == [
        Sample(au, 0, "", v1, "nat0067", labels={"category": "nat"}),
        Sample(
            *(same, 1, "copy-move", v1, "pla0016"),
            labels={"category": "pla", "donor": "pla0016", **how},
        ),
        Sample(
            *(other, 1, "splicing", v1, "nat0067"),
            mask=mask,
            labels={"category": "nat", "donor": "ani0018", **how},
        ),
        Sample(au2, 0, "", v2, "txt00014", labels={"category": "txt"}),
        Sample(
            *(tampered2, 1, "splicing", v2, "art00014"),
            mask=mask2,
            labels={"category": "art", "donor": "cha00063", "operations": "CRN_S_N"},
        ),
    ]


def test_other_folders_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "Au").mkdir()
    assert not casia.recognises(tmp_path)
