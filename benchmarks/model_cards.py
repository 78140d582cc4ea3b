"""A page for people out of a bundle's card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tables import count, figure, table

Card = Mapping[str, Any]
CROPS = {
    "frame": "the whole picture",
    "box": "a square around the face, upright",
    "eyes": "a square around the face, turned so that the eyes are level",
    "points": "the face laid onto a template of five points",
    "native": "windows of native pixels over the face, never resampled",
}


def page(card: Card, fusion: Mapping[str, Any]) -> str:
    """The whole page.

    Args:
        card: As its `card.json` says.
        fusion: How the embedded detectors are weighed together.
    """
    name = card["name"]
    parts = [
        f"# {card['title']}",
        f"`{name}` {card['version']}. Made from its card by `make pages`; `unmask models show "
        f"{name}` prints the card itself.",
        card["description"],
        table(["", ""], list(_facts(card))),
        f"## How to use it\n\n{_use(card)}",
        f"## What it learnt from\n\n{_learnt(card)}",
        *_measured(card),
        *_calibration(card, fusion),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in card["limits"]),
        f"## How to train it again\n\n{_again(card)}",
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _facts(card: Card) -> Iterator[list[str]]:
    crop = card["crop"]
    high, wide = crop["size"]
    yield ["task", card["task"]]
    yield ["method", f"`{card['method']}`"]
    yield ["licence", card["licence"]]
    yield ["size", f"{card['model']['bytes'] / 1e6:.2f} MB"]
    yield ["sha256", f"`{card['model']['sha256']}`"]
    yield ["sees", f"{CROPS[crop['kind']]}; {high} × {wide} pixels, {crop['margin']:g} × the face"]
    bounds = [f"{word} {crop[key]:g}" for word, key in (("from", "min_face"), ("to", "max_face"))
              if crop.get(key)]  # fmt: skip
    if bounds:
        yield ["judges faces", f"{' '.join(bounds)} pixels"]
    yield ["answers", ", ".join(f"`{role}`" for role in card["outputs"])]


def _use(card: Card) -> str:
    name = card["name"]
    if "calibration" in card:
        shell = f"unmask check photo.jpg --detectors {name}"
        return f"```sh\n{shell}\n```\n\nWithout `--detectors`, all embedded ones are weighed."
    if card["task"] == "face-finder":
        return "`unmask check` finds faces with it; from Python see [faces.md](../faces.md)."
    if card["task"] == "face-embedder":
        return "Training of `repdfd` uses it; from Python see [faces.md](../faces.md)."
    return "`unmask check` and training use it; from Python see [faces.md](../faces.md)."


def _learnt(card: Card) -> str:
    rows = [
        [one["name"], one.get("use", ""), one["licence"], count(one.get("n"))]
        for one in card["training_data"]
    ]
    head = ["data", "use", "licence", "n"]
    if not any(row[3] for row in rows):
        head, rows = head[:3], [row[:3] for row in rows]
    return table(head, rows)


def _measured(card: Card) -> Iterator[str]:
    if not card["results"]:
        yield "## What was measured\n\nNothing yet."
        return
    rows = [
        [one["data"] + (f", {one['split']}" if one.get("split") else ""), one.get("family", ""),
         one["metric"], figure(one, 4), count(one.get("n")), count(one.get("seed"))]
        for one in card["results"]
    ]  # fmt: skip
    head = ["data", "family or set", "measure", "value (95 % interval)", "n", "seed"]
    made = {(one.get("command"), one.get("commit"), one.get("machine")) for one in card["results"]}
    told = [
        f"`{command}` at commit {commit}; machine: {machine}."
        for command, commit, machine in sorted(made, key=str)
    ]
    yield "## What was measured\n\n" + table(head, rows) + "\n" + "\n".join(told)


def _calibration(card: Card, fusion: Mapping[str, Any]) -> Iterator[str]:
    known = card.get("calibration")
    if not known:
        return
    fitted = f"fitted on {known['fitted_on']}" if known.get("fitted_on") else "not fitted"
    n = f"; n = {known['n']}" if known.get("n") else ""
    text = f"Kind: {known['kind']}, {fitted}{n}.\n\n{_points(card['operating_points'])}"
    yield f"## Calibration and operating points\n\n{text}"
    name = card["name"]
    if name in fusion["models"]:
        others = " and ".join(f"`{one}`" for one in fusion["models"])
        text = f"{others} are weighed together by logistic regression; n = {fusion['n']}, "
        text += f"{fusion['fitted_on']}. "
        if share := fusion["unseen"][name]:
            text += f"Of forged faces that `{name}` alone could judge, {100 * share:.0f} % "
            text += "count as unseen by it, and the probability allows for them. "
        text += "These are the thresholds of `unmask check`:"
        yield f"## Weighed together\n\n{text}\n\n{_points(fusion['operating_points'])}"


def _points(points: Sequence[Mapping[str, float]]) -> str:
    rows = [[f"{100 * one['fpr']:g} %", f"{one['threshold']:.3f}"] for one in points]
    return table(["false alarms", "threshold of the probability"], rows)


def _again(card: Card) -> str:
    name, recipe = card["name"], card["recipe"].removesuffix(".toml")
    lines = [
        f"unmask train {recipe} --data DATA --out runs/{name}",
        f"unmask export runs/{name} --data DATA --out {name}",
    ]
    return "```sh\n{}\n{}\n```".format(*lines)
