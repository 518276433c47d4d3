"""Texts through an engine that translates documents: asked for in passages, each answer examined, the doubtful asked once more, else translated plainly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from locutor.errors import InvalidInput, Unavailable
from services.engine import ModelInfo
from services.translate.checks import Verdict, examine
from services.translate.engine import (
    DocumentEngine,
    EndpointFailed,
    GlossaryTerm,
    LengthBudget,
    Passage,
    TranslateEngine,
    Translation,
    UnusableAnswer,
    Utterance,
)
from services.translate.routes import Route, find_route
from services.translate.spans import Kind, find_spans
from services.translate.translation import translate_text

_MOST_UTTERANCES = 30
_MOST_CHARACTERS = 6000
"""Of a passage: longer answers are cut off, or lose count."""
_BEFORE, _AFTER = 5, 2
"""Neighbours that are told as context."""


class PlainTranslator:
    """Translates what the endpoint's model could not."""

    def __init__(self, source_locale: str, target_locale: str, glossary: Sequence[GlossaryTerm], engine: TranslateEngine) -> None:
        """A pair that the plain engine does not know is no error before it is needed."""
        self._glossary, self._engine = glossary, engine
        self._missing = ""
        try:
            self._route: Route | None = find_route(source_locale, target_locale, engine.pairs)
        except InvalidInput as error:
            self._route, self._missing = None, error.violations[0].message

    @property
    def models(self) -> list[ModelInfo]:
        return [self._engine.info(pair) for pair in self._route.hops] if self._route else []

    def translate(self, text: str, reason: str) -> Translation:
        """`reason`: why it is needed. Raises `Unavailable` where there is no plain model for the pair."""
        if self._route is None:
            raise Unavailable(f"the translation endpoint's answer cannot be used ({reason}), and {self._missing}", reason="NO_FALLBACK")
        return replace(translate_text(text, self._route, self._glossary, self._engine), fallback_reason=reason)


@dataclass(frozen=True)
class Document:
    """What is to be translated, and what stands around it."""

    texts: Sequence[str]
    budgets: Sequence[LengthBudget] = ()
    """One a text, or none."""
    before: Sequence[tuple[str, str]] = ()
    """What is said just before the first text, with its translation."""
    after: Sequence[str] = ()


def translate_document(
    document: Document, route: Route, glossary: Sequence[GlossaryTerm], engine: DocumentEngine, plain: PlainTranslator
) -> Iterator[Translation]:
    """As many translations as texts, in the same order.

    What of a passage is unusable is asked for once more, together and with what was wrong; what is unusable then is translated plainly,
    with the reason. Of usable answers that miss their budget or a term, the best is kept. Once the endpoint fails, the rest is translated
    plainly. Raises `Unavailable` where it cannot be.
    """
    reader = _Reader(route, glossary, engine, plain)
    texts, budgets, following = document.texts, document.budgets, [*document.texts, *document.after]
    done = list(document.before)
    for begin, end in _passages(texts):
        utterances = [Utterance(f"u{i + 1}", texts[i], budgets[i] if budgets else None) for i in range(begin, end) if texts[i].strip()]
        found = reader.translations(utterances, tuple(done[-_BEFORE:]), tuple(following[end : end + _AFTER]))
        for index in range(begin, end):
            translation = found.get(f"u{index + 1}") or Translation(texts[index])
            done.append((texts[index], translation.text))
            yield translation


class _Reader:
    """Asks and examines."""

    def __init__(self, route: Route, glossary: Sequence[GlossaryTerm], engine: DocumentEngine, plain: PlainTranslator) -> None:
        self._route, self._glossary, self._engine, self._plain = route, glossary, engine, plain
        self._failed = ""
        """Why the endpoint is not asked any more."""

    def translations(self, utterances: Sequence[Utterance], before: tuple[tuple[str, str], ...], after: tuple[str, ...]) -> dict[str, Translation]:
        answers, reason = self._ask(utterances, before, after)
        attempts = {utterance.id: [self._examined(utterance, answers.get(utterance.id), reason)] for utterance in utterances}
        doubtful = [utterance for utterance in utterances if attempts[utterance.id][0][1].complaint]
        again, reason = self._ask([replace(utterance, complaint=attempts[utterance.id][0][1].complaint) for utterance in doubtful], before, after)
        for utterance in doubtful:
            attempts[utterance.id].append(self._examined(utterance, again.get(utterance.id), reason))
        return {utterance.id: self._settled(utterance, attempts[utterance.id]) for utterance in utterances}

    def _settled(self, utterance: Utterance, attempts: Sequence[tuple[str, Verdict]]) -> Translation:
        usable = [(text, verdict) for text, verdict in attempts if not verdict.unusable]
        if not usable:
            return self._plain.translate(utterance.text, self._failed or attempts[-1][1].unusable)
        text, verdict = min(usable, key=lambda attempt: (len(attempt[1].missed_terms), attempt[1].budget_miss))
        return Translation(text, verdict.missed_terms)

    def _examined(self, utterance: Utterance, answer: str | None, reason: str) -> tuple[str, Verdict]:
        if answer is None:
            return "", Verdict(reason or "the answer does not have it, or has it twice")
        return answer, examine(utterance.text, answer, self._route.source, self._route.target, self._glossary, utterance.budget)

    def _ask(self, utterances: Sequence[Utterance], before: tuple[tuple[str, str], ...], after: tuple[str, ...]) -> tuple[Mapping[str, str], str]:
        """What the engine answers, and why it does not where it does not."""
        if self._failed or not utterances:
            return {}, self._failed
        terms = {span.term for utterance in utterances for span in find_spans(utterance.text, self._glossary) if span.kind is Kind.TERM}
        glossary = tuple(term for term in self._glossary if term.source in terms)
        try:
            return self._engine.propose(Passage(self._route.source, self._route.target, tuple(utterances), before, after, glossary)), ""
        except UnusableAnswer as error:
            return {}, error.message
        except EndpointFailed as error:
            self._failed = error.message
            return {}, error.message


def _passages(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs [begin, end) of texts that are asked for together."""
    begin = characters = 0
    for index, text in enumerate(texts):
        if index > begin and (index - begin == _MOST_UTTERANCES or characters + len(text) > _MOST_CHARACTERS):
            yield begin, index
            begin, characters = index, 0
        characters += len(text)
    if begin < len(texts):
        yield begin, len(texts)
