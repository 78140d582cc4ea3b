import json

import pytest

from unmask.errors import BundleError
from unmask.judge.card import MAX_CARD_BYTES, Card, CropRecipe, OperatingPoint, parse

CROP = {
    "kind": "box",
    "size": [32, 32],
    "margin": 1.3,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
}


def refusal(document: object) -> BundleError:
    with pytest.raises(BundleError) as caught:
        parse(document if isinstance(document, bytes) else json.dumps(document).encode())
    return caught.value


def test_a_card_comes_back_as_the_document_it_was(tiny_card) -> None:
    full = tiny_card(
        b"x",
        calibration={
            "kind": "platt",
            "parameters": {"slope": 1.5, "intercept": 0.1, "covariance": [[0.1, 0], [0, 0.1]]},
            "fitted_on": "dev",
            "n": 12,
        },
        training_data=[{"name": "d", "licence": "MIT"}],
        options={"strides": [8, 16]},
    )
    card = Card.of(full)
    assert card.detects
    assert card.crop == CropRecipe("box", (32, 32), 1.3, (0.5,) * 3, (0.25,) * 3)
    assert card.operating_points[0] == OperatingPoint(0.01, 0.9)
    again = Card.of(card.document())
    assert again == card
    assert again.document()["calibration"] == full["calibration"]


def test_a_finder_needs_no_calibration(tiny_card) -> None:
    card = Card.of(
        tiny_card(
            b"x",
            outputs={"boxes": "b"},
            crop={
                "kind": "frame",
                "size": [240, 320],
                "margin": 1,
                "mean": [0] * 3,
                "std": [1] * 3,
            },
            calibration=None,
            operating_points=None,
        )
    )
    assert not card.detects
    assert card.crop.size == (240, 320)
    assert "calibration" not in card.document()
    assert "operating_points" not in card.document()


def test_a_later_version_is_told_from_a_broken_card(tiny_card) -> None:
    assert refusal(tiny_card(b"x", schema="unmask.card/2")).code == "bundle_unsupported"
    assert refusal(tiny_card(b"x", schema="other")).code == "bundle_invalid"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{" * 20_000,
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b" " * (MAX_CARD_BYTES + 1),
    ],
    ids=lambda d: d[:8],
)
def test_bytes_that_are_no_card(data: bytes) -> None:
    assert refusal(data).code == "bundle_invalid"


def test_many_broken_rules_are_counted_not_listed() -> None:
    assert "more" in refusal({"schema": "unmask.card/1"}).message


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"crop": CROP | {"size": [32, 64]}}, "square"),
        ({"crop": CROP | {"windows": 2}}, "one window"),
        (
            {
                "operating_points": [
                    {"fpr": 0.1, "threshold": 0.8},
                    {"fpr": 0.01, "threshold": 0.5},
                ]
            },
            "threshold",
        ),
        (
            {
                "calibration": {
                    "kind": "temperature",
                    "parameters": {"temperature": 1, "covariance": [[1, 2]]},
                }
            },
            "covariance",
        ),
        (
            {
                "calibration": {
                    "kind": "isotonic",
                    "parameters": {"raw": [0, 1], "probability": [0.9, 0.1], "n": [1, 1]},
                }
            },
            "rise",
        ),
    ],
)
def test_contradictions_beyond_the_schema(tiny_card, change: dict, word: str) -> None:
    error = refusal(tiny_card(b"x", **change))
    assert error.code == "bundle_invalid"
    assert word in error.message


BOUNDS = [{"error": 0.1, "probability": 0.5}]
RISING = [*BOUNDS, {"error": 0.2, "probability": 0.6}]
SPREAD = {"features": ["pose"], "mean": [0], "precision": [[1]], "threshold": 9, "factor": 2}


def test_optional_sections_come_back_as_they_were(tiny_card) -> None:
    sections = {"conformal": {"genuine": BOUNDS, "manipulated": BOUNDS}, "domain": SPREAD}
    card = Card.of(tiny_card(b"x", **sections))
    assert Card.of(card.document()) == card
    bare = Card.of(tiny_card(b"x"))
    assert bare.conformal is bare.domain is None
    assert not {"conformal", "domain"} & set(bare.document())


@pytest.mark.parametrize(
    "change",
    [
        {"conformal": {"genuine": BOUNDS}},
        {"conformal": {"genuine": BOUNDS, "manipulated": []}},
        {"conformal": {"genuine": BOUNDS, "manipulated": [{"error": 0, "probability": 0.5}]}},
        {"conformal": {"genuine": BOUNDS, "manipulated": [{"error": 0.1, "probability": 2}]}},
        {"conformal": {"genuine": BOUNDS, "manipulated": BOUNDS, "why": "so"}},
        {"conformal": {"genuine": RISING, "manipulated": BOUNDS}},
        {"domain": {}},
        {"domain": SPREAD | {"features": ["beauty"]}},
        {"domain": SPREAD | {"features": ["pose"] * 33}},
        {"domain": SPREAD | {"mean": [0, 0]}},
        {"domain": SPREAD | {"precision": [[-1]]}},
        {"domain": SPREAD | {"factor": 0.5}},
        {"domain": SPREAD | {"threshold": 0}},
        {"calibration": {"kind": "quality", "parameters": {"slope": 1, "intercept": 0}}},
    ],
)
def test_optional_sections_that_break_a_rule(tiny_card, change: dict) -> None:
    assert refusal(tiny_card(b"x", **change)).code == "bundle_invalid"
