import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.errors import InputError
from unmask.media import iso


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def look(data: bytes) -> iso.Boxes:
    return iso.look(io.BytesIO(data), len(data))


def refused(data: bytes) -> bool:
    with pytest.raises(InputError) as caught:
        look(data)
    return caught.value.code == "unreadable"


def numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def handler(kind: bytes) -> bytes:
    return box(b"hdlr", bytes(8) + kind + bytes(12))


def test_a_real_file(film: Callable[..., Path]) -> None:
    data = film("a.mp4", "mp4v", 30).read_bytes()
    found = look(data)
    assert found.brand == "isom"
    assert found.samples == 30
    assert found.texts["encoder"].startswith(b"Lavf")
    assert not found.overrun
    assert look(film("a.mov", "MJPG", 5).read_bytes()).texts["software"].startswith(b"Lavf")


def test_a_box_over_the_end_tells_of_a_file_cut_short() -> None:
    assert look(box(b"ftyp", b"isom") + numbers(1000) + b"mdat" + bytes(90)).overrun


def test_lengths_of_eight_bytes_and_to_the_end() -> None:
    wide = numbers(1) + b"mdat" + struct.pack(">Q", 40) + bytes(24)
    assert look(wide + box(b"ftyp", b"qt  ")).brand == "qt"
    open_end = look(box(b"ftyp", b"mp42") + numbers(0) + b"mdat" + bytes(99))
    assert (open_end.brand, open_end.overrun) == ("mp42", False)


@pytest.mark.parametrize(
    "table",
    [
        box(b"stsz", numbers(0, 1, 50_000_000)),
        box(b"trun", numbers(0, 50_000_000)),
        box(b"free", box(b"stsz", numbers(0, 1, 50_000_000))),
        handler(b"soun") + box(b"stsz", numbers(0, 1, 50_000_000)),
        handler(b"soun") + box(b"stts", numbers(0, 1, 9, 2)) + box(b"stsz", numbers(0, 4, 1 << 31)),
        box(b"cmov", b"compressed"),
    ],
)
def test_tables_that_would_exhaust_memory_are_refused(table: bytes) -> None:
    assert refused(box(b"moov", table))


def test_claims_are_added_up_over_all_boxes() -> None:
    part = box(b"moof", box(b"trun", numbers(0, 1_500_000)))
    assert look(part * 2).samples == 3_000_000
    assert refused(part * 3)


def test_uncompressed_sound_may_have_many_samples() -> None:
    sound = handler(b"soun") + handler(b"alis") + box(b"stts", numbers(0, 1, 48_000 * 3600, 1))
    assert look(box(b"moov", sound + box(b"stsz", numbers(0, 4, 48_000 * 3600)))).samples == 0


def test_endless_boxes_and_endless_tables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(box(b"skip", b"") * 50).samples == 0
    monkeypatch.setattr(iso, "_MOST_BOXES", 40)
    assert refused(box(b"skip", b"") * 50)
    monkeypatch.setattr(iso, "_LONGEST_BOX", 100)
    assert refused(box(b"moov", bytes(101)))
    assert look(box(b"mdat", bytes(101))).samples == 0


def test_quicktimes_newer_texts() -> None:
    def entry(index: int, text: bytes) -> bytes:
        return box(numbers(index), box(b"data", numbers(1, 0) + text))

    keys = b"".join(box(b"mdta", b"com.apple.quicktime." + word) for word in (b"make", b"software"))
    meta = box(b"keys", numbers(0, 2) + keys) + box(
        b"ilst", entry(1, b"Acme") + entry(2, b"17.5") + entry(3, b"stray")
    )
    assert look(box(b"moov", box(b"meta", meta))).texts == {"make": b"Acme", "software": b"17.5"}
