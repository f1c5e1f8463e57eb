"""Writes the ensemble as an ONNX graph, built node by node, for ONNX Runtime and Core ML's converters."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from fae_training.classifiers.runtime import EPSILON, Classifier, Network
from fae_training.state import atomic_file

OPSET = 17  # the first with LayerNormalization


def export(classifier: Classifier, path: Path) -> None:
    """log_mel [batch, frames, bands] -> probabilities [batch, classes], at `path`."""
    nodes, constants = [], []

    def constant(name: str, value) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    x = node("Sub", ["log_mel", constant("mean", classifier.mean)], "centred")
    x = node("Div", [x, constant("deviation", classifier.deviation)], "normalised")
    floor = constant("epsilon", np.float32(EPSILON))

    def mean_and_deviation(x: str, what: str) -> list[str]:
        mean = node("ReduceMean", [x], f"{what}_mean", axes=[1], keepdims=1)
        apart = node("Sub", [x, mean], f"{what}_apart")
        square = node("Mul", [apart, apart], f"{what}_square")
        variance = node("ReduceMean", [square], f"{what}_variance", axes=[1], keepdims=1)
        return [mean, node("Sqrt", [node("Add", [variance, floor], f"{what}_floored")], what)]

    pooled = mean_and_deviation(x, "frames_deviation")
    ends = {"first": 0, "second": 1, "last": -1, "end": 2**62, "over_frames": 1}
    first, second, last, end, over_frames = (
        constant(name, np.array([value], dtype=np.int64)) for name, value in ends.items()
    )
    later = node("Slice", [x, second, end, over_frames], "later_frames")
    earlier = node("Slice", [x, first, last, over_frames], "earlier_frames")
    change = node("Abs", [node("Sub", [later, earlier], "signed_change")], "change")
    pooled.append(node("ReduceMean", [change], "mean_change", axes=[1], keepdims=1))

    def logits_of(network: Network, name: str, x: str) -> str:
        for number, layer in enumerate(network.layers):
            at, outputs = f"{name}_{number}", layer.weight.shape[1]
            # From [width * inputs, outputs] to ONNX's [outputs, inputs, width].
            kernel = layer.weight.reshape(layer.width, -1, outputs).transpose(2, 1, 0)
            kernel = constant(f"kernel_{at}", np.ascontiguousarray(kernel))
            x = node("Transpose", [x], f"channels_{at}", perm=[0, 2, 1])
            x = node(
                "Conv",
                [x, kernel],
                f"convolved_{at}",
                strides=[layer.stride],
                dilations=[layer.dilation],
            )
            x = node("Transpose", [x], f"frames_{at}", perm=[0, 2, 1])
            scale = constant(f"scale_{at}", layer.scale)
            offset = constant(f"offset_{at}", layer.offset)
            x = node(
                "LayerNormalization", [x, scale, offset], f"scaled_{at}", axis=-1, epsilon=EPSILON
            )
            x = node("Relu", [x], f"rectified_{at}")
        statistics = [*pooled, *mean_and_deviation(x, f"hidden_deviation_{name}")]
        statistics.append(node("ReduceMax", [x], f"hidden_maximum_{name}", axes=[1], keepdims=1))
        flat = node("Concat", statistics, f"pooled_{name}", axis=2)
        flat = node("Flatten", [flat], f"flat_{name}", axis=1)
        weight = constant(f"output_weight_{name}", network.weight)
        bias = constant(f"output_bias_{name}", network.bias)
        return node("Gemm", [flat, weight, bias], f"logits_{name}", transB=1)

    networks = enumerate(classifier.networks)
    logits = node("Mean", [logits_of(net, f"network_{n}", x) for n, net in networks], "logits")
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
    model.ir_version = 8  # the version of opset 17, which older runtimes can load
    checker.check_model(model)
    with atomic_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
