"""Which converter reads which locale."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from services.tts.engines.kokoro.g2p import symbol_maps
from services.tts.engines.kokoro.symbols import known
from services.tts.g2p.unit import G2P

_ESPEAK = {
    "en-US": ("en-us", symbol_maps.american),
    "en-GB": ("en-gb", symbol_maps.british),
    "es": ("es", symbol_maps.general),
    "fr": ("fr-fr", symbol_maps.general),
    "hi": ("hi", symbol_maps.general),
    "it": ("it", symbol_maps.general),
    "pt-BR": ("pt-br", symbol_maps.general),
}


@cache
def g2p_of(locale: str) -> G2P:
    """The converter of a locale; dictionaries are read at the first call."""
    if locale == "zh":
        from services.tts.engines.kokoro.g2p.mandarin import MandarinG2P

        return MandarinG2P(g2p_of("en-US"))
    if locale == "ja":
        from services.tts.engines.kokoro.g2p.japanese import JapaneseG2P

        return JapaneseG2P()
    from services.tts.g2p.espeak import EspeakG2P

    voice, to_symbols = _ESPEAK[locale]
    return EspeakG2P(voice, _known_only(to_symbols))


def _known_only(to_symbols: Callable[[str, str], str]) -> Callable[[str, str], str]:
    return lambda word, ipa: known(to_symbols(word, ipa))
