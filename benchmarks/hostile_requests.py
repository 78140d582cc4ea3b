"""Requests that no honest client sends: names, forms and HTTP of the worst kind.

Each is what a client does on its connection: bytes to send, pauses in seconds, and at its end
either the wish to hear the answer or a rude farewell.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass

from serving import part

MARK = "hostile-marker"
"""In every name and every content that is sent; it must be found nowhere after the end."""

EDGE = "edge-of-a-part"
FORM = f"multipart/form-data; boundary={EDGE}"
JUNK = b"no picture: " + MARK.encode()
Step = bytes | float


@dataclass(frozen=True)
class Request:
    """One connection.

    Attributes:
        way: Kind of hostility, for the table.
        about: What is wrong with it.
        steps: Bytes and pauses.
        leaves: Whether the client goes away instead of listening.
        passes: Whether it may be answered with success: it is odd, but nothing is wrong with it.
    """

    way: str
    about: str
    steps: tuple[Step, ...]
    leaves: bool = False
    passes: bool = False


def everything() -> Iterator[Request]:
    """All of them."""
    for makers in (names, forms, boundaries, floods, lengths, chunks, heads, methods, kinds, slow):
        yield from makers()


# --- building blocks ---------------------------------------------------------------------------


def head(*lines: str | bytes, method: str = "POST", path: str = "/v1/analyses") -> bytes:
    """A request's head; the host's port is filled in when it is sent."""
    raw = [line if isinstance(line, bytes) else line.encode("latin-1") for line in lines]
    first = f"{method} {path} HTTP/1.1".encode("latin-1")
    return b"\r\n".join((first, b"Host: 127.0.0.1:PORT", *raw, b"", b""))


def whole(body: bytes, kind: str = FORM, *lines: str) -> bytes:
    """A request whose length is right."""
    return head(f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines) + body


def body(*parts: bytes, edge: bytes = EDGE.encode(), last: bool = True) -> bytes:
    """A form made of parts."""
    end = b"--%b--\r\n" % edge if last else b""
    return b"".join(b"--%b\r\n%b\r\n" % (edge, one) for one in parts) + end


def file(name: str | bytes = f"{MARK}.jpg", content: bytes = JUNK) -> bytes:
    """A part with a file of that name."""
    told = name.encode() if isinstance(name, str) else name
    return part(b'name="files"; filename="%b"' % told, content)


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


# --- names -------------------------------------------------------------------------------------

NAMES: tuple[bytes, ...] = (
    *(f"{up}{MARK}".encode() for up in ("../" * 9, "..\\" * 9, "/", "//", "C:\\", "\\\\host\\")),
    *(f"{place}{MARK}".encode() for place in ("/etc/cron.d/", "~/.ssh/", "%2e%2e%2f", "....//")),
    *(f"{MARK}{tail}".encode() for tail in ("/..", "/.", "/", "\\", ".", " ", "\t", "::$DATA")),
    *(MARK.encode() + tail for tail in (b"\0.jpg", b"\x1b[2J", b"\x7f", b"\x08" * 40, b"\xff\xfe")),
    *(MARK.encode() + tail for tail in (b"\xc0\xaf..", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")),
    *(f"{MARK}{mark}gpj.exe".encode() for mark in ("\u202e", "\u2066", "\u200b", "\ufeff")),
    *(f"{MARK}{html}".encode() for html in ("<script>1</script>", "'><img src=x>", "{{7*7}}")),
    *(f"{MARK}{odd}".encode() for odd in ("'; DROP TABLE analyses;--", "$(id)", "`id`", "|id")),
    *(f"=cmd|{MARK}!A1,+1,-1,@x".encode(), b"-rf " + MARK.encode(), b"file:///" + MARK.encode()),
    *(b"", b".", b"..", b"...", b" ", b"CON", b"unmask.sqlite3", b"0", b"report.html"),
    MARK.encode() * 700,
    MARK.encode() + b"/x" * 5000,
    MARK.encode() + "\U0001f642".encode() * 2500,
)


def names() -> Iterator[Request]:
    """Well-formed forms with a file whose name leads somewhere; the file is no picture."""
    for number, name in enumerate(NAMES):
        content = JUNK + b" %d" % number
        yield Request("name", repr(name[:24]), (whole(body(file(name, content))),), passes=True)
    for told in (b"filename*=UTF-8''..%2f..%2fx", b'filename="a"; filename="../b"', b"filename="):
        one = part(b'name="files"; ' + told, JUNK + told)
        yield Request("name", repr(told[:24]), (whole(body(one)),), passes=True)


# --- forms -------------------------------------------------------------------------------------


def forms() -> Iterator[Request]:
    """Bodies that are no form of ours."""
    inner = body(file(), edge=b"inner")
    nested = b"Content-Type: multipart/mixed; boundary=inner\r\n\r\n" + inner
    field = part('name="frames"', b"32")
    wrong = {
        "nothing in it": b"",
        "only the end": b"--%b--\r\n" % EDGE.encode(),
        "no file": body(field),
        "no last boundary": body(file(), last=False),
        "stops in a header": body(file())[:50],
        "no header in a part": body(b"\r\n" + JUNK),
        "no disposition": body(b"Content-Type: image/jpeg\r\n\r\n" + JUNK),
        "no name": body(part('filename="x"', JUNK)),
        "no file name": body(part('name="files"', JUNK)),
        "another disposition": body(
            b'Content-Disposition: attachment; name="files"\r\n\r\n' + JUNK
        ),
        "unknown field": body(file(), part('name="path"', b"/etc/passwd")),
        "unknown file": body(file(), part('name="model"; filename="x.onnx"', JUNK)),
        "an address": body(file(), part('name="url"', b"http://127.0.0.1/")),
        "a field as a file": body(file(), part('name="frames"; filename="x"', b"32")),
        "a field twice": body(file(), field, field),
        "both frames and fps": body(file(), field, part('name="fps"', b"2")),
        "a part of parts": body(b'Content-Disposition: form-data; name="files"\r\n' + nested),
        "bare line feeds": body(file()).replace(b"\r\n", b"\n"),
        "bare carriage returns": body(file()).replace(b"\r\n", b"\r"),
        "a folded header": body(b'Content-Disposition: form-data;\r\n name="x"\r\n\r\n' + JUNK),
        "NUL in a header": body(part('name="fi\0les"; filename="x"', JUNK)),
        "header without a colon": body(b"Content-Disposition\r\n\r\n" + JUNK),
        "empty header name": body(b": form-data\r\n\r\n" + JUNK),
        "binary noise": bytes(range(256)) * 64,
    }
    for about, sent in wrong.items():
        yield Request("form", about, (whole(sent),))
    for name, text in _fields():
        sent = body(part(f'name="{name}"', text), file())
        yield Request("field", f"{name} {text[:20]!r}", (whole(sent),))
    yield Request("form", "text after the end", (whole(body(file()) + JUNK * 9),), passes=True)
    yield Request("form", "text before it", (whole(JUNK + b"\r\n" + body(file())),), passes=True)
    coded = b"Content-Transfer-Encoding: base64\r\n" + file(content=JUNK + b"64")
    yield Request("form", "base64", (whole(body(coded)),), passes=True)


def _fields() -> Iterator[tuple[str, bytes]]:
    for text in (
        b"../../etc",
        b"/tmp",
        b"\xff\xfe",
        b"face-forgery\0",
        b"nobody",
        b"a," * 40,
        b",",
    ):
        yield "detectors", text
    for text in (b"fpr=nan", b"fpr=1e999", b"fpr=-1", b"\xff", b"fpr=0.05;", b"1", b"fpr=1e-300"):
        yield "at", text
    for text in (b"nan", b"inf", b"-1", b"1e-300", b"0x10"):
        yield "promise", text
    for text in (b"-1", b"0", b"1e9", b"9" * 3000, b"\xd9\xa3", b"ALL", b"1.5"):
        yield "frames", text
    for text in (b"nan", b"-0", b"1e309", b"1_0_0_0_0"):
        yield "fps", text


def boundaries() -> Iterator[Request]:
    """Content types whose boundary is missing, doubled, overlong or misleading."""
    base, sent = "multipart/form-data", body(file())
    told = {
        "missing": base,
        "empty": f"{base}; boundary=",
        "empty, quoted": f'{base}; boundary=""',
        "other": f"{base}; boundary=another",
        "twice": f"{base}; boundary=another; boundary=third",
        "71 characters": f"{base}; boundary={'x' * 71}",
        "10 kB": f"{base}; boundary={'x' * 10_000}",
        "not ASCII": f"{base}; boundary=\xff\xfe",
        "unclosed quote": f'{base}; boundary="{EDGE[:-3]}',
        "of nothing": "; boundary=x",
        "mixed": f"multipart/mixed; boundary={EDGE}",
        "of a list": f"{base}, {base}; boundary={EDGE}",
    }
    for about, kind in told.items():
        yield Request("boundary", about, (whole(sent, kind),))
    yield Request("boundary", "two types", (whole(sent, base, f"Content-Type: {FORM}"),))


def floods() -> Iterator[Request]:
    """A lot of everything."""
    tiny = part('name="frames"', b"1")
    lots = {
        "10,000 files": body(*(file(content=b"%d" % i) for i in range(10_000))),
        "10,000 fields": body(*[tiny] * 10_000),
        "33 files": body(*(file(content=b"%d" % i) for i in range(33))),
        "a field of 10 MB": body(file(), part('name="detectors"', b"a" * 10_000_000)),
        "a part's header of 5 MB": body(b"X: " + b"y" * 5_000_000 + b"\r\n" + file()),
        "100,000 headers of a part": body(b"X: y\r\n" * 100_000 + file()),
        "a name of 5 MB": body(part(b'name="%b"' % (b"z" * 5_000_000), JUNK)),
        "a file name of 5 MB": body(file(b"n" * 5_000_000)),
        "40 MB in one file": body(file(content=bytes(40_000_000))),
        "24 MB of boundaries": (b"--%b\r\n" % EDGE.encode()) * 1_200_000,
        "24 MB of line ends": b"\r\n" * 12_000_000,
        "24 MB of nearly boundaries": (b"\r\n--%bx" % EDGE[:-1].encode()) * 1_300_000,
    }
    for about, sent in lots.items():
        yield Request("flood", about, (whole(sent),))
    many = [f"X-{i}: {MARK}" for i in range(10_000)]
    yield Request("flood", "10,000 headers", (whole(body(file()), FORM, *many),))
    yield Request(
        "flood", "a header of 1 MB", (whole(body(file()), FORM, "X: " + "y" * 1_000_000),)
    )
    yield Request("flood", "a path of 1 MB", (head(method="GET", path="/" + "a" * 1_000_000),))
    page = head(method="GET", path="/?q=" + "a" * 60_000)
    yield Request("flood", "a query of 60 kB", (page,), passes=True)
    path = "/v1/analyses?q=" + "a" * 10_000
    yield Request("flood", "a long search", (head(method="GET", path=path),))


# --- HTTP --------------------------------------------------------------------------------------


def lengths() -> Iterator[Request]:
    """Lengths that are not those of the body."""
    sent, kind = body(file()), f"Content-Type: {FORM}"
    size = len(sent)
    for told in ("-1", "abc", "0x10", "1e3", "+5", "", "1 2", "9" * 40, "5;5", "\xb2"):
        yield Request("length", told, (head(kind, f"Content-Length: {told}") + sent,))
    for told in (str(2**62), str(10**12), str(1 << 31)):
        yield Request("length", told, (head(kind, f"Content-Length: {told}"),))
    two = (f"Content-Length: {size}", f"Content-Length: {size + 3}")
    yield Request("length", "two that differ", (head(kind, *two) + sent,))
    yield Request("length", "a list", (head(kind, f"Content-Length: {size}, {size + 1}") + sent,))
    yield Request("length", "too short", (head(kind, f"Content-Length: {size - 9}") + sent,))
    yield Request("length", "none", (head(kind) + sent,))
    promised = head(kind, f"Content-Length: {size + 900}")
    for share in (0, 1, size // 2, size - 1, size):
        yield Request("abort", f"after {share} bytes", (promised + sent[:share],), leaves=True)
    big = head(kind, "Content-Length: 20000000") + body(file(), last=False)
    for megabytes in (1, 4, 9):
        steps = (big + bytes(megabytes * 1_000_000), 0.1)
        yield Request("abort", f"in a file, after {megabytes} MB", steps, leaves=True)
    yield Request("abort", "before it listens", (whole(body(file(content=JUNK * 3))),), leaves=True)


def chunks() -> Iterator[Request]:
    """Chunked bodies, and shapes that two servers in a row would read differently."""
    kind, coded = f"Content-Type: {FORM}", "Transfer-Encoding: chunked"
    sent = body(file(content=JUNK + b" chunked"))
    yield Request(
        "chunks", "a byte each", (head(kind, coded) + chunked(*_bytes(sent)),), passes=True
    )
    odd = {
        "size is no number": b"xyz\r\n" + sent,
        "size is negative": b"-1\r\n" + sent,
        "size of 30 digits": b"f" * 30 + b"\r\n" + sent,
        "size is a lie": b"5\r\n" + sent,
        "extension of 1 MB": b"5;" + b"x" * 1_000_000 + b"\r\nhello\r\n0\r\n\r\n",
        "only the end": b"0\r\n\r\n",
    }
    for about, raw in odd.items():
        yield Request("chunks", about, (head(kind, coded) + raw,))
    block = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    endless = head(kind, coded) + b"%x\r\n%b\r\n" % (len(sent) - 30, sent[:-30]) + block * 40
    yield Request("chunks", "without end", (endless,))
    for other in ("gzip", "chunked, chunked", "identity, chunked", "xchunked", "chunked\t;x", ""):
        raw = head(kind, f"Transfer-Encoding: {other}") + chunked(sent)
        yield Request("chunks", f"coding {other!r}", (raw,))
    inner = head(method="DELETE", path="/v1/analyses/" + "0" * 32)
    both = (kind, f"Content-Length: {len(sent)}", coded)
    yield Request("smuggle", "length and chunks", (head(*both) + chunked(sent) + inner,))
    yield Request("smuggle", "chunks and length", (head(kind, coded, "Content-Length: 4") + inner,))
    yield Request("smuggle", "coding with a space", (head(kind, "Transfer-Encoding : chunked"),))
    yield Request(
        "smuggle", "coding folded", (head(kind, "Transfer-Encoding:\r\n chunked") + b"0\r\n\r\n",)
    )
    yield Request("smuggle", "coding after NUL", (head(kind, "X: y\0Transfer-Encoding: chunked"),))
    yield Request("smuggle", "line feed in a header", (head(kind, f"X: y\n{coded}") + inner,))
    yield Request("smuggle", "line feed in the path", (head(path="/ HTTP/1.1\nX: y"),))


def _bytes(sent: bytes) -> Iterator[bytes]:
    return (sent[i : i + 1] for i in range(len(sent)))


def heads() -> Iterator[Request]:
    """Heads that are not HTTP, or not for this server."""
    line = b"GET /v1/analyses HTTP/1.1\r\n"
    raw = {
        "no host": line + b"\r\n",
        "two hosts": line + b"Host: 127.0.0.1:PORT\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "another host": line + b"Host: attacker.example\r\n\r\n",
        "another port": line + b"Host: 127.0.0.1:1\r\n\r\n",
        "user at host": line + b"Host: x@127.0.0.1:PORT\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40),
        "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60) + b"\r\n\r\n",
        "SSH": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "noise": bytes(range(256)) * 4 + b"\r\n\r\n",
        "space before a colon": line + b"Host : 127.0.0.1:PORT\r\n\r\n",
        "NUL in a header": line + b"Host: 127.0.0.1:PORT\r\nX: \0\r\n\r\n",
        "space in the path": b"GET /a b HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "carriage return in it": line + b"Host: 127.0.0.1:PORT\r\nX: a\rb\r\n\r\n",
    }
    for about, sent in raw.items():
        yield Request("head", about, (sent,), passes=about == "HTTP/9.9")
    for told in ("https://attacker.example", "null", "http://127.0.0.1:1", "file://"):
        sent = whole(body(file()), FORM, f"Origin: {told}")
        yield Request("origin", told, (sent,))
    for told in ("cross-site", "same-site", "\xff"):
        yield Request("origin", told, (whole(body(file()), FORM, f"Sec-Fetch-Site: {told}"),))


def methods() -> Iterator[Request]:
    """Methods and paths that there are none of."""
    for method in ("PUT", "PATCH", "TRACE", "CONNECT", "PROPFIND", "X" * 3000, "get", "OPTIONS"):
        yield Request("method", method[:12], (head("Content-Length: 0", method=method),))
    places = ("/../../etc/passwd", "/page/../../app.py", "/page/%2e%2e/app.py", "/page//etc/passwd")
    places += ("/%00", "/v1/analyses/%2e%2e%2f", "/v1/analyses/..", "/v1/analyses/" + "0" * 32)
    places += ("/v1/analyses/%00", "/v1/analyses/" + "A" * 32, "/v1/analyses/x/pictures/../x.jpg")
    places += ("/v1/analyses?limit=-1", "/v1/analyses?cursor=9" + "9" * 30, "/page/%2f%2fetc")
    places += ("//evil.example/v1/analyses?limit=x", "/v1/analyses?limit=1e9", "/\xff\xfe", "*")
    for place in places:
        yield Request("path", place[:30], (head(method="GET", path=place),))


def kinds() -> Iterator[Request]:
    """Bodies of another kind than they should be, and headers that ask for more than there is."""
    sent = body(file(content=JUNK + b" of another kind"))
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "", "\xff"):
        yield Request("kind", repr(kind), (whole(sent, kind),))
    yield Request("kind", "gzip", (whole(gzip.compress(sent), FORM, "Content-Encoding: gzip"),))
    bomb = gzip.compress(bytes(20_000_000))
    yield Request("kind", "gzip bomb", (whole(bomb, FORM, "Content-Encoding: gzip"),))
    yield Request("kind", "a picture alone", (whole(JUNK, "image/jpeg"),))
    for told in ("Range: bytes=0-9", "Expect: 100-continue", "Expect: 900", "If-Match: *"):
        yield Request("kind", told, (whole(sent, FORM, told),), passes=True)
    for told in (
        "Connection: Upgrade\r\nUpgrade: websocket",
        "Connection: Upgrade\r\nUpgrade: h2c",
    ):
        yield Request("kind", told[-12:], (whole(sent, FORM, told),), passes=True)


def slow() -> Iterator[Request]:
    """Clients that take their time; they are let run beside one another."""
    line = head()[:-2]
    drip = tuple(step for i in range(40) for step in (f"X-{i}: y\r\n".encode(), 0.7))
    yield Request("slow", "a header now and then", (line, *drip))
    yield Request("slow", "half a head", (line, 30.0))
    yield Request("slow", "nothing at all", (30.0,))
    start = head(f"Content-Type: {FORM}", "Content-Length: 5000") + body(file(), last=False)
    yield Request("slow", "half a body", (start, 30.0))
