"""Wav2Lip's network in PyTorch. Its parameters have the names of the published checkpoints, so that these load as they are."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from services.lipsync.engines.wav2lip.layout import WIDTH, Layer, layout


class ConvolutionBlock(nn.Module):
    """One `Layer`."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        convolution = (
            nn.ConvTranspose2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.padding, output_padding=layer.output_padding)
            if layer.transposed
            else nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.padding)
        )
        self.conv_block = nn.Sequential(convolution, nn.BatchNorm2d(layer.outputs))
        self._residual = layer.residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.conv_block(x)
        return torch.relu(found + x if self._residual else found)


class Wav2LipNetwork(nn.Module):
    """A mouth that fits a sound, in a face whose lower half is not shown."""

    def __init__(self, width: int = WIDTH) -> None:
        """`width`: channels of the first layer; the published checkpoints have 16."""
        super().__init__()
        plan = layout(width)
        self.face_encoder_blocks = nn.ModuleList(_sequence(block) for block in plan.face_encoder)
        self.audio_encoder = _sequence(plan.audio_encoder)
        self.face_decoder_blocks = nn.ModuleList(_sequence(block) for block in plan.face_decoder)
        self.output_block = nn.Sequential(ConvolutionBlock(plan.output), nn.Conv2d(plan.picture.inputs, plan.picture.outputs, 1), nn.Sigmoid())

    def forward(self, mel: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
        """`mel` (n, 1, 80, 16) and `face` (n, 6, 96, 96), blue, green, red from 0 to 1: the crop without its lower half, then a whole one.

        (n, 3, 96, 96), from 0 to 1: the whole crop with the mouth of that sound.
        """
        kept = []
        for encode in self.face_encoder_blocks:
            face = encode(face)
            kept.append(face)
        x = self.audio_encoder(mel)
        for decode in self.face_decoder_blocks:
            x = torch.cat([decode(x), kept.pop()], dim=1)
        return self.output_block(x)


def _sequence(layers: Iterable[Layer]) -> nn.Sequential:
    return nn.Sequential(*(ConvolutionBlock(layer) for layer in layers))
