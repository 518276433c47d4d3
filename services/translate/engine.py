"""What a translation engine is: direct pairs of languages, one sentence at a time, or whole documents by an endpoint whose answers are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from locutor.errors import LocutorError
from services.engine import EngineSpec, ModelInfo
from services.weights import ModelStore

ENGINES: dict[str, EngineSpec] = {
    "bergamot": EngineSpec("services.translate.engines.bergamot:BergamotEngine", "translate"),
    "openai-compatible": EngineSpec("services.translate.engines.openai_compatible:OpenAiCompatibleEngine", "translate-llm"),
}
"""Engines by name. The first is the default."""
PLAIN_ENGINE = "bergamot"
"""Translates what a `DocumentEngine` could not."""


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
class LengthBudget:
    """How long a translation should be, in code points."""

    min_characters: int
    max_characters: int


@dataclass(frozen=True)
class Translation:
    text: str
    missed_terms: tuple[str, ...] = ()
    """Sources of glossary terms that could not be kept."""
    fallback_reason: str = ""
    """Set where the engine's own answer was unusable, and the plain engine translated instead: what was wrong with it."""


@dataclass(frozen=True)
class Utterance:
    """A text that is asked for."""

    id: str
    """Names it in the answer."""
    text: str
    budget: LengthBudget | None = None
    complaint: str = ""
    """What was wrong with an earlier answer."""


@dataclass(frozen=True)
class Passage:
    """Utterances that are translated together."""

    source_locale: str
    target_locale: str
    utterances: tuple[Utterance, ...]
    before: tuple[tuple[str, str], ...] = ()
    """What was said just before, with its translation."""
    after: tuple[str, ...] = ()
    """What is said next."""
    glossary: tuple[GlossaryTerm, ...] = ()


class UnusableAnswer(LocutorError):
    """An answer came that cannot be read."""

    reason = "UNUSABLE_ANSWER"


class EndpointFailed(LocutorError):
    """No answer came, though it was tried more than once."""

    reason = "ENDPOINT_FAILED"


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


@runtime_checkable
class DocumentEngine(Protocol):
    """Translates utterances in the light of their neighbours, and may say anything: what it answers is checked in `documents`."""

    pairs: Sequence[LanguagePair]

    @classmethod
    def describe(cls, store: ModelStore) -> Sequence[ModelInfo]:
        """The model, installed or not; nothing is called."""
        ...

    def info(self, pair: LanguagePair) -> ModelInfo:
        """The model that translates a pair."""
        ...

    def propose(self, passage: Passage) -> Mapping[str, str]:
        """Translations by the ids of their utterances, as they came: some may be missing, or wrong. Raises `EndpointFailed` and `UnusableAnswer`."""
        ...
