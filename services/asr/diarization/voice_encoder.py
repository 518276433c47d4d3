"""Resemblyzer's voice encoder on ONNX Runtime: 1.6 s of speech to a point on a sphere, near other speech of the same voice.

Three LSTM layers read mel frames; the last one's last state goes through a linear layer, is cut at 0, and scaled to length 1
(Wan et al., Generalized end-to-end loss for speaker verification, 2018).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

from services.asr.diarization.checkpoint import read_arrays
from services.asr.diarization.mels import BANDS
from services.weights import ModelStore

WEIGHTS = "resemblyzer"
DIMENSIONS = 256

_LAYERS = 3
_HIDDEN = 256
_BATCH = 64


class VoiceEncoder:
    """May be called from several threads."""

    def __init__(self, store: ModelStore, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads take the cores from the other services of a small machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(store.derived(WEIGHTS, "voice-encoder-1.onnx", _build), options, providers=["CPUExecutionProvider"])

    def embed(self, mels: np.ndarray) -> np.ndarray:
        """(n, frames, `BANDS`) float32 to (n, `DIMENSIONS`) float32, each row of length 1."""
        batches = [self._session.run(None, {"mels": mels[at : at + _BATCH].transpose(1, 0, 2)})[0] for at in range(0, len(mels), _BATCH)]
        return np.concatenate([np.zeros((0, DIMENSIONS), np.float32), *batches])


def _build(folder: Path, target: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    arrays = read_arrays(folder / "pretrained.pt", "model_state")
    constants: dict[str, np.ndarray] = {"linear.weight": arrays["linear.weight"].T, "linear.bias": arrays["linear.bias"]}
    nodes = []
    sequence = "mels"
    for layer in range(_LAYERS):
        w, r, b = (f"{kind}{layer}" for kind in ("weight", "recurrence", "bias"))
        constants[w] = _gates(arrays[f"lstm.weight_ih_l{layer}"])[None]
        constants[r] = _gates(arrays[f"lstm.weight_hh_l{layer}"])[None]
        constants[b] = np.concatenate([_gates(arrays[f"lstm.bias_{kind}_l{layer}"]) for kind in ("ih", "hh")])[None]
        nodes.append(helper.make_node("LSTM", [sequence, w, r, b], [f"states{layer}", f"last{layer}"], hidden_size=_HIDDEN))
        # (frames, directions, batch, hidden) without the one direction.
        sequence = f"sequence{layer}"
        nodes.append(helper.make_node("Squeeze", [f"states{layer}", "direction"], [sequence]))
    constants["direction"] = np.array([1], np.int64)
    constants["only"] = np.array([0], np.int64)
    constants["least"] = np.array([1e-8], np.float32)
    nodes += [
        helper.make_node("Squeeze", [f"last{_LAYERS - 1}", "only"], ["last"]),
        helper.make_node("MatMul", ["last", "linear.weight"], ["product"]),
        helper.make_node("Add", ["product", "linear.bias"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["raw"]),
        helper.make_node("ReduceL2", ["raw", "direction"], ["length"], keepdims=1),
        helper.make_node("Max", ["length", "least"], ["divisor"]),
        helper.make_node("Div", ["raw", "divisor"], ["embeddings"]),
    ]
    graph = helper.make_graph(
        nodes,
        "voice-encoder",
        [helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["frames", "windows", BANDS])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["windows", DIMENSIONS])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def _gates(weights: np.ndarray) -> np.ndarray:
    """PyTorch stacks input, forget, cell, output; ONNX input, output, forget, cell."""
    i, f, c, o = np.split(weights, 4)
    return np.concatenate([i, o, f, c])
