"""A look into an ONNX file before any runtime opens it.

An ONNX file may name other files for its weights ("external data"). A bundle is one file and one
card, so such a model is refused here, before ONNX Runtime could follow the name to anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

Bytes = bytes | memoryview

# Field numbers of onnx.proto: message -> field -> message inside. Only ways to a tensor are listed.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_ELSEWHERE = (13, 14)  # external_data, data_location: 0 or absent means in this file
_KEY = b"location"  # under which external data name their file, letter by letter
_SHORT = 1 << 16
_MAX_DEPTH = 64


def external(data: Bytes, message: str = "model", depth: int = 0) -> bool:
    """Tell whether any tensor of an ONNX file keeps its values in another file.

    Args:
        data: The file's bytes.
        message: Kind of protobuf message that `data` is.
        depth: How deep this message lies.

    Raises:
        ValueError: When the bytes are not protobuf or nest deeper than any network does.
    """
    if depth > _MAX_DEPTH:
        raise ValueError("messages nest too deep")
    for field, value in _fields(memoryview(data)):
        if message == "tensor" and field in _ELSEWHERE and value != 0:
            return True
        inside = _INSIDE[message].get(field)
        if not inside or not isinstance(value, memoryview):
            continue
        if len(value) < _SHORT and _KEY not in value.tobytes():
            continue  # looking for the word is far quicker than taking hundreds of nodes apart
        if external(value, inside, depth + 1):
            return True
    return False


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of a protobuf message; fixed-width values come as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if key >> 32:
            raise ValueError("a field number is too large")
        if wire == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire not in (1, 2, 5):
            raise ValueError(f"wire type {wire}")
        length, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
        if at + length > len(data):
            raise ValueError("a field reaches over the end")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("the file ends within a number")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")
