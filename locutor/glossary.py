"""What a glossary must be: asked where a job is created, long before its texts are translated, and again by the translation."""

from __future__ import annotations

from collections.abc import Sequence

from locutor.errors import FieldViolation
from locutor.translate.v1 import translate_pb2

MOST_TERMS = 1000
LONGEST_TERM = 200
"""Code points of a term's source, and of its target."""


def glossary_violations(terms: Sequence[translate_pb2.GlossaryTerm], field: str) -> list[FieldViolation]:
    """All that is wrong with a glossary. `field`: its path in the request."""
    wrong: list[FieldViolation] = []
    if len(terms) > MOST_TERMS:
        wrong.append(FieldViolation(field, f"found {len(terms)} terms; give at most {MOST_TERMS}", "TOO_MANY_TERMS"))
    targets: dict[tuple[str, bool], str] = {}
    for index, term in enumerate(terms[:MOST_TERMS]):
        source, target, own = term.source.strip(), term.target.strip(), f"{field}[{index}]"
        if not any(character.isalnum() for character in source):
            wrong.append(FieldViolation(f"{own}.source", f"found {source[:LONGEST_TERM]!r}; give a word, as it stands in the text", "EMPTY"))
        if max(len(term.source), len(term.target)) > LONGEST_TERM:
            wrong.append(FieldViolation(own, f"a term has at most {LONGEST_TERM} code points", "TERM_TOO_LONG"))
            continue
        key = (source if term.case_sensitive else source.casefold(), term.case_sensitive)
        if targets.setdefault(key, target) != target:
            wrong.append(FieldViolation(f"{own}.target", f"{source!r} has another target before: {targets[key]!r}; give it once", "CONFLICTING_TERMS"))
    return wrong
