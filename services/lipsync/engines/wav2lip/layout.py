"""The layers of Wav2Lip (Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In The Wild", 2020), as the names and shapes
in its published checkpoints tell them: one encoder of the face, one of the sound, and a decoder that takes up what the face's encoder found on its way.

What is described here is built by `network` in PyTorch, and by `onnx_graph` for ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SIDE = 96
"""Pixels of the square pictures that this layout takes and makes."""
MEL_BANDS, MEL_COLUMNS = 80, 16
FACE_CHANNELS, COLORS = 6, 3
WIDTH = 16
"""Channels of the first layer in the published checkpoints; all others are multiples of it."""

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class Layer:
    """A convolution, batch normalisation and ReLU."""

    inputs: int
    outputs: int
    kernel: int = 3
    stride: tuple[int, int] = (1, 1)
    """Down and across."""
    padding: int = 1
    transposed: bool = False
    residual: bool = False
    """The input is added before the ReLU."""

    @property
    def output_padding(self) -> int:
        """Of a transposed convolution that doubles the size."""
        return 1 if self.transposed and self.stride == (2, 2) else 0

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        first, second = (self.inputs, self.outputs) if self.transposed else (self.outputs, self.inputs)
        return first, second, self.kernel, self.kernel


@dataclass(frozen=True)
class Layout:
    """Blocks of layers in the order in which they run."""

    face_encoder: tuple[tuple[Layer, ...], ...]
    """What each block gives is kept, and joined to what the decoder's block of the same size gives."""
    audio_encoder: tuple[Layer, ...]
    face_decoder: tuple[tuple[Layer, ...], ...]
    output: Layer
    picture: Layer
    """A plain convolution to the colours, before a sigmoid."""

    def named_layers(self) -> Iterator[tuple[str, Layer]]:
        """All but `picture`, by the prefix of their names in a checkpoint."""
        for index, block in enumerate(self.face_encoder):
            yield from ((f"face_encoder_blocks.{index}.{place}.conv_block", layer) for place, layer in enumerate(block))
        yield from ((f"audio_encoder.{place}.conv_block", layer) for place, layer in enumerate(self.audio_encoder))
        for index, block in enumerate(self.face_decoder):
            yield from ((f"face_decoder_blocks.{index}.{place}.conv_block", layer) for place, layer in enumerate(block))
        yield "output_block.0.conv_block", self.output

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of a checkpoint, by its name."""
        shapes: dict[str, tuple[int, ...]] = {}
        for prefix, layer in self.named_layers():
            shapes[f"{prefix}.0.weight"], shapes[f"{prefix}.0.bias"] = layer.weight_shape, (layer.outputs,)
            shapes |= {f"{prefix}.1.{name}": (layer.outputs,) for name in _BATCH_NORM}
            shapes[f"{prefix}.1.num_batches_tracked"] = ()
        shapes["output_block.1.weight"], shapes["output_block.1.bias"] = self.picture.weight_shape, (self.picture.outputs,)
        return shapes


def layout(width: int = WIDTH) -> Layout:
    """The published layout, with `width` channels in its first layer."""
    w = width
    return Layout(
        face_encoder=(
            (Layer(FACE_CHANNELS, w, kernel=7, padding=3),),
            _halving(w, 2 * w, residuals=2),
            _halving(2 * w, 4 * w, residuals=3),
            _halving(4 * w, 8 * w, residuals=2),
            _halving(8 * w, 16 * w, residuals=2),
            _halving(16 * w, 32 * w, residuals=1),
            (Layer(32 * w, 32 * w, padding=0), _point(32 * w)),
        ),
        audio_encoder=(
            *(Layer(1, 2 * w), *_residuals(2 * w, 2)),
            *(Layer(2 * w, 4 * w, stride=(3, 1)), *_residuals(4 * w, 2)),
            *(Layer(4 * w, 8 * w, stride=(3, 3)), *_residuals(8 * w, 2)),
            *(Layer(8 * w, 16 * w, stride=(3, 2)), *_residuals(16 * w, 1)),
            *(Layer(16 * w, 32 * w, padding=0), _point(32 * w)),
        ),
        face_decoder=(
            (_point(32 * w),),
            (Layer(64 * w, 32 * w, padding=0, transposed=True), *_residuals(32 * w, 1)),
            _doubling(64 * w, 32 * w),
            _doubling(48 * w, 24 * w),
            _doubling(32 * w, 16 * w),
            _doubling(20 * w, 8 * w),
            _doubling(10 * w, 4 * w),
        ),
        output=Layer(5 * w, 2 * w),
        picture=Layer(2 * w, COLORS, kernel=1, padding=0),
    )


def _point(channels: int) -> Layer:
    return Layer(channels, channels, kernel=1, padding=0)


def _residuals(channels: int, count: int) -> tuple[Layer, ...]:
    return (Layer(channels, channels, residual=True),) * count


def _halving(inputs: int, outputs: int, residuals: int) -> tuple[Layer, ...]:
    return (Layer(inputs, outputs, stride=(2, 2)), *_residuals(outputs, residuals))


def _doubling(inputs: int, outputs: int) -> tuple[Layer, ...]:
    return (Layer(inputs, outputs, stride=(2, 2), transposed=True), *_residuals(outputs, 2))
