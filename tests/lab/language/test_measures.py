"""A model that knows everything measures as one, and a blind one as chance."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from unmask.lab.language import measures
from unmask.lab.language.captions import FACTS
from unmask.lab.language.measures import Seen


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Forty faces of which only the verdict is known: genuine along one axis, fake another."""
    verdict = torch.arange(40) % 2
    facts = torch.full((40, len(FACTS)), -1, dtype=torch.int8)
    facts[:, 0] = verdict.to(torch.int8)
    said = torch.zeros(40, len(FACTS), dtype=torch.bool)
    said[:, 0] = True
    axes = torch.eye(2)

    def meaning(network: object, fact: str) -> Tensor:
        return axes if fact == "verdict" else torch.ones(len(FACTS[fact]), 2)

    monkeypatch.setattr(measures, "meaning", meaning)
    image = axes[verdict]
    names = ["ciplab_photoshop"] * 20 + ["other"] * 20
    units = [str(i) for i in range(40)]
    plain = torch.ones(40, dtype=torch.bool)
    return Seen(image, image, image, facts, said, verdict, plain, names, units)


def test_one_that_knows(seen: Seen) -> None:
    found = measures.forged(None, seen)  # type: ignore[arg-type]
    assert found["auc"] == found["unseen"] == found["auc_other"] == 1.0
    assert measures.retrieval(seen) == {"retrieval": 1.0, "chance": 0.5}
    assert measures.attributes(None, seen) == {  # type: ignore[arg-type]
        "facts": 1.0,
        "fact_verdict": 1.0,
    }


def test_one_that_takes_fake_for_genuine(seen: Seen) -> None:
    wrong = dataclasses.replace(seen, image=seen.image.flip(1))
    assert measures.forged(None, wrong)["auc"] == 0.0  # type: ignore[arg-type]
    assert measures.retrieval(wrong)["retrieval"] == 0.0


def test_faces_that_were_worked_on_do_not_count_as_their_files_label(seen: Seen) -> None:
    half = dataclasses.replace(seen, plain=torch.arange(40) < 20)
    assert "auc_other" not in measures.forged(None, half)  # type: ignore[arg-type]
