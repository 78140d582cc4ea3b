from __future__ import annotations

import pytest

from unmask.cli._text import safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Fête à Łódź 写真.jpg", "Fête à Łódź 写真.jpg"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("line\nbreak\r\t", "line\\nbreak\\r\\t"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj.\u202efdp", "gpj.\\u202efdp"),
        ("a\u2028b", "a\\u2028b"),
        ("caf\udce9.jpg", "caf\\udce9.jpg"),
    ],
)
def test_safe(text: str, shown: str) -> None:
    assert safe(text) == shown
    safe(text).encode("utf-8")
