"""Wav2Lip's network as an ONNX graph, written layer by layer from a checkpoint's tensors: whoever runs it needs no PyTorch.

Batch normalisation is part of the convolutions here: what the network gives is the same, in less time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from services.lipsync.engines.wav2lip.layout import COLORS, FACE_CHANNELS, MEL_BANDS, MEL_COLUMNS, SIDE, Layer, layout

_EPSILON = 1e-5
"""PyTorch's default of batch normalisation, which the network was trained with."""
_OPSET, _IR_VERSION = 17, 9
"""Old enough for every ONNX Runtime in use."""


def onnx_graph(weights: Mapping[str, np.ndarray], width: int) -> onnx.ModelProto:
    """The model with the inputs "mel" (n, 1, 80, 16) and "face" (n, 6, 96, 96), and the output "picture" (n, 3, 96, 96), all float32.

    `weights` are a checkpoint's tensors by their names, `width` the channels of its first layer.
    """
    graph, plan = _Graph(weights), layout(width)
    kept, x = [], "face"
    for index, block in enumerate(plan.face_encoder):
        x = graph.layers(x, f"face_encoder_blocks.{index}.", block)
        kept.append(x)
    x = graph.layers("mel", "audio_encoder.", plan.audio_encoder)
    for index, block in enumerate(plan.face_decoder):
        x = graph.layers(x, f"face_decoder_blocks.{index}.", block)
        x = graph.node("Concat", [x, kept.pop()], axis=1)
    x = graph.layers(x, "output_block.", [plan.output])
    x = graph.convolution(x, plan.picture, weights["output_block.1.weight"], weights["output_block.1.bias"])
    graph.nodes.append(helper.make_node("Sigmoid", [x], ["picture"]))
    return graph.model()


class _Graph:
    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._weights = weights
        self._tensors: list[onnx.TensorProto] = []
        self.nodes: list[onnx.NodeProto] = []

    def layers(self, x: str, prefix: str, layers: Iterable[Layer]) -> str:
        for place, layer in enumerate(layers):
            found = self.convolution(x, layer, *self._folded(f"{prefix}{place}.conv_block", layer))
            x = self.node("Relu", [self.node("Add", [found, x]) if layer.residual else found])
        return x

    def convolution(self, x: str, layer: Layer, weight: np.ndarray, bias: np.ndarray) -> str:
        shape: dict[str, Any] = {"kernel_shape": [layer.kernel] * 2, "strides": list(layer.stride), "pads": [layer.padding] * 4}
        if layer.transposed:
            shape["output_padding"] = [layer.output_padding] * 2
        return self.node("ConvTranspose" if layer.transposed else "Conv", [x, self._tensor(weight), self._tensor(bias)], **shape)

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def model(self) -> onnx.ModelProto:
        def value(name: str, *shape: int) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])

        inputs = [value("mel", 1, MEL_BANDS, MEL_COLUMNS), value("face", FACE_CHANNELS, SIDE, SIDE)]
        graph = helper.make_graph(self.nodes, "wav2lip", inputs, [value("picture", COLORS, SIDE, SIDE)], self._tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return model

    def _tensor(self, values: np.ndarray) -> str:
        name = f"t{len(self._tensors)}"
        self._tensors.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def _folded(self, prefix: str, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
        """The convolution's weight and bias with the normalisation after it."""
        weight, bias = (self._weights[f"{prefix}.0.{name}"].astype(np.float64) for name in ("weight", "bias"))
        gain, shift, mean, variance = (self._weights[f"{prefix}.1.{name}"].astype(np.float64) for name in ("weight", "bias", "running_mean", "running_var"))
        gain = gain / np.sqrt(variance + _EPSILON)
        outputs = (1, -1, 1, 1) if layer.transposed else (-1, 1, 1, 1)
        return weight * gain.reshape(outputs), (bias - mean) * gain + shift
