import pytest

from unmask.errors import InputError
from unmask.media.sniff import sniff


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG", "image"),
        (b"\x89PNG\r\n\x1a\n", "PNG", "image"),
        (b"GIF87a", "GIF", "image"),
        (b"II+\x00\x08\x00", "TIFF", "image"),
        (b"MM\x00*\x00\x00", "TIFF", "image"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "WebP", "image"),
        (b"BM" + bytes(12) + b"\x28\x00\x00\x00" + bytes(9), "BMP", "image"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00mif1", "AVIF", "image"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00avif", "AVIF", "image"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "AVI", "video"),
        (b"\x1aE\xdf\xa3\x9fB\x82\x84webm", "WebM", "video"),
        (b"\x1aE\xdf\xa3\xa3B\x82\x88matroska", "MKV", "video"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00", "MP4", "video"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00", "MOV", "video"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "MOV", "video"),
    ],
)
def test_formats_by_their_first_bytes(head: bytes, name: str, kind: str) -> None:
    assert sniff(head) == (name, kind)


@pytest.mark.parametrize(
    "head",
    [
        b"#EXTM3U\n#EXTINF:9,\nother.mp4\n",
        b"ffconcat version 1.0\nfile 'other.mp4'\n",
        b"BMW and other cars, a plain text of some length",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"\x00" * 64,
        b"x",
    ],
)
def test_everything_else_is_refused(head: bytes) -> None:
    with pytest.raises(InputError) as caught:
        sniff(head)
    assert caught.value.code == "unsupported_format"


def test_heic_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="HEIC") as caught:
        sniff(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")
    assert caught.value.code == "unsupported_format"
