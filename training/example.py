"""What the network learns from, and its file. Needs numpy alone, as training runs in an environment of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.articulation.log_mel import BANDS


@dataclass(frozen=True, eq=False)
class Example:
    features: np.ndarray
    """(frames, BANDS) float16."""
    labels: np.ndarray
    """(frames,) uint8: index in CLASSES."""


def save(path: Path, made: Sequence[Example]) -> None:
    np.savez(
        path,
        features=np.concatenate([example.features for example in made]) if made else np.zeros((0, BANDS), np.float16),
        labels=np.concatenate([example.labels for example in made]) if made else np.zeros(0, np.uint8),
        lengths=np.array([len(example.labels) for example in made]),
    )


def load(path: Path) -> list[Example]:
    with np.load(path) as stored:
        ends = np.cumsum(stored["lengths"])[:-1]
        return [Example(*pair) for pair in zip(np.split(stored["features"], ends), np.split(stored["labels"], ends), strict=True)]
