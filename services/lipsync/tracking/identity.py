"""What makes a face that person's: 128 numbers that lie near each other for one person and far apart for two.

The network is dlib's face recognition ResNet (King 2017, dlib.net; 29 convolutions after He et al. 2016, 99.4 % on Labeled Faces in the Wild), from
weights of 8 bits each. A few pictures of each track are looked at, some 15 ms each.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from services.lipsync.tracking.picture import Picture, View

ARTIFACT = "face-recognition-resnet"
"""In the model store."""
_WEIGHTS, _MANIFEST = "face_recognition_model.bin", "face_recognition_model-weights_manifest.json"
_SIDE = 150
_MEANS = np.array([122.782, 117.001, 104.298], np.float32)
"""RGB, of what the network was trained on; the values are then divided by 256."""
_BLOCKS = ("32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2", "256_down", "256_1", "256_2", "256_down_out")
_ANCHORS = (263, 362, 33, 133, 2)
"""MediaPipe's points of the corners of the eyes (the viewer's right outer, inner, left outer, inner) and under the nose."""
_PADDING = 0.25
_MEAN_FACE = np.array([[0.8596, 0.2135], [0.6461, 0.2290], [0.1206, 0.2137], [0.3341, 0.2291], [0.4901, 0.6278]])
"""Where those lie in dlib's mean face of five points, whose box is then widened by the padding on each side."""


class FaceEmbedder:
    """Safe to call from several threads."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the artifact's, from the model store."""
        import onnxruntime

        weights = _unpacked(json.loads((folder / _MANIFEST).read_text()), (folder / _WEIGHTS).read_bytes())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(_model(weights), options, providers=["CPUExecutionProvider"])

    def embed(self, chip: np.ndarray) -> np.ndarray:
        """(128,) float32 for what `chip_of` gave: 0.2 to 0.35 from others of the same person, and 0.45 or more, mostly 0.8, from anyone else's."""
        image = (chip.astype(np.float32) - _MEANS) / 256
        return np.asarray(self._session.run(None, {"image": image.transpose(2, 0, 1)[None]})[0][0], np.float32)


def _model(weights: dict[str, np.ndarray]) -> bytes:
    """The network as ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    def node(kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def convolved(x: str, name: str, stride: int, padding: int) -> str:
        # The affine layer after a convolution is part of its filters.
        scale = weights[f"{name}/scale/weights"]
        filters = constant(f"{name}/filters", (weights[f"{name}/conv/filters"] * scale).transpose(3, 2, 0, 1).copy())
        bias = constant(f"{name}/bias", weights[f"{name}/conv/bias"] * scale + weights[f"{name}/scale/biases"])
        return node("Conv", [x, filters, bias], strides=[stride] * 2, pads=[padding] * 4)

    x = node("MaxPool", [node("Relu", [convolved("image", "conv32_down", 2, 0)])], kernel_shape=[3, 3], strides=[2, 2])
    side = ((_SIDE - 7) // 2 + 1 - 3) // 2 + 1
    for block in _BLOCKS:
        name, down = f"conv{block}", "down" in block
        y = node("Relu", [convolved(x, f"{name}/conv1", 2 if down else 1, 0 if down else 1)])
        y = convolved(y, f"{name}/conv2", 1, 1)
        if down:
            x = node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
            before, after, pooled = *weights[f"{name}/conv1/conv/filters"].shape[2:], side // 2
            side = (side - 3) // 2 + 1
            # Of the two that are added, what one lacks is 0.
            x = node("Pad", [x, constant(f"{name}/channels", np.array([0, 0, 0, 0, 0, after - before, 0, 0], np.int64))])
            y = node("Pad", [y, constant(f"{name}/rim", np.array([0, 0, 0, 0, 0, 0, pooled - side, pooled - side], np.int64))])
            side = pooled
        x = node("Relu", [node("Add", [x, y])])
    x = node("Flatten", [node("GlobalAveragePool", [x])])
    nodes.append(helper.make_node("MatMul", [x, constant("fc", weights["fc"])], ["embedding"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, _SIDE, _SIDE])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 128])
    graph = helper.make_graph(nodes, "face", [image], [embedding], constants)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


def chip_of(picture: Picture, points: np.ndarray) -> np.ndarray:
    """(150, 150, 3) uint8 RGB: the face with these `points`, (478, 3), as the network wants it."""
    return np.rint(picture.rgb(_view_of(points), _SIDE).clip(0, 1) * 255).astype(np.uint8)


def _view_of(points: np.ndarray) -> View:
    """Where the face lies as the network knows faces: the similarity of least squares."""
    wanted = (_MEAN_FACE + _PADDING) / (1 + 2 * _PADDING) * _SIDE
    target, source = ((p - p.mean(axis=0)) @ np.array([1, 1j]) for p in (wanted, points[_ANCHORS, :2].astype(np.float64)))
    turn = (source * target.conj()).sum() / (np.abs(target) ** 2).sum()
    middle = points[_ANCHORS, :2].mean(axis=0) @ np.array([1, 1j]) + turn * ((_SIDE / 2 - wanted.mean(axis=0)) @ np.array([1, 1j]))
    return View(float(middle.real), float(middle.imag), float(abs(turn)) * _SIDE, float(np.angle(turn)))


def _unpacked(manifest: list[dict[str, list[dict[str, object]]]], data: bytes) -> dict[str, np.ndarray]:
    """Tensors by name; those of 8 bits are scaled as the manifest says."""
    tensors: dict[str, np.ndarray] = {}
    at = 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        shape: list[int] = entry["shape"]  # type: ignore[assignment]
        quantization: dict[str, float] | None = entry.get("quantization")  # type: ignore[assignment]
        kind = np.dtype(np.uint8 if quantization else "<f4")
        values = np.frombuffer(data, kind, math.prod(shape), at).astype(np.float32)
        at += math.prod(shape) * kind.itemsize
        if quantization:
            values = values * np.float32(quantization["scale"]) + np.float32(quantization["min"])
        tensors[str(entry["name"])] = values.reshape(shape)
    return tensors
