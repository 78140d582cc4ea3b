"""The part of JSON Schema (2020-12) that the cards use, checked without a dependency.

The published file `card.schema.json` is the only place where the rules stand; this reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Rule = Callable[["Schema", Any, Any, dict[str, Any], str], Iterator[str]]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "integer": lambda v: (
        (isinstance(v, int) and not isinstance(v, bool))
        or (isinstance(v, float) and v.is_integer())
    ),
}


class Schema:
    """A JSON Schema, ready to check values.

    Args:
        root: The parsed schema document.

    Example:
        >>> list(Schema({"type": "object", "required": ["name"]}).violations({}))
        ["value: 'name' is missing"]
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root

    def violations(
        self, value: Any, rules: dict[str, Any] | None = None, where: str = "value"
    ) -> Iterator[str]:
        """Yield a sentence for each rule that is broken.

        Args:
            value: Parsed JSON.
            rules: A part of the schema; the whole by default.
            where: How to name the value in the sentences.
        """
        rules = self.root if rules is None else rules
        for keyword, argument in rules.items():
            if keyword in RULES:
                yield from RULES[keyword](self, value, argument, rules, where)

    def resolve(self, reference: str) -> dict[str, Any]:
        """Return the part of the document that `#/a/b` names."""
        part = self.root
        for key in reference.removeprefix("#/").split("/"):
            part = part[key]
        return part


def _when(kind: str, broken: Callable[[Any, Any], bool], words: str) -> Rule:
    """Make a rule for values of one type; `words` may name the argument and the value."""

    def rule(_s: Schema, value: Any, arg: Any, _r: dict[str, Any], where: str) -> Iterator[str]:
        if _TYPES[kind](value) and broken(value, arg):
            yield f"{where}: " + words.format(arg=arg, value=_short(value))

    return rule


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _type(_s: Schema, value: Any, arg: str, _r: dict[str, Any], where: str) -> Iterator[str]:
    if not _TYPES[arg](value):
        yield f"{where}: {_short(value)} is not of type {arg}"


def _one_of(
    _s: Schema, value: Any, arg: list[Any], _r: dict[str, Any], where: str
) -> Iterator[str]:
    if value not in arg:
        yield f"{where}: {_short(value)} is not one of {', '.join(map(str, arg))}"


def _const(_s: Schema, value: Any, arg: Any, _r: dict[str, Any], where: str) -> Iterator[str]:
    if value != arg:
        yield f"{where}: {_short(value)} is not {arg!r}"


def _required(_s: Schema, value: Any, arg: list[str], _r: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{where}: {name!r} is missing" for name in arg if name not in value)


def _properties(s: Schema, value: Any, arg: dict[str, Any], _r: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in arg.keys() & value.keys():
            yield from s.violations(value[name], arg[name], f"{where}.{name}")


def _additional(s: Schema, value: Any, arg: Any, rules: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for name in value.keys() - rules.get("properties", {}).keys():
        if arg is False:
            yield f"{where}: {_short(name)} is not a known name"
        else:
            yield from s.violations(value[name], arg, f"{where}.{name}")


def _items(s: Schema, value: Any, arg: dict[str, Any], _r: Any, where: str) -> Iterator[str]:
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from s.violations(item, arg, f"{where}[{i}]")


def _if(s: Schema, value: Any, arg: dict[str, Any], rules: Any, where: str) -> Iterator[str]:
    if next(s.violations(value, arg), None) is None:
        yield from s.violations(value, rules["then"], where)


def _all_of(s: Schema, value: Any, arg: list[Any], _r: Any, where: str) -> Iterator[str]:
    for part in arg:
        yield from s.violations(value, part, where)


def _ref(s: Schema, value: Any, arg: str, _r: Any, where: str) -> Iterator[str]:
    yield from s.violations(value, s.resolve(arg), where)


RULES: dict[str, Rule] = {
    "type": _type,
    "enum": _one_of,
    "const": _const,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "if": _if,
    "allOf": _all_of,
    "$ref": _ref,
    "pattern": _when("string", lambda v, a: not re.search(a, v), "{value} does not match {arg}"),
    "minLength": _when("string", lambda v, a: len(v) < a, "shorter than {arg} characters"),
    "minItems": _when("array", lambda v, a: len(v) < a, "fewer than {arg} items"),
    "maxItems": _when("array", lambda v, a: len(v) > a, "more than {arg} items"),
    "minProperties": _when("object", lambda v, a: len(v) < a, "fewer than {arg} entries"),
    "minimum": _when("number", lambda v, a: v < a, "{value} is below {arg}"),
    "maximum": _when("number", lambda v, a: v > a, "{value} is above {arg}"),
    "exclusiveMinimum": _when("number", lambda v, a: v <= a, "{value} is not above {arg}"),
    "exclusiveMaximum": _when("number", lambda v, a: v >= a, "{value} is not below {arg}"),
}
"""What each keyword of the dialect asks for; the others are annotations."""
