#!/usr/bin/env python3
"""Trains the two digit classifiers beside this file and writes them as ONNX.

Needs scikit-learn and onnx (Debian: python3-sklearn, python3-onnx). The same versions of both give the same bytes.
The graphs are written node by node with onnx.helper, so that nothing stands between the trained weights and the file.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
SEED = 20
# Old enough for every ONNX Runtime since 1.12; the graphs use nothing newer.
OPSET = 17
IR_VERSION = 8
# Pixels of the data set are counts from 0 to 16.
PIXEL_MAX = 16.0
HIDDEN_UNITS = 80


def main():
    digits = load_digits()
    pixels, labels = digits.data.astype(np.float32), digits.target
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, labels, test_size=0.25, random_state=SEED, stratify=labels
    )

    # Both take raw pixels; scaling is folded into the graph, so that a client sends what it has.
    logistic = LogisticRegression(C=0.05, max_iter=5000, random_state=SEED)
    logistic.fit(train_x / PIXEL_MAX * 4.0, train_y)
    layers = [(logistic.coef_.T * (4.0 / PIXEL_MAX), logistic.intercept_)]
    report("v1.0.0", "logistic regression", layers, test_x, test_y)

    mlp = MLPClassifier(hidden_layer_sizes=(HIDDEN_UNITS,), alpha=1e-3, max_iter=600, random_state=SEED)
    mlp.fit(train_x / PIXEL_MAX, train_y)
    first, second = mlp.coefs_
    layers = [(first / PIXEL_MAX, mlp.intercepts_[0]), (second, mlp.intercepts_[1])]
    report("v1.1.0", "multi-layer perceptron", layers, test_x, test_y)

    write_samples(test_x, test_y)


def report(version, kind, layers, test_x, test_y):
    layers = [(weights.astype(np.float32), bias.astype(np.float32)) for weights, bias in layers]
    path = HERE / version / "model.onnx"
    path.parent.mkdir(exist_ok=True)
    model = classifier(layers, f"digits: {kind}")
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    (path.parent / "labels.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
    accuracy = float(np.mean(predict(layers, test_x) == test_y))
    print(f"{version}  {kind}: {path.stat().st_size} bytes, accuracy {accuracy:.4f} on {len(test_y)} held-out digits")


def classifier(layers, description):
    """Fully connected layers with ReLU between them and softmax at the end: pixels [n, 64] to probabilities [n, 10]."""
    nodes, weights, previous = [], [], "pixels"
    for index, (matrix, bias) in enumerate(layers):
        is_last = index == len(layers) - 1
        name, output = f"layer{index}", "logits" if is_last else f"sum{index}"
        weights += [numpy_helper.from_array(matrix, f"{name}.weight"), numpy_helper.from_array(bias, f"{name}.bias")]
        nodes.append(helper.make_node("Gemm", [previous, f"{name}.weight", f"{name}.bias"], [output], name))
        if not is_last:
            previous = f"hidden{index}"
            nodes.append(helper.make_node("Relu", [output], [previous], f"relu{index}"))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=-1))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    model = helper.make_model(
        graph, producer_name="modelferry-examples", opset_imports=[helper.make_opsetid("", OPSET)], doc_string=description
    )
    model.ir_version = IR_VERSION
    return model


def predict(layers, pixels):
    values = pixels
    for index, (matrix, bias) in enumerate(layers):
        values = values @ matrix + bias
        if index < len(layers) - 1:
            values = np.maximum(values, 0)
    return values.argmax(axis=1)


def write_samples(test_x, test_y):
    """Every held-out image, whatever the models make of it; the digits take turns, so that any stretch of the file has all of them."""
    rows = {digit: list(np.flatnonzero(test_y == digit)) for digit in range(10)}
    samples = []
    for turn in range(max(len(own) for own in rows.values())):
        for digit, own in rows.items():
            if turn < len(own):
                samples.append(
                    {
                        "name": f"digit {digit}, sample {turn + 1}",
                        "label": str(digit),
                        "inputs": {"pixels": [[int(value) for value in test_x[own[turn]]]]},
                    }
                )
    lines = ",\n".join("  " + json.dumps(sample) for sample in samples)
    (HERE / "samples.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
