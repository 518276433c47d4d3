"""What makes a face that person's: 128 numbers that lie near each other for one person and far apart for two.

The network is dlib's face recognition ResNet (King 2017, dlib.net; 29 convolutions after He et al. 2016, 99.4 % on Labeled Faces in the Wild), from
weights of 8 bits each. A few pictures of each track are looked at, some 60 ms each.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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
        self._weights = _unpacked(json.loads((folder / _MANIFEST).read_text()), (folder / _WEIGHTS).read_bytes())

    def embed(self, chip: np.ndarray) -> np.ndarray:
        """(128,) float32 for what `chip_of` gave: 0.2 to 0.35 from others of the same person, and 0.45 or more, mostly 0.8, from anyone else's."""
        x = (chip.astype(np.float32) - _MEANS) / 256
        x = _pooled(np.maximum(self._convolved(x, "conv32_down", stride=2, padding=0), 0))
        for block in _BLOCKS:
            x = self._block(x, f"conv{block}", down="down" in block)
        return np.asarray(x.mean(axis=(0, 1)) @ self._weights["fc"], np.float32)

    def _block(self, x: np.ndarray, name: str, down: bool) -> np.ndarray:
        y = np.maximum(self._convolved(x, f"{name}/conv1", stride=2 if down else 1, padding=0 if down else 1), 0)
        y = self._convolved(y, f"{name}/conv2", stride=1, padding=1)
        if down:
            x = x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2]
            x = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
        # The sum is as large as the larger of the two in each direction; what one of them lacks is 0.
        shape = tuple(max(a, b) for a, b in zip(x.shape, y.shape, strict=True))
        total = np.zeros(shape, np.float32)
        for part in (x, y):
            total[: part.shape[0], : part.shape[1], : part.shape[2]] += part
        return np.maximum(total, 0)

    def _convolved(self, x: np.ndarray, name: str, stride: int, padding: int) -> np.ndarray:
        filters = self._weights[f"{name}/conv/filters"]
        if padding:
            x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
        # (rows, columns, channels, filter's rows, filter's columns)
        windows = sliding_window_view(x, filters.shape[:2], axis=(0, 1))[::stride, ::stride]
        y = np.tensordot(windows, filters, axes=([3, 4, 2], [0, 1, 2])) + self._weights[f"{name}/conv/bias"]
        return np.asarray(y * self._weights[f"{name}/scale/weights"] + self._weights[f"{name}/scale/biases"])


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


def _pooled(x: np.ndarray) -> np.ndarray:
    """The greatest of each 3 x 3, every second one."""
    return np.asarray(sliding_window_view(x, (3, 3), axis=(0, 1))[::2, ::2].max(axis=(3, 4)))


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
