"""Which locale speaks for which."""

from __future__ import annotations

import pytest

from locutor.errors import InvalidInput
from services.tts.engines.kokoro.catalog import LOCALES, VOICES
from services.tts.locales import match_locale, speaks


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("en", "en-US"), ("en-US", "en-US"), ("en-us", "en-US"), ("en_GB", "en-GB"), ("en-AU", "en-GB"), ("en-CA", "en-US"), ("es-MX", "es"), ("es-ES", "es"),
        ("pt", "pt-BR"), ("pt-PT", "pt-BR"), ("zh-CN", "zh"), ("zh-Hans", "zh"), ("ja-JP", "ja"), ("fr-CA", "fr"), ("hi-IN", "hi"),
    ],
)  # fmt: skip
def test_match(asked: str, found: str) -> None:
    assert match_locale(asked, LOCALES) == found


@pytest.mark.parametrize("asked", ["de", "xx", "", "not a locale", "ca", "yue"])
def test_refused_with_what_there_is(asked: str) -> None:
    with pytest.raises(InvalidInput, match="pt-BR") as raised:
        match_locale(asked, LOCALES)
    assert raised.value.violations[0].field == "locale"


def test_voices() -> None:
    assert len(VOICES) == 54
    assert len({voice.id for voice in VOICES}) == 54
    assert sorted(voice.locale for voice in VOICES if voice.is_default) == sorted(LOCALES)
    assert len([voice for voice in VOICES if speaks(voice.locale, "en")]) == 28
    assert len([voice for voice in VOICES if speaks(voice.locale, "en-GB")]) == 8
    assert len([voice for voice in VOICES if speaks(voice.locale, "es-MX")]) == 3
    with pytest.raises(InvalidInput):
        speaks("es", "no such")
