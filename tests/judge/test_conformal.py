import pytest

from unmask.errors import BundleError, ConfigError
from unmask.judge.card import Card
from unmask.judge.conformal import UNKNOWN, Bound, Bounds, Conformal, Promise, promise
from unmask.judge.fuse import NAIVE, Fusion
from unmask.judge.terms import Terms

SECTION = {
    "genuine": [{"error": 0.1, "probability": 0.6}, {"error": 0.02, "probability": 0.8}],
    "manipulated": [{"error": 0.05, "probability": 0.3}, {"error": 0.1, "probability": 0.4}],
    "fitted_on": "made up",
    "n": 400,
}


def bounds(made: Promise, fusion: Fusion, *names: str) -> Bounds | None:
    """What a face is held to that these judged."""
    return Terms(0.5, fusion, promise=made).of(names).bounds


@pytest.mark.parametrize(
    ("probability", "labels"),
    [
        (0.2, ("genuine",)),
        (0.4, ("genuine", "manipulated")),
        (0.6, ("genuine", "manipulated")),
        (0.61, ("manipulated",)),
    ],
)
def test_what_is_left(probability: float, labels: tuple[str, ...]) -> None:
    assert Conformal.of(SECTION).labels(probability, 0.1) == labels


def test_nothing_may_be_left() -> None:
    assert Bounds(0.3, 0.7).labels(0.5) == ()
    assert UNKNOWN.labels(0.0) == UNKNOWN.labels(1.0) == ("genuine", "manipulated")


def test_between_two_rates_the_lower_one_holds() -> None:
    stated = Conformal.of(SECTION)
    assert stated.at(0.1) == stated.at(0.5) == Bounds(0.6, 0.4)
    assert stated.at(0.0999) == stated.at(0.05) == Bounds(0.8, 0.3)


def test_what_one_label_cannot_promise_is_not_promised() -> None:
    with pytest.raises(ConfigError, match=r"at least 0\.05 can") as caught:
        Conformal.of(SECTION).at(0.02)
    assert caught.value.code == "bad_option"


def test_more_errors_rule_out_no_less() -> None:
    with pytest.raises(BundleError, match="rule out less"):
        Conformal((Bound(0.1, 0.6), Bound(0.2, 0.7)), (Bound(0.1, 0.3),))
    with pytest.raises(BundleError, match="rule out less"):
        Conformal((Bound(0.1, 0.6),), (Bound(0.1, 0.3), Bound(0.2, 0.2)))


def test_widened_bounds_rule_out_what_both_do() -> None:
    assert Bounds(0.5, 0.4).widened(Bounds(0.7, 0.45)) == Bounds(0.7, 0.4)
    assert Bounds(0.5, 0.4).widened(UNKNOWN) == UNKNOWN


def test_one_detector_promises_by_its_card(tiny_card) -> None:
    card = Card.of(tiny_card(b"x", conformal=SECTION))
    made = promise([card], NAIVE, 0.1)
    assert bounds(made, NAIVE, "tiny") == Bounds(0.6, 0.4)


def test_detectors_together_need_a_promise_of_their_own(tiny_card) -> None:
    cards = [Card.of(tiny_card(b"x", name=name, conformal=SECTION)) for name in "ab"]
    with pytest.raises(ConfigError, match="a, b") as caught:
        promise(cards, NAIVE, 0.1)
    assert caught.value.code == "bad_option"
    with pytest.raises(ConfigError, match="a, b"):
        promise(cards, Fusion({"a": 1, "b": 1}), 0.1)
    both = Conformal((Bound(0.1, 0.9),), (Bound(0.1, 0.2),))
    fusion = Fusion({"a": 1, "b": 1}, conformal=both)
    made = promise(cards, fusion, 0.1)
    assert bounds(made, fusion, "b", "a") == Bounds(0.9, 0.2)
    assert bounds(made, fusion, "a") == Bounds(0.6, 0.4)
    humble = Fusion({"a": 1, "b": 1}, conformal=both, unseen={"a": 0.5})
    made = promise(cards, humble, 0.1)
    assert bounds(made, humble, "b") == Bounds(0.6, 0.4)
    told = bounds(made, humble, "a")
    assert (told.genuine, told.manipulated) == pytest.approx((5 / 9, 5 / 11))


def test_a_card_that_cannot_promise_so_much_leaves_a_face_open(tiny_card) -> None:
    cards = [
        Card.of(tiny_card(b"x", name="a", conformal=SECTION)),
        Card.of(tiny_card(b"x", name="b")),
    ]
    both = Conformal((Bound(0.01, 0.9),), (Bound(0.01, 0.2),))
    fusion = Fusion({"a": 1, "b": 1}, conformal=both)
    made = promise(cards, fusion, 0.01)
    assert bounds(made, fusion, "a") == bounds(made, fusion, "b") == UNKNOWN
    assert bounds(made, fusion, "a", "b") == Bounds(0.9, 0.2)


def test_a_card_without_the_section_promises_nothing(tiny_card) -> None:
    with pytest.raises(ConfigError, match="No error can be promised for tiny"):
        promise([Card.of(tiny_card(b"x"))], NAIVE, 0.1)


@pytest.mark.parametrize("error", [0.0, 1.0, -0.1, float("nan")])
def test_rates_that_are_none(tiny_card, error: float) -> None:
    with pytest.raises(ConfigError, match="is no promise"):
        promise([Card.of(tiny_card(b"x", conformal=SECTION))], NAIVE, error)
