import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from unmask.judge.onnxfile import external


def outside_tensor() -> TensorProto:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="other.bin")
    return tensor


def in_initializer(tensor: TensorProto):
    return helper.make_model(helper.make_graph([], "g", [], [], [tensor]))


def in_constant(tensor: TensorProto):
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    return helper.make_model(helper.make_graph([node], "g", [], []))


def in_branch(tensor: TensorProto):
    branch = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "b", [], [])
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    return helper.make_model(helper.make_graph([node], "g", [], []))


def in_function(tensor: TensorProto):
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    function = helper.make_function("own", "F", [], ["c"], [node], [helper.make_opsetid("", 18)])
    return helper.make_model(helper.make_graph([], "g", [], []), functions=[function])


PLACES = [in_initializer, in_constant, in_branch, in_function]


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found_wherever_a_tensor_can_be(place) -> None:
    assert external(place(outside_tensor()).SerializeToString())


@pytest.mark.parametrize("place", PLACES)
def test_weights_inside_are_no_external_data(place) -> None:
    inside = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    assert not external(place(inside).SerializeToString())


@pytest.mark.parametrize(
    "data",
    [
        b"\x3a\x05\x01",  # the length reaches over the end
        b"\x0b",  # a group, which ONNX has not
        b"\x80",  # the file ends within a number
        b"\xff" * 10 + b"\x01",  # a number too long
        b"\x80\x80\x80\x80\x80\x01",  # a field number too large
        b"\x09\x00",  # eight bytes promised
    ],
)
def test_bytes_that_are_not_protobuf(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        external(data)


def test_nesting_is_bounded() -> None:
    def field(number: int, data: bytes) -> bytes:
        size, out = len(data), bytearray([number << 3 | 2])
        while size > 127:
            out.append(size & 127 | 128)
            size >>= 7
        return bytes(out) + bytes([size]) + data

    graph = field(2, b"location")  # a graph of that name: only what holds the word is taken apart
    for _ in range(60):  # graph > node > attribute > graph …
        graph = field(1, field(5, field(6, graph)))
    with pytest.raises(ValueError, match="deep"):
        external(field(7, graph))


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_answer_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert external(data) in (True, False)
