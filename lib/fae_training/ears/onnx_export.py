"""The same network as an ONNX graph, built node by node: ONNX Runtime and Core ML's converters read it."""

from pathlib import Path

import numpy as np

from fae_training.ears.runtime import EPSILON, Classifier
from fae_training.state import atomic_file

OPSET = 17  # the first with LayerNormalization


def export(classifier: Classifier, path: Path) -> None:
    """log_mel [batch, frames, bands] -> probabilities [batch, classes], at `path`. Needs the package onnx."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants = [], []

    def constant(name: str, value) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    x = node("Sub", ["log_mel", constant("mean", classifier.mean)], "centred")
    x = node("Div", [x, constant("deviation", classifier.deviation)], "normalised")
    for number, layer in enumerate(classifier.layers):
        outputs = layer.weight.shape[1]
        # [width * inputs, outputs], offset by offset, as ONNX's [outputs, inputs, width].
        kernel = layer.weight.reshape(layer.width, -1, outputs).transpose(2, 1, 0)
        x = node("Transpose", [x], f"channels_{number}", perm=[0, 2, 1])
        x = node(
            "Conv",
            [x, constant(f"kernel_{number}", np.ascontiguousarray(kernel))],
            f"convolved_{number}",
            strides=[layer.stride],
            dilations=[layer.dilation],
        )
        x = node("Transpose", [x], f"frames_{number}", perm=[0, 2, 1])
        x = node(
            "LayerNormalization",
            [
                x,
                constant(f"scale_{number}", layer.scale),
                constant(f"offset_{number}", layer.offset),
            ],
            f"scaled_{number}",
            axis=-1,
            epsilon=EPSILON,
        )
        x = node("Relu", [x], f"rectified_{number}")
    mean = node("ReduceMean", [x], "window_mean", axes=[1], keepdims=1)
    square = node("Mul", [node("Sub", [x, mean], "apart"), "apart"], "square")
    variance = node("ReduceMean", [square], "variance", axes=[1], keepdims=1)
    floor = constant("epsilon", np.float32(EPSILON))
    deviation = node("Sqrt", [node("Add", [variance, floor], "floored")], "window_deviation")
    highest = node("ReduceMax", [x], "window_maximum", axes=[1], keepdims=1)
    pooled = node("Concat", [mean, deviation, highest], "pooled", axis=2)
    flat = node("Flatten", [pooled], "flat", axis=1)
    weight = constant("output_weight", classifier.weight)
    logits = node(
        "Gemm", [flat, weight, constant("output_bias", classifier.bias)], "logits", transB=1
    )
    temperature = constant("temperature", np.float32(classifier.temperature))
    node("Softmax", [node("Div", [logits, temperature], "tempered")], "probabilities", axis=-1)
    graph = helper.make_graph(
        nodes,
        classifier.spec["kind"],
        [
            helper.make_tensor_value_info(
                "log_mel", TensorProto.FLOAT, ["batch", "frames", len(classifier.mean)]
            )
        ],
        [
            helper.make_tensor_value_info(
                "probabilities", TensorProto.FLOAT, ["batch", len(classifier.classes)]
            )
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8  # what goes with opset 17, so that older runtimes load it
    checker.check_model(model)
    with atomic_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
