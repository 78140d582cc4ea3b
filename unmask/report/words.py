"""The wording of the page, and text made safe to show.

A verdict never says that something is authentic. File names and file contents come from strangers:
whatever is not plainly visible in them (controls, direction overrides, zero-width marks, bytes that
are not text) is shown as its code, so that no name can pretend to be another.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from unmask.types import Finding, Interval, Plane

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WEAK = 0.3
_ROWS = ("upper", "", "lower")
_COLUMNS = ("left", "", "right")


class State(NamedTuple):
    """What a finding amounts to: a word for programs and one for people, strongest first."""

    order: int
    key: str
    title: str
    short: str


MANIPULATED = State(0, "manipulated", "Likely manipulated", "likely manipulated")
INCONCLUSIVE = State(1, "inconclusive", "Inconclusive", "inconclusive")
NO_EVIDENCE = State(2, "none", "No evidence of manipulation found", "without evidence")
NO_FACE = State(3, "noface", "No face found", "without a face")
FAILED = State(4, "failed", "Could not be examined", "not examined")
STATES = (MANIPULATED, INCONCLUSIVE, NO_EVIDENCE, NO_FACE, FAILED)

_VERDICTS = {
    "likely_manipulated": MANIPULATED,
    "inconclusive": INCONCLUSIVE,
    "no_evidence": NO_EVIDENCE,
}


def state(finding: Finding) -> State:
    """What to call a finding; that no face was found outranks the verdict."""
    if finding.error or finding.verdict is None:
        return FAILED
    return NO_FACE if "no_face" in finding.reasons else _VERDICTS[finding.verdict]


def percent(value: float | None) -> str:
    """A probability for people, which never claims certainty.

    Example:
        >>> percent(0.934), percent(0.999), percent(None)
        ('93%', '>99%', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value >= 0.995:
        return ">99%"
    return "<1%" if value <= 0.005 else f"{value:.0%}"


def between(interval: Interval | None) -> str:
    """An interval of probabilities for people, empty when there is none.

    Example:
        >>> between((0.881, 0.962))
        '88% to 96%'
    """
    if interval is None or not all(math.isfinite(end) for end in interval):
        return ""
    low, high = percent(interval[0]), percent(interval[1])
    return low if low == high else f"{low} to {high}"


def clock(seconds: float | None, digits: int = 1) -> str:
    """A moment of a video.

    Example:
        >>> clock(67.26), clock(3723.0, 0)
        ('1:07.3', '1:02:03')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    scale = 10**digits
    ticks = round(seconds * scale)
    minutes, rest = divmod(ticks, 60 * scale)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // scale:02d}" + (f".{rest % scale:0{digits}d}" if digits else "")
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def moment(created: str) -> str:
    """A time of day as ISO 8601 for people; any other text as it is.

    Example:
        >>> moment("2025-11-20T20:31:07Z")
        '2025-11-20 20:31:07 UTC'
    """
    try:
        return f"{datetime.fromisoformat(created).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):
        return created


def count(n: int, one: str, many: str = "") -> str:
    """A number with its noun.

    Example:
        >>> count(1, "face"), count(2, "face")
        ('1 face', '2 faces')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def under_prior(probability: float, prior: float) -> float:
    """The probability once more, when the share of manipulated faces is `prior` and not one half.

    Example:
        >>> round(under_prior(0.95, 0.01), 3)
        0.161
    """
    odds = probability / (1 - probability) * prior / (1 - prior)
    return odds / (1 + odds)


def where(heat: Plane) -> str:
    """Where a heat map is strongest, as seen in the picture; "" when it is weak everywhere.

    Example:
        >>> where(np.eye(3, dtype=np.float32)[::-1] * [0, 0, 1])
        'upper right'
    """
    heat = np.nan_to_num(heat)
    if heat.max(initial=0) < _WEAK:
        return ""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    words = (_ROWS[int(row * 3 // heat.shape[0])], _COLUMNS[int(column * 3 // heat.shape[1])])
    told = " ".join(filter(None, words)) or "middle"
    return told if all(words) or not any(words) else f"{told} part"


def clip(text: str, limit: int) -> str:
    """Text cut in its middle, so that a name's ending stays readable.

    Example:
        >>> clip("a-very-long-name.jpg", 12)
        'a-very….jpg'
    """
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f"{text[: limit - tail - 2]}…{text[-tail:]}"


def plain(text: str) -> str:
    """Text for an attribute: escaped, with unseen characters shown as their codes.

    Example:
        >>> plain("a\u202egpj.exe")
        'a[U+202E]gpj.exe'
    """
    return html.escape("".join(f"[{_code(c)}]" if _unseen(c) else c for c in text))


def escape(text: str) -> str:
    """Text for an element: escaped, with unseen characters as marked codes.

    Example:
        >>> escape("<b>")
        '&lt;b&gt;'
    """
    return "".join(
        f'<mark class="code">{_code(c)}</mark>' if _unseen(c) else html.escape(c) for c in text
    )


def _unseen(char: str) -> bool:
    return not " " <= char <= "~" and unicodedata.category(char) in _UNSEEN


def _code(char: str) -> str:
    code = ord(char)
    return f"\\x{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else f"U+{code:04X}"


def false_alarms(operating_point: str) -> str:
    """What an operating point such as "fpr=0.05" promises, or "" for another kind.

    Example:
        >>> false_alarms("fpr=0.05")
        'about 5 of 100'
    """
    match = re.fullmatch(r"fpr=(0?\.\d+)", operating_point)
    rate = float(match[1]) if match else 0.0
    if not rate:
        return ""
    base = 100
    while rate * base < 1:
        base *= 10
    return f"about {rate * base:.3g} of {base:,}"
