"""The options of one analysis: read from a form, checked against the detectors that are here.

Names only: a path of this machine is never a detector. NumPy and the cards are loaded when the
first analysis is asked for, so that the server starts without them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from unmask.errors import ConfigError

if TYPE_CHECKING:
    from unmask.judge.card import Card

FIELDS = ("detectors", "at", "promise", "frames", "fps", "pictures")
AT = "fpr=0.05"
FRAMES = 32
MOST_FRAMES = 100_000
MOST_DETECTORS = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Options:
    """What `unmask check` calls its options.

    Attributes:
        detectors: Names; `None` for Unmask's own.
        at: Operating point.
        promise: Error that an answer must keep; `None` for no promise.
        frames: Frames of a video; `None` for all of them, or when `fps` is given.
        fps: Frames per second of a video.
        pictures: Whether a preview, faces and heat maps are kept with the report.
    """

    detectors: tuple[str, ...] | None = None
    at: str = AT
    promise: float | None = None
    frames: int | None = FRAMES
    fps: float | None = None
    pictures: bool = True

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Options:
        """Read a form's fields; an empty one counts as not given.

        Raises:
            ConfigError: `bad_option`, `unknown_detector`.

        Example:
            >>> Options.of({"frames": "all"}).frames is None
            True
        """
        given = {name: text.strip() for name, text in fields.items() if text.strip()}
        if strange := sorted(given.keys() - set(FIELDS)):
            raise _bad(f"There is no option {strange[0]!a}. Known: {', '.join(FIELDS)}.")
        if "frames" in given and "fps" in given:
            raise _bad("Give frames or fps, not both.")
        fps = _number(given, "fps")
        return cls(
            detectors=_names(given["detectors"]) if "detectors" in given else None,
            at=given.get("at", AT),
            promise=_number(given, "promise"),
            frames=_frames(given.get("frames", str(FRAMES))) if fps is None else None,
            fps=fps,
            pictures=_whether(given, "pictures"),
        )

    def document(self) -> dict[str, Any]:
        """The same for JSON."""
        told = asdict(self)
        return told | {"detectors": list(self.detectors) if self.detectors else None}

    def models(self) -> list[str]:
        """Check everything that can only be checked with the detectors at hand.

        Returns:
            sha256 of the networks that an analysis would be made with.

        Raises:
            ConfigError: As `unmask.check`.
            BundleError: As `unmask.check`.
        """
        from unmask.judge import points
        from unmask.judge.bundle import embedded_detectors, resolve
        from unmask.judge.conformal import promise
        from unmask.judge.fuse import fitted_for

        cards = [resolve(name).card for name in self.detectors or embedded_detectors()]
        _refuse_others(cards)
        rate, fusion = points.parse(self.at), fitted_for(cards)
        points.fused_threshold(cards, rate, fusion)
        for card in cards:
            points.threshold(card, rate)
        if self.promise is not None:
            promise(cards, fusion, self.promise)
        return [card.model.sha256 for card in (resolve("face-finder").card, *cards)]


def key(files: Sequence[Mapping[str, Any]], *conditions: object) -> str:
    """What is the same for the same bytes under the same conditions, and for nothing else."""
    told = json.dumps([[file["sha256"] for file in files], *conditions], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def catalogue() -> list[dict[str, Any]]:
    """The detectors that are here, as the API tells them."""
    from unmask.judge.bundle import embedded, embedded_detectors, installed, resolve

    ours = embedded_detectors()
    names = dict.fromkeys([*embedded(), *installed()])
    cards = [card for name in names if (card := resolve(name).card).detects]
    return [
        {
            "name": card.name,
            "version": card.version,
            "task": card.task,
            "title": card.title,
            "description": card.description,
            "limits": list(card.limits),
            "default": card.name in ours,
            "sha256": card.model.sha256,
        }
        for card in cards
    ]


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if len(names) > MOST_DETECTORS:
        raise _bad(f"At most {MOST_DETECTORS} detectors.")
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigError("unknown_detector", f"{name!a} is not the name of a detector.")
    return names


def _refuse_others(cards: Sequence[Card]) -> None:
    for card in cards:
        if not card.detects:
            raise _bad(f"{card.name} is no detector: it has no logit.")


def _frames(text: str) -> int | None:
    if text == "all":
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= MOST_FRAMES):
        raise _bad(f"frames takes a number from 1 to {MOST_FRAMES} or all, not {text!a}.")
    return int(text)


def _number(given: Mapping[str, str], name: str) -> float | None:
    if name not in given:
        return None
    try:
        value = float(given[name])
    except ValueError:
        value = float("nan")
    if not 0 < value <= 1000:
        raise _bad(f"{name} takes a number above 0, not {given[name]!a}.")
    return value


def _whether(given: Mapping[str, str], name: str) -> bool:
    told = given.get(name, "yes")
    if told not in {"yes", "no"}:
        raise _bad(f"{name} takes yes or no, not {told!a}.")
    return told == "yes"


def _bad(message: str) -> ConfigError:
    return ConfigError("bad_option", message[:500])
