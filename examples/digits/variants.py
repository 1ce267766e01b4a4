#!/usr/bin/env python3
"""Writes v1.2.0: the perceptron of v1.1.0 in three precisions, for devices to choose from.

Needs onnx (Debian: python3-onnx). Like train.py it writes the graphs node by node.

  model.onnx       32-bit floats, as in v1.1.0
  model.fp16.onnx  weights and sums in 16-bit floats; half the bytes
  model.int8.onnx  weights in 8-bit integers, one scale for each unit; sums in 32-bit floats
"""

import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
# As in train.py.
OPSET = 17
IR_VERSION = 8

SOURCE, TARGET = HERE / "v1.1.0", HERE / "v1.2.0"


def main():
    model = onnx.load(SOURCE / "model.onnx")
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    layers = [(weights[f"layer{index}.weight"], weights[f"layer{index}.bias"]) for index in range(2)]
    TARGET.mkdir(exist_ok=True)
    for name in ("model.onnx", "labels.txt"):
        shutil.copy(SOURCE / name, TARGET / name)
    write("model.fp16.onnx", half(layers), "16-bit floats")
    write("model.int8.onnx", quantised(layers), "8-bit integers")


def half(layers):
    nodes, initializers = [helper.make_node("Cast", ["pixels"], ["values0"], to=TensorProto.FLOAT16)], []
    for index, (matrix, bias) in enumerate(layers):
        initializers += [
            numpy_helper.from_array(matrix.astype(np.float16), f"weight{index}"),
            numpy_helper.from_array(bias.astype(np.float16), f"bias{index}"),
        ]
        nodes.append(helper.make_node("Gemm", [f"values{index}", f"weight{index}", f"bias{index}"], [f"sum{index}"]))
        if index == 0:
            nodes.append(helper.make_node("Relu", ["sum0"], ["values1"]))
    nodes.append(helper.make_node("Cast", ["sum1"], ["logits"], to=TensorProto.FLOAT))
    return nodes, initializers


def quantised(layers):
    nodes, initializers, values = [], [], "pixels"
    for index, (matrix, bias) in enumerate(layers):
        # Symmetric: 0 stays 0, and each column (a unit) uses the whole range.
        scale = (np.abs(matrix).max(axis=0) / 127).astype(np.float32)
        initializers += [
            numpy_helper.from_array(np.round(matrix / scale).astype(np.int8), f"small{index}"),
            numpy_helper.from_array(scale, f"scale{index}"),
            numpy_helper.from_array(bias, f"bias{index}"),
        ]
        output = "sum0" if index == 0 else "logits"
        nodes += [
            helper.make_node("DequantizeLinear", [f"small{index}", f"scale{index}"], [f"weight{index}"], axis=1),
            helper.make_node("Gemm", [values, f"weight{index}", f"bias{index}"], [output]),
        ]
        if index == 0:
            nodes.append(helper.make_node("Relu", ["sum0"], ["hidden0"]))
            values = "hidden0"
    return nodes, initializers


def write(name, graph, precision):
    nodes, initializers = graph
    nodes = [*nodes, helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1)]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "digits",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 64])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
            initializers,
        ),
        producer_name="modelferry-examples",
        opset_imports=[helper.make_opsetid("", OPSET)],
        doc_string=f"digits: multi-layer perceptron in {precision}",
    )
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    (TARGET / name).write_bytes(model.SerializeToString(deterministic=True))
    print(f"{name}: {(TARGET / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
