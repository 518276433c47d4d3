"""Checkpoints of neural engines, made by the tests: of the real layout with random weights, or small networks whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from services.lipsync.engines.wav2lip.layout import layout
from services.lipsync.engines.wav2lip.onnx_graph import onnx_graph


def wav2lip_tensors(width: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of a checkpoint of the published layout whose first layer has `width` channels. Sizes are such that what goes through the layers
    neither grows nor fades."""
    random = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}
    for name, shape in layout(width).shapes().items():
        if not shape:
            tensors[name] = np.array(1000)
        elif len(shape) == 4:
            inputs = np.prod(shape) / max(shape[0], shape[1])
            tensors[name] = random.normal(0, (2 / inputs) ** 0.5, shape).astype(np.float32)
        elif name.endswith("running_var"):
            tensors[name] = random.uniform(0.5, 2.0, shape).astype(np.float32)
        elif name.endswith(".1.weight"):
            tensors[name] = random.uniform(0.6, 1.2, shape).astype(np.float32)
        else:
            tensors[name] = random.normal(0, 0.1, shape).astype(np.float32)
    return tensors


def wav2lip_onnx(path: Path, width: int = 2, seed: int = 0) -> Path:
    """The published layout, narrow, with random weights: its mouths are noise."""
    onnx.save(onnx_graph(wav2lip_tensors(width, seed), width), path)
    return path


def mirror_onnx(path: Path, side: int = 96, batch: int | str = "n", names: tuple[str, str] = ("mel", "face"), loud: float = 0.0, half: bool = False) -> Path:
    """A network of two layers that gives back the whole face that it was shown, redder by `loud` the louder the sound is. Any side; a batch that may
    be fixed; inputs in the order and by the names of `names`, which begin with the sound's where it holds "mel" or "source"."""
    kind, dtype = (TensorProto.FLOAT16, np.float16) if half else (TensorProto.FLOAT, np.float32)
    mel, face = names if "mel" in names[0] or "source" in names[0] else names[::-1]
    pick = np.zeros((3, 6, 1, 1), dtype)
    pick[[0, 1, 2], [3, 4, 5]] = 1.0
    constants = {
        "pick": pick,
        "red": np.array([0.0, 0.0, loud], dtype).reshape(1, 3, 1, 1),
        "low": np.array(0.0, dtype),
        "high": np.array(1.0, dtype),
        "axes": np.array([2, 3], np.int64),
        "quiet": np.array(4.0, dtype),
    }
    nodes = [
        helper.make_node("Conv", [face, "pick"], ["whole"]),
        helper.make_node("ReduceMean", [mel, "axes"], ["mean"], keepdims=1),
        helper.make_node("Add", ["mean", "quiet"], ["level"]),
        helper.make_node("Mul", ["level", "red"], ["tint"]),
        helper.make_node("Add", ["whole", "tint"], ["tinted"]),
        helper.make_node("Clip", ["tinted", "low", "high"], ["picture"]),
    ]
    shapes = {mel: [batch, 1, 80, 16], face: [batch, 6, side, side]}
    inputs = [helper.make_tensor_value_info(name, kind, shapes[name]) for name in names]
    outputs = [helper.make_tensor_value_info("picture", kind, [batch, 3, side, side])]
    graph = helper.make_graph(nodes, "mirror", inputs, outputs, [numpy_helper.from_array(values, name) for name, values in constants.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path
