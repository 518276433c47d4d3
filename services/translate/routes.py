"""Which way leads from one locale to another: none, one model, or two through English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import langcodes

from locutor.errors import InvalidInput
from services.translate.engine import LanguagePair

PIVOT = "en"


@dataclass(frozen=True)
class Route:
    """Pairs to go through, in order; none where source and target are one language."""

    source: str
    target: str
    hops: tuple[LanguagePair, ...]


def all_routes(pairs: Sequence[LanguagePair]) -> list[Route]:
    """Every pair, then every way through English that no pair makes needless."""
    routes = [Route(pair.source, pair.target, (pair,)) for pair in sorted(pairs)]
    for first in sorted(p for p in pairs if _language(p.target) == PIVOT):
        for second in sorted(p for p in pairs if _language(p.source) == PIVOT):
            direct = any(_understands(p, first.source) and p.target == second.target for p in pairs)
            if not direct and _written(first.source) != _written(second.target):
                routes.append(Route(first.source, second.target, (first, second)))
    return routes


def find_route(source_locale: str, target_locale: str, pairs: Sequence[LanguagePair]) -> Route:
    """The shortest way, to the target's own variety where there is a choice.

    A model serves every region of the language that it reads. What it writes is as its target says: "es" is good for any
    Spanish, "pt-BR" for "pt" and "pt-BR", but not for "pt-PT". Between varieties of one language the text is kept as it
    is, for it was written by a person. Raises `InvalidInput` for a malformed tag, and with reason NO_TRANSLATION, listing
    what there is.
    """
    source, target = _canonical(source_locale, "source_locale"), _canonical(target_locale, "target_locale")
    if _written(source) == _written(target):
        return Route(source, target, ())
    for candidates in (_direct(source, target, pairs), _through_english(source, target, pairs)):
        if candidates:
            best = min(candidates, key=lambda hops: (langcodes.tag_distance(target, hops[-1].target), langcodes.tag_distance(source, hops[0].source)))
            return Route(source, target, best)
    listed = ", ".join(map(str, sorted(pairs)))
    others = sorted({p.target for p in pairs if _written(p.target) == _written(target) and not _writes(p, target)})
    other = f" ({', '.join(others)} is another variety: ask for it by name if it will do)" if others else ""
    raise InvalidInput.of(
        "target_locale",
        f"there is no translation from {source} to {target}{other}; available, alone or in two steps through English: {listed}",
        "NO_TRANSLATION",
    )


def _direct(source: str, target: str, pairs: Sequence[LanguagePair]) -> list[tuple[LanguagePair, ...]]:
    return [(pair,) for pair in pairs if _understands(pair, source) and _writes(pair, target)]


def _through_english(source: str, target: str, pairs: Sequence[LanguagePair]) -> list[tuple[LanguagePair, ...]]:
    first = [pair for pair in pairs if _understands(pair, source) and _language(pair.target) == PIVOT]
    second = [pair for pair in pairs if _language(pair.source) == PIVOT and _writes(pair, target)]
    return [(one, two) for one in first for two in second]


def _canonical(tag: str, field: str) -> str:
    try:
        language = langcodes.Language.get(tag) if tag else None
    except langcodes.LanguageTagError:
        language = None
    if language is None or not language.is_valid():
        raise InvalidInput.of(field, f"{tag[:40]!r} is not a BCP 47 tag; give one such as en-US, es or pt-BR", "MALFORMED_LOCALE")
    return language.to_tag()


def _language(tag: str) -> str:
    return langcodes.Language.get(tag).language or ""


def _written(tag: str) -> tuple[str, str]:
    """Language and script: what a reader must know."""
    full = langcodes.Language.get(tag).maximize()
    return full.language or "", full.script or ""


def _understands(pair: LanguagePair, source: str) -> bool:
    return _written(pair.source) == _written(source)


def _writes(pair: LanguagePair, target: str) -> bool:
    mine, asked = langcodes.Language.get(pair.target).territory, langcodes.Language.get(target).territory
    return _written(pair.target) == _written(target) and (mine is None or asked is None or mine == asked)
