"""A temporal convolutional network: log-mel frames in, a score for each class out, 90 ms behind the sound."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH = 120
LOOKAHEAD_FRAMES = 9
"""2 of the first layer, 1 + 2 + 4 of the blocks that look ahead."""

# Dilation of each block, and whether it sees as much of the future as of the past or the past alone.
_BLOCKS = ((1, True), (2, True), (4, True), (1, False), (2, False), (4, False), (8, False))


class _Block(nn.Module):
    """A dilated convolution over three frames, added to its input."""

    def __init__(self, dilation: int, symmetric: bool, dropout: float) -> None:
        super().__init__()
        self.padding = (dilation, dilation) if symmetric else (2 * dilation, 0)
        self.convolution = nn.Conv1d(WIDTH, WIDTH, 3, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(WIDTH)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        changed = functional.relu(self.norm(self.convolution(functional.pad(frames, self.padding))))
        return frames + self.dropout(changed)


class VisemeNetwork(nn.Module):
    """(batch, frames, bands) float32 to log-probabilities (batch, frames, classes)."""

    def __init__(self, bands: int, classes: int, dropout: float = 0.15) -> None:
        super().__init__()
        self.entry = nn.Sequential(nn.Conv1d(bands, WIDTH, 5, padding=2, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU())
        self.blocks = nn.Sequential(*(_Block(dilation, symmetric, dropout) for dilation, symmetric in _BLOCKS))
        self.exit = nn.Conv1d(WIDTH, classes, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        scores = self.exit(self.blocks(self.entry(features.transpose(1, 2))))
        return functional.log_softmax(scores, dim=1).transpose(1, 2)
