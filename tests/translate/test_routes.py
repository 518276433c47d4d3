"""Which pairs serve which locales."""

from __future__ import annotations

import pytest

from locutor.errors import InvalidInput
from services.translate.engine import LanguagePair
from services.translate.routes import all_routes, find_route

PAIRS = [LanguagePair(*pair.split(">")) for pair in ("en>pt-BR", "pt-BR>en", "en>es", "es>en", "en>zh-Hant", "ca>es")]


def hops(source: str, target: str) -> list[str]:
    return [str(pair) for pair in find_route(source, target, PAIRS).hops]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("en-US", "pt-BR", ["en>pt-BR"]),
        ("en", "pt", ["en>pt-BR"]),
        ("en-GB", "es-MX", ["en>es"]),
        # What is read may be of any region; what is written may not.
        ("pt-PT", "en", ["pt-BR>en"]),
        ("pt-BR", "es", ["pt-BR>en", "en>es"]),
        ("es-419", "pt-BR", ["es>en", "en>pt-BR"]),
        ("ca", "es-ES", ["ca>es"]),
        ("en", "zh-TW", ["en>zh-Hant"]),
        ("EN-us", "ES", ["en>es"]),
    ],
)
def test_routes(source: str, target: str, expected: list[str]) -> None:
    assert hops(source, target) == expected


@pytest.mark.parametrize(("source", "target"), [("en-US", "en-GB"), ("pt-BR", "pt-PT"), ("es", "es-419"), ("de", "de-AT")])
def test_one_language_needs_no_model(source: str, target: str) -> None:
    assert hops(source, target) == []


@pytest.mark.parametrize(("source", "target"), [("en", "pt-PT"), ("en", "zh-CN"), ("de", "en"), ("en", "ja"), ("es", "ca")])
def test_no_way_lists_what_there_is(source: str, target: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        find_route(source, target, PAIRS)
    assert caught.value.reason == "NO_TRANSLATION"
    assert all(str(pair) in caught.value.message for pair in PAIRS)


def test_another_variety_is_named_and_not_taken() -> None:
    with pytest.raises(InvalidInput, match="pt-BR is another variety"):
        find_route("en", "pt-PT", PAIRS)
    with_both = [*PAIRS, LanguagePair("en", "pt-PT")]
    assert find_route("en", "pt-PT", with_both).hops == (LanguagePair("en", "pt-PT"),)
    assert find_route("en", "pt-BR", with_both).hops == (LanguagePair("en", "pt-BR"),)


@pytest.mark.parametrize(("source", "target", "field"), [("", "en", "source_locale"), ("en", "no locale", "target_locale"), ("en", "xx", "target_locale")])
def test_malformed_tags(source: str, target: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        find_route(source, target, PAIRS)
    assert (caught.value.violations[0].field, caught.value.reason) == (field, "MALFORMED_LOCALE")


def test_all_routes_are_pairs_and_ways_through_english() -> None:
    routes = {(r.source, r.target): len(r.hops) for r in all_routes(PAIRS)}
    assert routes[("en", "es")] == routes[("ca", "es")] == 1
    assert routes[("pt-BR", "es")] == routes[("es", "pt-BR")] == routes[("es", "zh-Hant")] == 2
    assert ("pt-BR", "pt-BR") not in routes and ("ca", "en") not in routes
    for source, target in routes:
        assert len(find_route(source, target, PAIRS).hops) == routes[(source, target)]
