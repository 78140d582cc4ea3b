"""The tables of the documents say what was measured, and what is in doubt about it."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
MADE = {
    "commit": "c0ffee", "machine": "m", "command": "make bench DATA=dev", "data": "dev, split test",
    "limit": None, "draws": 20, "seed": 0,
}  # fmt: skip


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module


def _figure(value: float | None) -> dict[str, Any]:
    return {"value": value, "interval": [value and value - 0.1, value and value + 0.1]}


def _row(detector: str, case: str, auc: float | None, **changes: Any) -> dict[str, Any]:
    figures = {"auc": _figure(auc), "eer": _figure(0.2)}
    plain = {"condition": "as it comes", "manipulated": 5, "genuine": 4, "units": 9, "unusable": 0}
    marks = {"seen": False, "served": ""}
    return plain | marks | {"detector": detector, "case": case, "figures": figures} | changes


def _mean(detector: str, lead: float | None, cases: int = 2) -> dict[str, Any]:
    found = {"detector": detector, "condition": "as it comes", "cases": cases}
    figures = {"auc": 0.8, "lead_auc": lead, "pooled_ece": 0.04}
    return found | {n: v if v is None else _figure(v) for n, v in figures.items()}


@pytest.fixture
def one_source_out() -> dict[str, Any]:
    rows = [
        _row("final", "old", 0.7, served="old"), _row("final", "new", 0.9, served="all"),
        _row("plain", "new", 0.6, served="all"),
        _row("own", "old", 0.95), _row("own", "new", 0.85, unusable=3),
        _row("peer", "old", 0.99, seen=True), _row("peer", "new", None),
    ]  # fmt: skip
    return MADE | {
        "reference": "final",
        "kinds": {"final": "variant", "own": "shipped", "peer": "peer", "plain": "variant"},
        "recipes": {"final": "final.toml", "plain": "plain.toml"},
        "test_sets": [
            {"name": "old", "sources_in_training_part": True},
            {"name": "new", "sources_in_training_part": False},
        ],
        "missing": [{"detector": "plain", "test_set": "old"}],
        "rows": rows,
        "means": [_mean("final", None), _mean("own", 0.12), _mean("peer", -0.3),
                  _mean("plain", 0.05, cases=1)],
    }  # fmt: skip


def _lines(text: str) -> dict[str, str]:
    """Rows of a table by their first cell."""
    return {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if "|" in line}


def test_the_ablation_names_what_is_missing(module: Any, one_source_out: dict[str, Any]) -> None:
    text = module("blocks").BLOCKS["ablation"]({"one_source_out": one_source_out})
    lines = _lines(text)
    assert {"final", "plain"} <= set(lines)
    assert "own" not in lines
    assert "| plain.toml | missing | 0.600 (0.500–0.700) § |" in lines["plain"]
    assert "1 of 2 | 0.050 (-0.050–0.150) | undecided |" in lines["plain"]
    assert "| 0.700 (0.600–0.800) | 0.900 (0.800–1.000) § |" in lines["final"]
    assert "| reference |" in lines["final"]
    assert "`plain` for old" in text
    assert "all videos and photos; seed 0; 20 draws; commit c0ffee; machine: m; `make bench" in text


def test_methods_stand_beside_what_they_cost(module: Any, one_source_out: dict[str, Any]) -> None:
    cost = {"images": 3200, "minutes": 0.42, "row": 0}
    costs = {"final": cost | {"parameters": 0}, "plain": cost | {"parameters": 77520}}
    part = one_source_out | {"costs": costs}
    module("compared")
    text = module("blocks").BLOCKS["vision_language"]({"vision_language": part})
    lines = _lines(text)
    assert set(lines) == {"detector", "---", "final", "plain"}
    assert "| learnt numbers | pictures | minutes | old | new |" in lines["detector"]
    assert "| 77,520 | 3,200 | 0.4 | missing | 0.600 (0.500–0.700) § |" in lines["plain"]
    assert "Not trained, and in no mean: old (plain)." in text
    assert "old 5 / 4, new 5 / 4. Data: dev" in text


def test_what_a_detector_may_know_is_marked(module: Any, one_source_out: dict[str, Any]) -> None:
    text = module("blocks").BLOCKS["side_by_side"]({"one_source_out": one_source_out})
    lines = _lines(text)
    assert "| 0.950 (0.850–1.050) ‡ | 0.850 (0.750–0.950), n = 9 |" in lines["own"]
    assert lines["own"].endswith("| ahead |")
    assert "| 0.990 (0.890–1.090) † | not judged |" in lines["peer"]
    assert lines["peer"].endswith("| behind |")
    assert "plain" not in lines


def test_the_worst_source_is_a_single_one_with_enough_photos(module: Any) -> None:
    def row(source: str, value: float, n: int) -> dict[str, Any]:
        rest = {"taught": False, "condition": "as it comes", "detector": "own", "threshold": 0.7}
        told = {"source": source, "alarms": _figure(value), "n": n, "units": n, "unusable": 0}
        return told | rest

    rows = [row("few", 0.9, 3), row("bad", 0.3, 40), row("good", 0.1, 40), row("all", 0.5, 83)]
    part = MADE | {"pooled": ["all"], "rows": rows, "limit": 40}
    text = module("blocks").BLOCKS["alarms"]({"false_alarms": part})
    assert _lines(text)["worst source"].endswith("| 0.300 (0.200–0.400) bad |")
    assert "at most 40 videos or photos" in text


def test_the_summary_says_which_figure_it_is(module: Any, one_source_out: dict[str, Any]) -> None:
    summary = module("blocks").BLOCKS["summary"]
    text = summary({"one_source_out": one_source_out, "cards": {}})
    assert "each time trained without the tested source | 0.800" in text
    assert "as shipped" in text
    assert "trial" not in text
    one_source_out |= {"reference": "own", "limit": 10}
    text = summary({"one_source_out": one_source_out, "cards": {}})
    assert "as shipped" in text
    assert "without the tested source" not in text
    assert "at most 10 photos" in text
    assert summary({"cards": {}}) == "Not measured yet.\n"


def test_a_model_card_tells_what_the_bundle_s_card_does(module: Any) -> None:
    folder = ROOT / "unmask" / "models"
    fusion = json.loads((folder / "fusion.json").read_text("utf-8"))
    for name, card in module("pages").cards().items():
        text = module("model_cards").page(card, fusion)
        assert text.startswith(f"# {card['title']}\n")
        told = [card["description"], card["model"]["sha256"], card["licence"], *card["limits"]]
        told += [one["name"] for one in card["training_data"]]
        told += [one["licence"] for one in card["training_data"]]
        told += [f"--out runs/{name}"]
        told += [f"{one['threshold']:.3f}" for one in card.get("operating_points", ())]
        told += [f"{one['value']:.4f}" for one in card["results"]]
        if name in fusion["models"]:
            told += [f"{one['threshold']:.3f}" for one in fusion["operating_points"]]
        assert [one for one in told if one.replace("|", "\\|") not in text] == []
        assert ("## Calibration" in text) == ("calibration" in card)


def test_the_page_of_faces_has_its_sizes_and_limits_from_the_cards(module: Any) -> None:
    cards = {
        name: {
            "description": f"What {name} gives.", "model": {"bytes": size},
            "recipe": f"{name}.toml", "limits": [f"{name} fails here.", "And there."],
        }
        for name, size in (("face-finder", 1234567), ("face-landmarks", 89000), ("other", 5))
    }  # fmt: skip
    blocks = module("blocks").BLOCKS
    lines = _lines(blocks["face_models"]({"cards": cards}))
    assert lines["`face-finder`"].endswith(
        "| What face-finder gives | 1.23 MB | `face-finder.toml` |"
    )
    assert "| 0.09 MB |" in lines["`face-landmarks`"]
    assert "`other`" not in lines
    assert blocks["face_limits"]({"cards": cards}) == (
        "`face-finder`:\n\n- face-finder fails here.\n- And there.\n\n"
        "`face-landmarks`:\n\n- face-landmarks fails here.\n- And there.\n"
    )
    page = (ROOT / "docs" / "faces.md").read_text("utf-8")
    for name in ("face_models", "face_limits", "faces"):
        assert f"<!-- measured: {name} -->" in page


def test_a_row_a_line_and_the_same_figures(module: Any) -> None:
    found = {"part": {"rows": [{"a": [1, 2.5]}, {"a": None}], "seed": 0, "none": []}}
    text = module("pages").dumped(found)
    assert json.loads(text) == found
    assert '   {"a": [1, 2.5]},' in text.splitlines()


def test_variants_and_their_recipes(module: Any, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("torch")
    measured = module("results")
    for place in ("b/all", "b/morph", "a/stylegan"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "card.json").write_text(json.dumps({"recipe": f"{place}.toml"}))
    for name in ("x", "y"):
        (tmp_path / "fused" / "morph" / name).mkdir(parents=True)
        card = json.dumps({"recipe": f"{name}.toml"})
        (tmp_path / "fused" / "morph" / name / "card.json").write_text(card)
    (tmp_path / "empty" / "all").mkdir(parents=True)
    assert measured._variants(None) == {}
    found = measured._variants(tmp_path)
    assert list(found) == ["a", "b", "fused"]
    assert found["a"] == str(tmp_path / "a" / "{case}")
    assert measured._recipe(tmp_path / "b") == "b/all.toml, b/morph.toml"
    assert measured._recipe(tmp_path / "fused") == "x.toml, y.toml"
    assert measured._recipe(tmp_path / "a") == "a/stylegan.toml"
    assert measured._rounded({"a": [0.123456, {"b": 1}]}) == {"a": [0.1235, {"b": 1}]}


def test_wear_and_edits_have_their_tables(module: Any) -> None:
    blocks = module("blocks").BLOCKS
    rows = [_row("own", "old", 0.9), _row("own", "old", 0.8, condition="jpeg:3")]
    means = [_mean("own", None) | {"change_auc": None}]
    means.append(_mean("own", None) | {"condition": "jpeg:3", "change_auc": _figure(-0.1)})
    part = MADE | {"test_sets": [{"name": "old"}], "rows": rows, "means": means}
    lines = blocks["worn"]({"wear": part}).splitlines()
    assert lines[2].startswith("| own | as it comes | 0.800 (0.700–0.900) | – |")
    assert "| -0.100 (-0.200–0.000) |" in lines[3]
    assert lines[3].endswith("| 0.800 |")
    edits = [
        {"source": source, "condition": f"sharpen:{level}", "detector": "own", "n": 30,
         "alarms": _figure(value)}
        for level in (1, 3) for source, value in (("bad", 0.2 * level), ("all", 0.1 * level))
    ]  # fmt: skip
    text = blocks["benign"]({"benign": MADE | {"pooled": ["all"], "rows": edits}})
    line = _lines(text)["sharpen"]
    assert line.count("|") == 6
    assert "| 0.300 (0.200–0.400) | 0.200 (0.100–0.300) bad | 0.600 (0.500–0.700) bad |" in line
