"""All engines' voices, and which engine speaks a request that names none.

Nothing is replaced by something worse in silence: where only rule-made voices speak a locale, one of them speaks it if it is named, or its engine is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from locutor.errors import InvalidInput, MissingExtra
from services.engine import load_engine_class
from services.tts.engine import ENGINES, Quality, SpeechRequest, Voice
from services.tts.locales import match_locale, nearest_locale
from services.weights import ModelStore

_MOST_LISTED = 12
"""Voices in an error."""


@dataclass(frozen=True)
class Roster:
    """The voices of the engines that are installed."""

    by_engine: Mapping[str, Sequence[Voice]]
    """The server's default engine first."""
    commercial: bool = False
    """Only what may be used commercially is taken unasked."""

    def voices(self) -> list[Voice]:
        """All of them, each engine's own default first for its locale; marked as default are those that are taken where neither engine nor voice is named."""
        defaults: dict[str, str] = {}
        for voice in self._unasked():
            defaults.setdefault(voice.locale, voice.id)
        return [replace(voice, is_default=defaults.get(voice.locale) == voice.id) for own in self.by_engine.values() for voice in _defaults_first(own)]

    def settled(self, request: SpeechRequest, engine: str = "") -> tuple[str, SpeechRequest]:
        """The engine that speaks a request, and the request with the voice that is taken. `engine`: the one that is named, if any.

        The engine is that of the voice; where none is named, the first that speaks the locale with a voice that may be taken. A named engine of which no
        voice may be taken is left to tell why.
        Raises `InvalidInput` (fields voice, locale) where there is none, with those that there are.
        """
        if request.voice:
            return engine or self._engine_of(request.voice, request.locale), request
        if engine:
            taken = _taken(_defaults_first(self._allowed(self.by_engine.get(engine, ()))), request.locale)
            return engine, replace(request, voice=taken.id, locale=taken.locale) if taken else request
        for name in self.by_engine:
            taken = _taken([voice for voice in self._unasked() if voice.engine == name], request.locale)
            if taken is not None:
                return name, replace(request, voice=taken.id, locale=taken.locale)
        self._refuse(request.locale)

    def _refuse(self, locale: str) -> NoReturn:
        """Say why no voice is taken for a locale."""
        rule_made = self._rule_made(locale)
        if rule_made:
            names, engine = " or ".join(voice.id for voice in rule_made), rule_made[0].engine
            message = f"only rule-made voices speak {locale!r}, and none is taken unasked; name the voice {names}, or the engine {engine!r}"
            raise InvalidInput.of("locale", message, "ONLY_FORMANT_VOICES")
        # It is not there, or no tag at all: this says which.
        match_locale(locale, sorted({voice.locale for voice in self._unasked()}))
        raise AssertionError("a locale that is near none is refused")

    def _rule_made(self, locale: str) -> list[Voice]:
        formant = [voice for own in self.by_engine.values() for voice in own if voice.quality is Quality.FORMANT]
        near = nearest_locale(locale, tuple({voice.locale for voice in formant}))
        return [voice for voice in formant if voice.locale == near]

    def _unasked(self) -> list[Voice]:
        """Those that may be taken where none is named, each engine's own defaults first: the server's default engine was named by who started it."""
        first = next(iter(self.by_engine))
        allowed = [voice for own in self.by_engine.values() for voice in _defaults_first(self._allowed(own))]
        return [voice for voice in allowed if voice.quality is Quality.NEURAL or voice.engine == first]

    def _allowed(self, voices: Sequence[Voice]) -> list[Voice]:
        return [voice for voice in voices if voice.commercial_use or not self.commercial]

    def _engine_of(self, asked: str, locale: str) -> str:
        every = [voice for own in self.by_engine.values() for voice in own]
        found = next((voice for voice in every if voice.id == asked), None)
        if found is not None:
            return found.engine
        near = nearest_locale(locale, tuple({voice.locale for voice in every}))
        listed = [voice.id for voice in every if voice.locale == near]
        shown = ", ".join(listed[:_MOST_LISTED]) + (f" and {len(listed) - _MOST_LISTED} more" if len(listed) > _MOST_LISTED else "")
        raise InvalidInput.of("voice", f"there is no voice {asked[:60]!r}; the voices of {near or locale} are {shown or 'none'}", "UNKNOWN_VOICE")


def roster_of(default_engine: str, store: ModelStore, *, commercial: bool) -> Roster:
    """`commercial`: as of `Roster`. Raises `MissingExtra` where the default engine is not installed."""
    found: dict[str, Sequence[Voice]] = {}
    for name in sorted(ENGINES, key=lambda name: name != default_engine):
        try:
            found[name] = load_engine_class(ENGINES, name).list_voices(store)
        except MissingExtra:
            if name == default_engine:
                raise
    return Roster(found, commercial)


def _taken(voices: Sequence[Voice], locale: str) -> Voice | None:
    """The first that speaks what is nearest to a locale."""
    near = nearest_locale(locale, tuple({voice.locale for voice in voices}))
    return next((voice for voice in voices if voice.locale == near), None)


def _defaults_first(voices: Sequence[Voice]) -> list[Voice]:
    return sorted(voices, key=lambda voice: not voice.is_default)
