"""What a glossary must be: asked where a job is created, long before its texts are translated, and again by the translation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from locutor.errors import FieldViolation
from locutor.translate.v1 import translate_pb2

MOST_TERMS = 1000
"""For one target locale."""
LONGEST_TERM = 200
"""Code points of a term's source, and of its target."""


def glossary_violations(terms: Sequence[translate_pb2.GlossaryTerm], field: str) -> list[FieldViolation]:
    """All that is wrong with a glossary. `field`: its path in the request."""
    wrong: list[FieldViolation] = []
    counts = Counter(term.target_locale for term in terms)
    for locale in [tag for tag in counts if tag] or [""]:
        count = counts[locale] + (counts[""] if locale else 0)
        if count > MOST_TERMS:
            where = f" for {locale}" if locale else ""
            wrong.append(FieldViolation(field, f"found {count} terms{where}; give at most {MOST_TERMS} for a target", "TOO_MANY_TERMS"))
    if wrong:
        return wrong
    targets: dict[tuple[str, bool, str], str] = {}
    for index, term in enumerate(terms):
        source, target, own = term.source.strip(), term.target.strip(), f"{field}[{index}]"
        if not any(character.isalnum() for character in source):
            wrong.append(FieldViolation(f"{own}.source", f"found {source[:LONGEST_TERM]!r}; give a word, as it stands in the text", "EMPTY"))
        if max(len(term.source), len(term.target)) > LONGEST_TERM:
            wrong.append(FieldViolation(own, f"a term has at most {LONGEST_TERM} code points", "TERM_TOO_LONG"))
            continue
        key = (source if term.case_sensitive else source.casefold(), term.case_sensitive, term.target_locale)
        if targets.setdefault(key, target) != target:
            wrong.append(FieldViolation(f"{own}.target", f"{source!r} has another target before: {targets[key]!r}; give it once", "CONFLICTING_TERMS"))
    return wrong


def terms_for(terms: Sequence[translate_pb2.GlossaryTerm], locale: str) -> list[translate_pb2.GlossaryTerm]:
    """Those that hold for translations into `locale` (BCP 47): of a source the term for it, else for its language, else for all."""
    by_source: dict[tuple[str, bool], dict[str, translate_pb2.GlossaryTerm]] = {}
    for term in terms:
        source = term.source.strip()
        by_source.setdefault((source if term.case_sensitive else source.casefold(), term.case_sensitive), {})[term.target_locale] = term
    chosen = (own.get(best_locale(locale, own) or "") for own in by_source.values())
    return [term for term in chosen if term is not None]


def best_locale(wanted: str, found: Iterable[str]) -> str | None:
    """Which of `found` serves for `wanted` (BCP 47): itself, its language without a region, or the first of its language; None: none."""
    tags = {tag: tag.casefold().replace("_", "-") for tag in found if tag}
    asked = wanted.casefold().replace("_", "-")
    language = asked.split("-")[0]
    for fits in (asked, language):
        for tag, plain in tags.items():
            if plain == fits:
                return tag
    return next((tag for tag, plain in tags.items() if plain.split("-")[0] == language), None)
