"""Protocols: small TOML files that say which samples train, tune and test, and what is asked.

Those of the folder `protocols` are found by walking it; any other file is given by its path. A
protocol names no path: with the folders of data sets it becomes test cases, each with the
development samples that may fix a threshold and the training samples of the shortcut baseline.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from unmask.bench import metrics, perturb
from unmask.bench.measures import MEASURES
from unmask.errors import ConfigError, LabError
from unmask.lab.data.layout import Sample

FOLDER: Final = Path(__file__).with_name("protocols")
_GROUPS = ("", "layout", "source", "family", "compression")


@dataclass(frozen=True, slots=True)
class Part:
    """Which samples are meant; lists hold patterns such as `df40/*_ff`, empty ones mean any.

    Attributes:
        layouts: Readers' names.
        sources: Of forgeries, and of genuine samples where `genuine` is empty.
        genuine: Sources of genuine samples.
        families: Of forgeries.
        compressions: The sets' own words.
        splits: "train", "val", "test", or "" for samples of sets that publish none.
        labels: Further labels of forgeries, by name.
        shots: Of `dev` only: so many samples of each class are taken out of the test set itself.
    """

    layouts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    genuine: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    compressions: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shots: int = 0

    def takes(self, layout: str, sample: Sample) -> bool:
        """Whether a sample that the reader `layout` gave belongs to this part.

        Example:
            >>> sample = Sample(Path("a.png"), 1, "FaceSwap", "ffpp/FaceSwap", "000", "test")
            >>> Part(families=("Face*",), splits=("test",)).takes("ffpp", sample)
            True
        """
        sources = self.sources if sample.label else self.genuine or self.sources
        asked = [
            (layout, self.layouts),
            (sample.source, sources),
            (sample.compression, self.compressions),
            (sample.split, self.splits),
        ]
        if sample.label:
            asked.append((sample.family, self.families))
            asked += [(sample.labels.get(n, ""), wanted) for n, wanted in self.labels.items()]
        return all(_fits(word, patterns) for word, patterns in asked)


@dataclass(frozen=True, slots=True)
class Case:
    """One test set of a protocol, by name, drawn from data.

    Attributes:
        name: Such as the family that is tested.
        part: Of the test's samples; all other conditions are the protocol's.
    """

    name: str
    part: Part


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol as its file says.

    Attributes:
        name: Of its file.
        title: In a few words.
        question: What its answer tells.
        train: What detectors may learn from; the shortcut baseline does.
        dev: What may fix a threshold.
        test: What is measured.
        cases: Named test sets; without any, `each` makes them.
        each: "layout", "source", "family", "compression" or "label:NAME": one test set for each
            value. Those by family or label share the genuine samples.
        leave_out: "layout", "source" or "family": what is tested is neither in train nor in dev.
        aggregation: One of `metrics.AGGREGATIONS`.
        frames: At most so many of a video, evenly spread.
        metrics: Names of `measures.MEASURES`.
        perturbations: Such as "jpeg:3", each measured besides the untouched samples.
    """

    name: str
    title: str
    question: str
    train: Part = Part()
    dev: Part = Part()
    test: Part = Part()
    cases: tuple[Case, ...] = ()
    each: str = ""
    leave_out: str = ""
    aggregation: str = "mean"
    frames: int = 32
    metrics: tuple[str, ...] = ("auc",)
    perturbations: tuple[str, ...] = ()


def names() -> tuple[str, ...]:
    """Protocols that Unmask ships, sorted.

    Example:
        >>> "cross_set" in names()
        True
    """
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def read(name: str | Path) -> Protocol:
    """A protocol by name, or by the path of its file.

    Raises:
        ConfigError: `bad_option` for a name that is neither.
        LabError: `bad_recipe` for a file that is no protocol; the message says why.
    """
    path = FOLDER / f"{name}.toml" if str(name) in names() else Path(name)
    if not path.is_file():
        raise ConfigError(
            "bad_option", f"No protocol {str(name)!r}; there are {', '.join(names())}."
        )
    try:
        return parse(path.stem, tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError("bad_recipe", f"{path} cannot be read: {error}") from error


def parse(name: str, values: Mapping[str, Any]) -> Protocol:
    """A protocol from what stands in its file.

    Raises:
        LabError: `bad_recipe` for missing, unknown or impossible entries.

    Example:
        >>> parse("mine", {"title": "T", "question": "Q?", "each": "source"}).each
        'source'
    """
    rest = dict(values)
    try:
        parts: dict[str, Any] = {key: _part(rest.pop(key, {})) for key in ("train", "dev", "test")}
        cases = tuple(_case(dict(case)) for case in rest.pop("case", ()))
        lists: dict[str, Any] = {
            key: tuple(rest.pop(key)) for key in ("metrics", "perturbations") if key in rest
        }
        made = Protocol(name=name, cases=cases, **parts, **lists, **rest)
        _check(made)
    except (TypeError, ValueError, KeyError, ConfigError) as error:
        raise LabError("bad_recipe", f"protocol {name}: {error}") from error
    return made


def steps(words: Iterable[str]) -> list[tuple[str, int]]:
    """Perturbations with severities from words: "jpeg:3", "jpeg" (all five), a family, or "all".

    Those for which this machine lacks a codec are left out of "all" and of families.

    Raises:
        ConfigError: `bad_option` for what is no perturbation.

    Example:
        >>> steps(["jpeg:3", "pixelate"])[:2]
        [('jpeg', 3), ('pixelate', 1)]
    """
    found: list[tuple[str, int]] = []
    for word in words:
        name, _, level = word.partition(":")
        if level and level not in map(str, perturb.SEVERITIES):
            raise ConfigError("bad_option", f"A severity is 1 to 5, not {level!r}.")
        many = perturb.names(None if name == "all" else name) if _is_group(name) else (name,)
        for one in (perturb.get(n).name for n in many if len(many) == 1 or perturb.available(n)):
            found += [(one, s) for s in ([int(level)] if level else perturb.SEVERITIES)]
    return list(dict.fromkeys(found))


def _is_group(name: str) -> bool:
    return name == "all" or name in perturb.families()


def _fits(word: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(word, pattern) for pattern in patterns)


def _part(values: Mapping[str, Any]) -> Part:
    rest = dict(values)
    labels = {name: _texts(wanted) for name, wanted in rest.pop("labels", {}).items()}
    shots = rest.pop("shots", 0)
    if not isinstance(shots, int) or shots < 0:
        raise ValueError(f"shots is a number, not {shots!r}")
    return Part(labels=labels, shots=shots, **{key: _texts(value) for key, value in rest.items()})


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{values!r} is no list of words")
    return tuple(values)


def _case(values: dict[str, Any]) -> Case:
    name = values.pop("name")
    return Case(str(name), _part(values))


def _check(protocol: Protocol) -> None:
    for item in fields(Protocol):
        value = getattr(protocol, item.name)
        if item.type == "str" and not isinstance(value, str):
            raise ValueError(f"{item.name} is a text, not {value!r}")
    if not protocol.each.startswith("label:") and protocol.each not in _GROUPS:
        raise ValueError(f"each = {protocol.each!r} is none of {', '.join(_GROUPS[1:])}, label:…")
    if protocol.leave_out not in _GROUPS[:4]:
        raise ValueError(f"leave_out = {protocol.leave_out!r} is none of {', '.join(_GROUPS[1:4])}")
    if protocol.aggregation not in metrics.AGGREGATIONS:
        raise ValueError(f"aggregation = {protocol.aggregation!r} is not known")
    if unknown := set(protocol.metrics) - set(MEASURES):
        raise ValueError(
            f"no metrics {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}"
        )
    if not isinstance(protocol.frames, int) or protocol.frames < 1:
        raise ValueError("frames is a positive number")
    if len({case.name for case in protocol.cases}) < len(protocol.cases):
        raise ValueError("two cases have one name")
    steps(protocol.perturbations)
