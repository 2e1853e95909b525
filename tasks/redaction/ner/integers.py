"""The second recogniser's network with its products in integers: twice as fast, in memory only.

The file has weights of four bits that are multiplied as floating-point numbers. Here each matrix
product is rewritten:

1. A row of what goes in (one token) is scaled by its own largest value to -127 ... 127. Every token
   has its own scale, so that nothing depends on the tokens or texts beside it.
2. A column of weights is scaled to -63 ... 63, seven bits: on processors without instructions for
   sums of such products (VNNI), two products of eight bits would overflow 16 bits and be cut off.
   So the sums are exact, and the same, everywhere.
3. The sums become floating-point numbers again, times both scales.

What it costs in what is found is in docs/adr/0088-careful-in-integers-and-where-in-doubt.md.
"""

from typing import Any

QUANTISED_PRODUCT = "MatMulNBits"  # onnxruntime's product with weights of few bits
BITS = 4
MIDDLE = 8  # a weight of four bits is stored with this added
LARGEST_WEIGHT = 63
LARGEST_INPUT = 127.0
ZERO = 128  # of the unsigned inputs
LEAST = 1e-9  # a row of zeros is divided by this

# names of constants in the rewritten network, each shared by all products
CONSTANTS = {"integers.largest": LARGEST_INPUT, "integers.least": LEAST, "integers.unit": 1.0}
ZERO_NAME = "integers.zero"
LAST_AXIS_NAME = "integers.last_axis"


def in_integers(network: bytes) -> bytes:
    """Return an ONNX network with each product of four-bit weights computed in integers.

    Raises:
        ImportError: The package `onnx` is not installed.
        ValueError: A product's weights are stored in another way.
    """
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(network)
    graph = model.graph
    stored = {item.name: item for item in graph.initializer}
    for name, value in CONSTANTS.items():
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    graph.initializer.append(numpy_helper.from_array(np.array(ZERO, np.uint8), ZERO_NAME))
    graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), LAST_AXIS_NAME))

    nodes: list[Any] = []
    scaled: set[str] = set()  # inputs that are there as integers already: three products share one
    used: set[str] = set()
    for node in graph.node:
        if node.op_type != QUANTISED_PRODUCT:
            nodes.append(node)
            continue
        values, *weights = node.input
        if values not in scaled:
            nodes += _scale_rows(values)
            scaled.add(values)
        integers, scales = _in_seven_bits(_weights(node, stored))
        graph.initializer.append(numpy_helper.from_array(integers, f"{node.name}.weights"))
        graph.initializer.append(numpy_helper.from_array(scales, f"{node.name}.scales"))
        nodes += _multiply(node.name, values, node.output[0])
        used.update(weights)

    remaining = [item for item in graph.initializer if item.name not in used]
    for field, items in ((graph.node, nodes), (graph.initializer, remaining)):
        copies = [type(item).FromString(item.SerializeToString()) for item in items]
        del field[:]
        field.extend(copies)
    serialized: bytes = model.SerializeToString()
    return serialized


def _weights(node: Any, stored: dict[str, Any]) -> Any:
    """Return a product's weights as floating-point numbers, (inputs, outputs).

    They are stored by output, in blocks of inputs with a scale each, two weights a byte, the first
    in the lower half.

    Raises:
        ValueError: They are stored in another way.
    """
    import numpy as np
    from onnx import numpy_helper

    sizes = {attribute.name: attribute.i for attribute in node.attribute}
    if sizes["bits"] != BITS or len(node.input) != len(("values", "weights", "scales")):
        raise ValueError(QUANTISED_PRODUCT)

    pairs = numpy_helper.to_array(stored[node.input[1]])
    scales = numpy_helper.to_array(stored[node.input[2]]).reshape(sizes["N"], -1, 1)
    halves = np.stack([pairs & (2**BITS - 1), pairs >> BITS], axis=-1)
    blocks = halves.reshape(sizes["N"], scales.shape[1], sizes["block_size"]).astype(np.float32)
    return ((blocks - MIDDLE) * scales).reshape(sizes["N"], -1)[:, : sizes["K"]].T


def _in_seven_bits(weights: Any) -> tuple[Any, Any]:
    """Return weights as integers, and the scale of each column."""
    import numpy as np

    scales = np.maximum(np.abs(weights).max(axis=0), LEAST) / LARGEST_WEIGHT
    return np.round(weights / scales).astype(np.int8), scales.astype(np.float32)


def _scale_rows(values: str) -> list[Any]:
    """Return what makes unsigned integers of `values`, and the scale of each row."""
    steps = (
        ("Abs", (values,), "absolute"),
        ("ReduceMax", (f"{values}.absolute", LAST_AXIS_NAME), "largest"),
        ("Max", (f"{values}.largest", "integers.least"), "positive"),
        ("Div", (f"{values}.positive", "integers.largest"), "scale"),
        ("Div", ("integers.largest", f"{values}.positive"), "factor"),
        ("Mul", (values, f"{values}.factor"), "scaled"),
        ("QuantizeLinear", (f"{values}.scaled", "integers.unit", ZERO_NAME), "integers"),
    )
    return [_node(kind, inputs, f"{values}.{name}") for kind, inputs, name in steps]


def _multiply(name: str, values: str, output: str) -> list[Any]:
    """Return the product of integers, times the scales of its rows and its columns."""
    return [
        _node(
            "MatMulInteger", (f"{values}.integers", f"{name}.weights", ZERO_NAME), f"{name}.sums"
        ),
        _node("Cast", (f"{name}.sums",), f"{name}.numbers", to=1),  # 1: 32-bit floating point
        _node("Mul", (f"{name}.numbers", f"{values}.scale"), f"{name}.rows"),
        _node("Mul", (f"{name}.rows", f"{name}.scales"), output),
    ]


def _node(kind: str, inputs: tuple[str, ...], output: str, **attributes: int) -> Any:
    from onnx import helper

    if kind == "ReduceMax":
        attributes["keepdims"] = 1
    return helper.make_node(kind, inputs, (output,), **attributes)
