"""Cutting a Piper voice's ONNX graph in two where its durations are known.

VITS predicts how long each symbol lasts and then speaks that long. The first half gives the durations, the second takes them; the noise that the
model draws becomes an input of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from services.tts.engines.piper.config import unusable

NOISE = "noise"
"""The input that stands for what the model draws: (1, channels, length) of the normal distribution."""
DURATION_CHANNELS = 2
"""Of the first half's noise, in all VITS models; its length is that of the input."""

_RANDOM = "RandomNormalLike"


@dataclass(frozen=True)
class Halves:
    durations: onnx.ModelProto
    """From the voice's inputs to the durations in frames, (1, 1, ids) float32 before they are rounded up, and to what the second half shares."""
    speech: onnx.ModelProto
    """From `frames` and what is shared to the audio."""
    frames: str
    """Input of the second half: (1, 1, ids) float32, whole."""
    shared: tuple[str, ...]
    """Outputs of the first half and inputs of the second."""
    channels: int
    """Of the second half's noise; its length is the sum of the frames."""


def halve(path: Path) -> Halves:
    """Raises `InvalidInput` (field "voice") where the file is no VITS model as Piper exports it."""
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load(path))
    except Exception as error:
        raise unusable(path, f"it cannot be read as an ONNX model ({error}); bring the whole file") from error
    graph = _Graph(model)
    ceilings = [node for node in model.graph.node if node.op_type == "Ceil"]
    if len(ceilings) != 1 or len(model.graph.output) != 1:
        raise unusable(path, f"it rounds up durations in {len(ceilings)} places, where a VITS model of Piper's does so in one")
    raw, frames = ceilings[0].input[0], ceilings[0].output[0]
    audio = model.graph.output[0].name
    first = graph.makers([raw])
    second = graph.makers([audio], without=first, given={frames})
    shared = tuple(sorted({name for node in second for name in node.input if graph.made_by(name, first)}))
    drawn = [node for node in second if node.op_type == _RANDOM]
    if len(drawn) != 1 or any(node.op_type.startswith(("Random", "Multinomial")) for node in [*first, *second] if node.op_type != _RANDOM):
        raise unusable(path, f"it draws its noise in {len(drawn)} places, where a VITS model of Piper's does so in one")
    channels = graph.size(drawn[0].input[0], 1)
    if channels is None:
        raise unusable(path, "the shape of its noise is not told")
    return Halves(graph.part(first, (), [raw, *shared]), graph.part(second, (frames, *shared), [audio]), frames, shared, channels)


class _Graph:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._maker = {output: node for node in model.graph.node for output in node.output}
        self._types = {value.name: value.type.tensor_type for value in (*model.graph.value_info, *model.graph.output)}

    def makers(self, names: Iterable[str], without: Sequence[onnx.NodeProto] = (), given: Iterable[str] = ()) -> list[onnx.NodeProto]:
        """The nodes that are needed for `names`, in order."""
        left_out = {id(node) for node in without}
        found: set[int] = set()
        to_make = list(names)
        while to_make:
            name = to_make.pop()
            node = self._maker.get(name)
            if node is not None and name not in given and id(node) not in found | left_out:
                found.add(id(node))
                to_make += node.input
        return [node for node in self._model.graph.node if id(node) in found]

    def made_by(self, name: str, nodes: Sequence[onnx.NodeProto]) -> bool:
        return any(self._maker.get(name) is node for node in nodes)

    def size(self, name: str, axis: int) -> int | None:
        dimensions = self._types[name].shape.dim if name in self._types else []
        return dimensions[axis].dim_value or None if len(dimensions) > axis else None

    def part(self, nodes: Sequence[onnx.NodeProto], given: Sequence[str], wanted: Sequence[str]) -> onnx.ModelProto:
        """A model of these nodes: its inputs are `given`, the noise, and those of the whole that it uses."""
        used = {name for node in nodes for name in node.input}
        drawn = {node.output[0]: NOISE for node in nodes if node.op_type == _RANDOM}
        body = []
        for node in (node for node in nodes if node.op_type != _RANDOM):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            del copy.input[:]
            copy.input.extend(drawn.get(name, name) for name in node.input)
            body.append(copy)
        inputs = [value for value in self._model.graph.input if value.name in used]
        inputs += [helper.make_tensor_value_info(name, self._types[name].elem_type, None) for name in given]
        inputs += [helper.make_tensor_value_info(NOISE, TensorProto.FLOAT, None)] if drawn else []
        constants = [tensor for tensor in self._model.graph.initializer if tensor.name in used]
        outputs = [onnx.ValueInfoProto(name=name) for name in wanted]
        graph = helper.make_graph(body, "part", inputs, outputs, constants)
        return helper.make_model(graph, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)
