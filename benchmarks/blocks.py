"""Blocks of numbers, one function each, from what was measured; pages name them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from tables import figure, table, value

Found = Mapping[str, Any]
BLOCKS: Final[dict[str, Callable[[Found], str]]] = {}
CLEAN = "as it comes"
SEEN: Final = {True: "†", False: "", None: "?"}
"""Whether a detector was trained on what is tested; `None` where nobody says."""
LEAST = 20
"""Photos judged, from which a source can be the worst one."""
FURTHER = ("eer", "ap", "balanced_accuracy", "tpr@1%", "tpr@5%", "log_loss", "brier", "ece",
           "alarms")  # fmt: skip


def block(needs: str) -> Callable[[Callable[[Any], Iterator[str]]], Callable[[Any], str]]:
    """Registers a function that gives paragraphs and tables of one part of the results."""

    def keep(made: Callable[[Any], Iterator[str]]) -> Callable[[Any], str]:
        def filled(found: Found) -> str:
            if needs not in found:
                return "Not measured yet.\n"
            return "\n\n".join(part.strip("\n") for part in made(found[needs])) + "\n"

        BLOCKS[made.__name__] = filled
        return filled

    return keep


@block("one_source_out")
def test_sets(part: Any) -> Iterator[str]:
    """What is tested, and what a look at anything but the face gives."""
    first = next(name for name, kind in part["kinds"].items() if kind == "shipped")
    rows = []
    for row in (r for r in part["rows"] if r["detector"] == first):
        taught = "yes" if _taught(part, row["case"]) else "no"
        cross = " ×" if row["shortcut_fit"] == "cross-fitted" else ""
        rows.append([
            row["case"], f"{row['manipulated']} / {row['genuine']}", str(row["units"]),
            f"{row['unusable']}", taught, figure(row["shortcut_auc"]) + cross,
            figure(row["shortcut_within_auc"]),
        ])  # fmt: skip
    head = ["test set", "manipulated / genuine", "people or videos", "not judged",
            "sources in training part", "shortcut AUC", "shortcut within"]  # fmt: skip
    yield table(head, rows)
    yield stated(part)


@block("one_source_out")
def ablation(part: Any) -> Iterator[str]:
    """Detectors trained once for each test set."""
    names = [name for name, kind in part["kinds"].items() if kind == "variant"]
    if not names:
        yield "No training for each test set was at hand."
        return
    yield matrix(part, names, {"recipe": part["recipes"]})
    gaps = [f"`{one['detector']}` for {one['test_set']}" for one in part["missing"]]
    if gaps:
        yield f"Missing, and in no mean: {', '.join(gaps)}."
    yield stated(part)


@block("one_source_out")
def side_by_side(part: Any) -> Iterator[str]:
    """The embedded detectors and the peers."""
    names = [name for name, kind in part["kinds"].items() if kind != "variant"]
    reference = part["reference"]
    if part["kinds"][reference] == "variant":
        names = [reference, *names]
    yield matrix(part, names)
    yield stated(part)


@block("one_source_out")
def further(part: Any) -> Iterator[str]:
    """Everything else that the protocol asks for."""
    rows = [
        [f"{row['detector']} {SEEN[row['seen']]}".strip(), row["case"],
         *(value(row["figures"].get(name)) for name in FURTHER)]
        for row in sorted(part["rows"], key=lambda r: list(part["kinds"]).index(r["detector"]))
    ]  # fmt: skip
    yield table(["detector", "test set", *FURTHER], rows)
    yield stated(part)


@block("one_source_out")
def calibration(part: Any) -> Iterator[str]:
    """The calibration error of all test sets together."""
    rows = [[m["detector"], str(m["cases"]), figure(m["pooled_ece"])] for m in part["means"]]
    yield table(["detector", "test sets", "ECE, each set counting alike"], rows)
    yield stated(part)


@block("wear")
def worn(part: Any) -> Iterator[str]:
    """What wear costs."""
    sets = [one["name"] for one in part["test_sets"]]
    rows = []
    for mean in sorted(part["means"], key=lambda m: m["detector"]):
        own = {
            r["case"]: r["figures"]["auc"] for r in part["rows"]
            if (r["detector"], r["condition"]) == (mean["detector"], mean["condition"])
        }  # fmt: skip
        rows.append([
            mean["detector"], mean["condition"], figure(mean["auc"]), figure(mean["change_auc"]),
            figure(mean["pooled_ece"]), *(value(own.get(name)) for name in sets),
        ])  # fmt: skip
    head = ["detector", "condition", "mean AUC", "change", "ECE of all sets", *sets]
    yield table(head, rows)
    yield stated(part)


@block("false_alarms")
def alarms(part: Any) -> Iterator[str]:
    """False alarms by source."""
    conditions = list(dict.fromkeys(row["condition"] for row in part["rows"]))
    for name in dict.fromkeys(row["detector"] for row in part["rows"]):
        own = [row for row in part["rows"] if row["detector"] == name]
        yield f"`{name}`, alarm from a probability of {own[0]['threshold']:.3f}:"
        rows = []
        for source in dict.fromkeys(row["source"] for row in own):
            line = {row["condition"]: row for row in own if row["source"] == source}
            clean = line[CLEAN]
            taught = "" if source in part["pooled"] else "yes" if clean["taught"] else "no"
            rows.append([
                source, taught, str(clean["n"]), str(clean["units"]), str(clean["unusable"]),
                *(figure(line[c]["alarms"]) for c in conditions),
            ])  # fmt: skip
        rows.append(["worst source", "", "", "", "", *(_worst(part, name, c) for c in conditions)])
        head = ["source", "in training part", "n", "people or videos", "not judged", *conditions]
        yield table(head, rows)
    yield stated(part)


@block("benign")
def benign(part: Any) -> Iterator[str]:
    """False alarms after edits that are no manipulation."""
    steps = [tuple(c.split(":")) for c in dict.fromkeys(row["condition"] for row in part["rows"])]
    levels = sorted({level for _, level in steps})
    detector = part["rows"][0]["detector"]
    pooled = {r["condition"]: r for r in part["rows"] if r["source"] == part["pooled"][-1]}
    rows = []
    for name in dict.fromkeys(name for name, _ in steps):
        rows.append([
            name, *(figure(pooled[f"{name}:{level}"]["alarms"]) for level in levels),
            *(_worst(part, detector, f"{name}:{level}") for level in levels),
        ])  # fmt: skip
    head = ["edit", *(f"all sources, severity {level}" for level in levels)]
    yield table([*head, *(f"worst source, severity {level}" for level in levels)], rows)
    n = next(iter(pooled.values()))["n"]
    yield f"`{detector}`; n = {n}. {stated(part)}"


@block("shared_again")
def shared_again(part: Any) -> Iterator[str]:
    """The command on files that were shrunk and compressed."""
    rows = [
        [row["what"].strip(), row["metric"], figure(_bounds(row)), str(row["n"]),
         str(row["unjudged"])]
        for row in part["rows"]
    ]  # fmt: skip
    yield table(["what", "measure", "value", "n", "not judged"], rows)
    yield stated(part)


@block("cards")
def families(cards: Any) -> Iterator[str]:
    """What `benchmarks/detectors.py` noted on the cards."""
    named = {n: [r for r in c["results"] if r["metric"] == "auc"] for n, c in cards.items()}
    detectors = {name: {r["family"]: r for r in rows} for name, rows in named.items() if rows}
    lines = dict.fromkeys(family for rows in detectors.values() for family in rows)
    rows = []
    for family in lines:
        every = [known.get(family) for known in detectors.values()]
        cells = [f"{figure(r)}, n = {r['n']}" if r else "not judged" for r in every]
        rows.append([*family.split(", ", 1), *cells])
    yield table(["family", "condition", *detectors], rows)
    noted = [row for known in detectors.values() for row in known.values()]
    made = {f"`{r['command']}` at commit {r['commit']}; machine: {r['machine']}." for r in noted}
    yield "Data: development set, split test; seed 0. " + " ".join(sorted(made))


@block("cards")
def face_models(cards: Any) -> Iterator[str]:
    """What finds faces and their points."""
    rows = [
        [f"`{name}`", card["description"].rstrip("."), f"{card['model']['bytes'] / 1e6:.2f} MB",
         f"`{card['recipe']}`"]
        for name, card in _finding(cards)
    ]  # fmt: skip
    yield table(["bundle", "what it gives", "size", "recipe"], rows)


@block("cards")
def face_limits(cards: Any) -> Iterator[str]:
    """What they cannot do."""
    for name, card in _finding(cards):
        yield f"`{name}`:"
        yield "\n".join(f"- {limit}" for limit in card["limits"])


@block("cards")
def faces(cards: Any) -> Iterator[str]:
    """What `benchmarks/faces.py` noted on the cards of finder and landmark model."""
    every = [row for _, card in _finding(cards) for row in card["results"]]
    rows = [
        [r["metric"], r["data"], f"{r['value']:.4g}", "{:.4g} to {:.4g}".format(*r["interval"]),
         str(r["n"])]
        for r in every if "family" not in r
    ]  # fmt: skip
    yield table(["what", "on", "value", "95 % interval", "n"], rows)
    first = every[0]
    recall = [r for r in every if r["metric"] == first["metric"] and "family" in r]
    weakest = sorted(recall, key=lambda r: r["value"])[:1]
    told = [f"`{r['family']}` {r['value']:.3f} (n = {r['n']})" for r in weakest]
    quiet = [r for r in every if r["metric"] == "false alarms a picture" and not r["value"]]
    bound = [f"None in {r['n']} pictures still allows a rate of {300 / r['n']:.0f} percent."
             for r in quiet]  # fmt: skip
    yield (
        f"Made by `{first['command']}` at commit {first['commit']}, seed {first['seed']}; machine: "
        f"{first['machine']}. The cards hold the same figures by set. For the milliseconds the "
        f"interval is the 10th to the 90th percentile. Weakest set in recall: {', '.join(told)}. "
        f"{' '.join(bound)}"
    )


@block("double_compression")
def double_compression(part: Any) -> Iterator[str]:
    """How often the hint is given."""
    rows = [[r["compressed"], str(r["n"]), figure(r)] for r in part["rows"]]
    yield table(["compressed", "n", "hint given"], rows)
    sets = ", ".join(f"`{name}`" for name in part["sets"])
    yield f"{part['photos']} photos of {sets}. {stated(part)}"


# Shared.


def _finding(cards: Any) -> list[tuple[str, Any]]:
    """Names and cards of what every picture goes through first."""
    return [(name, cards[name]) for name in ("face-finder", "face-landmarks")]


def matrix(
    part: Any, names: Sequence[str], more: Mapping[str, Mapping[str, str]] | None = None
) -> str:
    """AUC by detector and test set, the mean, and the lead over the reference.

    `more` holds columns that stand before them: by their heads, each detector's cell.
    """
    sets = [one["name"] for one in part["test_sets"]]
    further, rows = more or {}, []
    for name in names:
        own = {r["case"]: r for r in part["rows"] if r["detector"] == name}
        mean = next(m for m in part["means"] if m["detector"] == name)
        lead = mean["lead_auc"]
        rows.append([
            name, *(cells[name] for cells in further.values()),
            *(_cell(part, name, own.get(each)) for each in sets),
            f"{figure(mean['auc'])}, {mean['cases']} of {len(sets)}",
            "reference" if name == part["reference"] else figure(lead), _verdict(lead),
        ])  # fmt: skip
    head = ["detector", *further, *sets, "mean, test sets"]
    return table([*head, f"lead over {part['reference']}", ""], rows)


def _cell(part: Any, name: str, row: Any) -> str:
    if row is None:
        return "missing"
    auc = row["figures"]["auc"]
    if auc["value"] is None:
        return "not judged"
    marks = SEEN[row["seen"]]
    marks += "§" if row["served"] == "all" else ""
    marks += "‡" if part["kinds"][name] == "shipped" and _taught(part, row["case"]) else ""
    n = f", n = {row['manipulated'] + row['genuine']}" if row["unusable"] else ""
    return figure(auc) + n + (f" {marks}" if marks else "")


def _verdict(lead: Any) -> str:
    if lead is None or lead["value"] is None:
        return ""
    low, high = lead["interval"]
    return "ahead" if low > 0 else "behind" if high < 0 else "undecided"


def _taught(part: Any, case: str) -> bool:
    found = next(one for one in part["test_sets"] if one["name"] == case)
    return bool(found["sources_in_training_part"])


def _worst(part: Any, detector: str, condition: str) -> str:
    single = [
        row for row in part["rows"]
        if (row["detector"], row["condition"]) == (detector, condition)
        and row["source"] not in part["pooled"] and row["n"] >= LEAST
    ]  # fmt: skip
    if not single:
        return f"no source of {LEAST}"
    most = max(single, key=lambda row: row["alarms"]["value"])
    return f"{figure(most['alarms'])} {most['source']}"


def _bounds(row: Any) -> dict[str, Any]:
    return {"value": row["value"], "interval": [row["low"], row["high"]]}


def stated(part: Any) -> str:
    """Data, number of pictures, seed, commit, machine and the command."""
    limit = part["limit"]
    most = f"at most {limit} videos or photos of each class" if limit else "all videos and photos"
    draws = f"{part['draws']} draws; " if part["draws"] else ""
    return (
        f"Data: {part['data']}, {most}; seed {part['seed']}; {draws}commit {part['commit']}; "
        f"machine: {part['machine']}; `{part['command']}`."
    )


def summary(found: Found) -> str:
    """The few lines of the README."""
    rows = [*_quality(found), *_burden(found)]
    if not rows:
        return "Not measured yet.\n"
    text = table(["what", "measured", "n"], rows)
    limits = {
        part["limit"] for part in found.values() if isinstance(part, dict) and "limit" in part
    }
    known = sorted(limit for limit in limits if limit)
    few = f" A trial with at most {known[0]} photos of each class, no more." if known else ""
    return f"{text}\nIntervals: 95 %.{few}\n"


BLOCKS[summary.__name__] = summary


def _quality(found: Found) -> Iterator[list[str]]:
    if part := found.get("one_source_out"):
        shipped = next(name for name, kind in part["kinds"].items() if kind == "shipped")
        for name in dict.fromkeys([shipped, part["reference"]]):
            yield from _over_all(part, name, name == shipped)
    if part := found.get("wear"):
        first = part["means"][0]["detector"]
        for mean in part["means"]:
            if mean["detector"] == first and mean["change_auc"]:
                told = f"change of the mean AUC under {mean['condition'].replace(':', ' ')}"
                yield [told, figure(mean["change_auc"]), ""]


def _over_all(part: dict[str, Any], name: str, shipped: bool) -> Iterator[list[str]]:
    mean = next(m for m in part["means"] if m["detector"] == name)
    own = [row for row in part["rows"] if row["detector"] == name]
    n = str(sum(row["manipulated"] + row["genuine"] for row in own))
    what = "each time trained without the tested source"
    if shipped:
        what = "as shipped, so other people of some sources were in its training"
    yield [f"mean AUC over {mean['cases']} test sets, {what}", figure(mean["auc"]), n]
    yield ["calibration error over these test sets", figure(mean["pooled_ece"]), n]


def _burden(found: Found) -> Iterator[list[str]]:
    if part := found.get("false_alarms"):
        name = part["rows"][0]["detector"]
        own = {
            (r["source"], r["condition"]): r for r in part["rows"] if r["detector"] == name
        }  # fmt: skip
        for source in part["pooled"]:
            row = own[source, CLEAN]
            told = f"false alarms on genuine photos, {source}"
            yield [told, figure(row["alarms"]), str(row["n"])]
        yield ["false alarms in the worst source", _worst(part, name, CLEAN), ""]
    if part := found.get("speed"):
        for row in part["rows"]:
            if row["name"].startswith(("photos a second", "cold start", "installed size")):
                yield [row["name"], f"{row['value']:.3g} {row['unit']}", ""]
