"""Models of ONNX, written here so that the package onnx is not needed."""

import itertools
import struct


def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    """One field of a protobuf message: an int, a float, or bytes and text by their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


# Numbers of formats in TensorProto.DataType.
ONNX_TYPES = {"f32": 1, "f16": 10, "i8": 3, "i32": 6, "i64": 7, "bool": 9}


class Graph:
    """A ModelProto in the making. Field numbers are those of onnx.proto3 (github.com/onnx/onnx)."""

    def __init__(self, opset, version):
        self.opset, self.version = opset, version
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []
        self.names = itertools.count()

    def node(self, operator, inputs, output=None, **attributes):
        """NodeProto: input 1, output 2, op_type 4, attribute 5. Gives the name of the output."""
        output = output or f"t{next(self.names)}"
        text = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operator)
        for name, value in attributes.items():
            # AttributeProto: name 1, f 2, i 3, ints 8, type 20 (1 float, 2 int, 7 ints).
            if isinstance(value, float):
                body = field(2, value) + field(20, 1)
            elif isinstance(value, int):
                body = field(3, value) + field(20, 2)
            else:
                body = b"".join(field(8, item) for item in value) + field(20, 7)
            text += field(5, field(1, name) + body)
        self.nodes.append(text)
        return output

    def constant(self, dtype, shape, data):
        """TensorProto: dims 1, data_type 2, name 8, raw_data 9."""
        name = f"t{next(self.names)}"
        dims = b"".join(field(1, size) for size in shape)
        self.constants.append(dims + field(2, ONNX_TYPES[dtype]) + field(8, name) + field(9, data))
        return name

    def value(self, name, dtype, shape):
        """ValueInfoProto: name 1, type 2, whose tensor_type 1 has elem_type 1 and shape 2."""
        dims = b"".join(field(1, field(1, size)) for size in shape)
        return field(1, name) + field(2, field(1, field(1, ONNX_TYPES[dtype]) + field(2, dims)))

    def model(self):
        """ModelProto: ir_version 1, producer_name 2, graph 7, opset_import 8 (version 2)."""
        graph = b"".join(field(1, node) for node in self.nodes) + field(2, "case")
        graph += b"".join(field(5, constant) for constant in self.constants)
        graph += b"".join(field(11, value) for value in self.inputs)
        graph += b"".join(field(12, value) for value in self.outputs)
        return field(1, self.version) + field(2, "portamark") + field(7, graph) + field(8, field(2, self.opset))
