"""What a translation engine is: direct pairs of languages, one sentence at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.engine import EngineSpec, ModelInfo
from services.weights import ModelStore

ENGINES: dict[str, EngineSpec] = {
    "bergamot": EngineSpec("services.translate.engines.bergamot:BergamotEngine", "translate"),
}
"""Engines by name. The first is the default."""


@dataclass(frozen=True, order=True)
class LanguagePair:
    """What one model translates. BCP 47; a region in `target` says that the model writes that region's variety and no other."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source}>{self.target}"


@dataclass(frozen=True)
class GlossaryTerm:
    """A term whose translation is decided."""

    source: str
    target: str = ""
    """Empty: the term is not translated."""
    case_sensitive: bool = False


@dataclass(frozen=True)
class Translation:
    text: str
    missed_terms: tuple[str, ...] = ()
    """Sources of glossary terms that could not be kept."""


class TranslateEngine(Protocol):
    """Constructed as `Class(store, threads)`: loads its weights, so that the first call does not pay for it.

    What goes beyond a sentence and a direct pair (the way through English, the glossary, what must survive) is not the
    engine's work: it is in `translation`, for all engines alike.
    """

    pairs: Sequence[LanguagePair]

    @classmethod
    def describe(cls, store: ModelStore) -> Sequence[ModelInfo]:
        """A model for each pair, installed or not; nothing is loaded or fetched."""
        ...

    def info(self, pair: LanguagePair) -> ModelInfo:
        """The model that translates a pair."""
        ...

    def translate(self, sentence: str, pair: LanguagePair) -> str:
        """Translate one sentence of at most about sixty words."""
        ...
