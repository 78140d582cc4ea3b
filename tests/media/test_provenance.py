import io
from collections.abc import Callable

import pytest
from PIL import Image, PngImagePlugin

from unmask.media import provenance

XMP = (
    b'<x:xmpmeta><rdf:Description xmp:CreatorTool="Paint &amp; more 3.0"'
    b' Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/x/trainedAlgorithmicMedia"/></x:xmpmeta>'
)


def facts(data: bytes) -> dict:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return {fact.name: fact.value for fact in provenance.photo_facts(image)}


def test_camera_and_program_by_exif(drawn: Callable, encoded: Callable) -> None:
    exif = Image.Exif()
    exif[271], exif[272], exif[305] = "Acme", "Box 3\x00\x00", "Fixit 7"
    exif[306] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8769)[36867] = "2024:05:05 01:02:03"
    assert facts(encoded(drawn(), "JPEG", exif=exif.tobytes())) == {
        "exif.make": "Acme",
        "exif.model": "Box 3",
        "exif.software": "Fixit 7",
        "exif.datetime": "2024:05:06 07:08:09",
        "exif.taken": "2024:05:05 01:02:03",
    }


def test_a_picture_without_history_has_no_facts(drawn: Callable, encoded: Callable) -> None:
    assert facts(encoded(drawn(), "JPEG")) == {}


def test_broken_exif_is_a_fact(
    drawn: Callable, encoded: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise SyntaxError("not a TIFF header")

    monkeypatch.setattr(Image.Image, "getexif", fail)
    assert facts(encoded(drawn(), "JPEG"))["exif.broken"] == "not a TIFF header"


@pytest.mark.parametrize("packet", [XMP, XMP.decode()])
def test_xmp_tells_the_tool_and_the_kind_of_source(packet: object) -> None:
    image = Image.new("RGB", (8, 8))
    image.info["xmp"] = packet
    found = {fact.name: fact.value for fact in provenance.photo_facts(image)}
    assert found["xmp.creator_tool"] == "Paint &amp; more 3.0"
    assert found["xmp.digital_source"].endswith("trainedAlgorithmicMedia")


def test_words_that_generators_leave_in_a_png(drawn: Callable, encoded: Callable) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a face\nSteps: 20, " + "x" * 500)
    found = facts(encoded(drawn(), "PNG", pnginfo=text))["text.parameters"]
    assert found.startswith("a face Steps: 20, xxx")
    assert len(found) == 200


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Canon\x00\x00", "Canon"),
        (b"\xff\xfe bad", "�� bad"),
        ("a\x1b[31m\nb\u202e", "a [31m b"),
        (7, "7"),
    ],
)
def test_a_files_text_is_made_harmless(raw: object, text: str) -> None:
    assert provenance.clean(raw) == text


def test_every_fact_says_what_it_cannot_prove(drawn: Callable, encoded: Callable) -> None:
    exif = Image.Exif()
    exif[305] = "Fixit"
    with Image.open(io.BytesIO(encoded(drawn(), "JPEG", exif=exif.tobytes()))) as image:
        assert all("proves nothing" in f.note for f in provenance.photo_facts(image))
