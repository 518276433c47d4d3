"""One shape after another: what a client needs that draws mouths instead of moving them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.articulation.speech import PhonemeSpan

Shape = TypeVar("Shape")


@dataclass(frozen=True)
class ShapeSpan(Generic[Shape]):
    """One shape held over a span. Times as in `PhonemeSpan`."""

    shape: Shape
    start_s: float
    end_s: float


def shape_spans(phonemes: Iterable[PhonemeSpan], shapes_of: Callable[[str], Sequence[Shape]]) -> tuple[ShapeSpan[Shape], ...]:
    """Shapes over the same spans, where `shapes_of` tells those of a symbol in their order, at least one; equal neighbours are joined."""
    spans: list[ShapeSpan[Shape]] = []
    for phoneme in phonemes:
        shapes = shapes_of(phoneme.symbol)
        for shape, (start_s, end_s) in zip(shapes, phoneme.divided(len(shapes)), strict=True):
            if spans and spans[-1].shape == shape:
                spans[-1] = ShapeSpan(shape, spans[-1].start_s, end_s)
            else:
                spans.append(ShapeSpan(shape, start_s, end_s))
    return tuple(spans)
