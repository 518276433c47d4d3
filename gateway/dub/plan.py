"""What a dub job will do, decided before anything is done, and refused with all that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.dub.lines import merge_edits, seconds
from gateway.locales import canonical, choose_pair, choose_voice, same_language
from gateway.offer import Offer, engine_violations, resolved, translation_violations
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import dub_pb2, engines_pb2, job_pb2
from locutor.translate.v1 import translate_pb2

MAX_TARGETS = 50
MAX_SPEAKERS = 20
MAX_EDITS = 20_000
MAX_CAST = 200
MAX_EDIT_BYTES = 4 * 1024**2
"""Of all edits together: a job must fit into a message."""
MAX_TEXT_CHARACTERS = 2_000
"""Of an edited utterance: more than any minute holds."""
_HEADER_ERROR_S = 0.5
"""By as much the length that a file's headers tell may be too short."""
_SHOWN_VOICES = 12
_RATES = (0.5, 2.0)


@dataclass(frozen=True)
class DubLocale:
    """One video."""

    locale: str
    """BCP 47, canonical."""
    burn_in: bool
    engines: engines_pb2.Engines
    """Those that are named for this locale; what is empty is the service's default."""


@dataclass(frozen=True)
class DubPlan:
    source_locale: str
    """BCP 47, canonical; empty: to be detected."""
    locales: tuple[DubLocale, ...]
    """In the order of the targets."""


def dub_locales(spec: job_pb2.DubSpec) -> list[str]:
    """The targets' locales in canonical spelling, in their order. Raises `InvalidInput`."""
    return [canonical(target.locale, f"dub.targets[{number}].locale") for number, target in enumerate(spec.targets)]


def make_dub_plan(spec: job_pb2.DubSpec, offer: Offer) -> DubPlan:
    """Decide what to do. Raises `InvalidInput` with everything that is wrong with locales, voices, translations, engines, cast and edits."""
    planner = _Planner(spec, offer)
    plan = planner.plan()
    if planner.violations:
        raise InvalidInput(planner.violations)
    return plan


def time_violations(edits: Sequence[dub_pb2.UtteranceEdit], duration_s: float) -> list[FieldViolation]:
    """Edited times that cannot be in a video of `duration_s` seconds. Of an utterance with several edits, the last time given counts."""
    places = {(edit.id, edit.locale): number for number, edit in enumerate(edits)}
    found = []
    for edit in merge_edits(edits):
        times = [(name, seconds(getattr(edit, name))) for name in ("start_offset", "end_offset") if edit.HasField(name)]
        field = f"dub.edits[{places[edit.id, edit.locale]}]"
        for name, time_s in times:
            if not 0 <= time_s <= duration_s + _HEADER_ERROR_S:
                message = f"{time_s:g} s is outside the video; give 0 to {duration_s:.3f} s"
                found.append(FieldViolation(f"{field}.{name}", message, "OUT_OF_RANGE"))
        if len(times) == 2 and times[1][1] <= times[0][1]:
            message = f"{times[1][1]:g} s is not after its start, {times[0][1]:g} s"
            found.append(FieldViolation(f"{field}.end_offset", message, "OUT_OF_RANGE"))
    return found


def translation_pair(spec: job_pb2.DubSpec, source: str, target: str, pairs: Sequence[translate_pb2.Pair], field: str) -> translate_pb2.Pair:
    """The pair that translates between two locales. Raises `InvalidInput` with `field` where there is none."""
    pair = choose_pair(source, target, pairs)
    if pair is None:
        known = ", ".join(sorted(f"{p.source_locale} to {p.target_locale}" for p in pairs)) or "none"
        remedy = "give this target subtitles, or install a model" + (
            "" if spec.source_locale else f"; if nobody speaks {source} there, name the locale of the speech"
        )
        message = f"there is no translation from {source} to {target} (there are: {known}); {remedy}"
        raise InvalidInput.of(field, message, "NO_TRANSLATION")
    return pair


class _Planner:
    def __init__(self, spec: job_pb2.DubSpec, offer: Offer) -> None:
        self.violations: list[FieldViolation] = []
        self._spec = spec
        self._offer = offer
        self._voices = offer.speakers("", spec.commercial_use)

    def plan(self) -> DubPlan:
        spec = self._spec
        source = self._locale(spec.source_locale, "dub.source_locale") if spec.source_locale else ""
        if not spec.targets:
            self._refuse("dub.targets", "there is none; name at least one locale", "NO_TARGET")
        if len(spec.targets) > MAX_TARGETS:
            self._refuse("dub.targets", f"there are {len(spec.targets)}; the limit is {MAX_TARGETS}", "TOO_MANY_TARGETS")
        translators = sorted({model.engine for model in self._offer.models["translate"] if model.installed})
        if spec.translation_engine and spec.translation_engine not in translators:
            what = f"there is no engine {spec.translation_engine[:40]!r} that is installed; choose from {', '.join(translators) or 'none'}"
            self._refuse("dub.translation_engine", what, "UNKNOWN_ENGINE")
        locales: dict[str, DubLocale] = {}
        for number, target in enumerate(spec.targets[:MAX_TARGETS]):
            field = f"dub.targets[{number}]"
            locale = self._locale(target.locale, f"{field}.locale")
            if not locale:
                continue
            if locale in locales:
                self._refuse(f"{field}.locale", f"{locale} is named twice; name each locale once", "DUPLICATE_TARGET")
                continue
            self._check_target(source, locale, target, number)
            locales[locale] = DubLocale(locale, target.burn_in_subtitles, resolved(spec, target))
        used = ["recognition", *([] if spec.omit_lipsync else ["lipsync"])]
        self.violations += engine_violations(spec, self._offer, [*used, "separation"])
        self._check_cast()
        self._check_edits(set(locales))
        for name, kind in (("background_sound", dub_pb2.BackgroundSound), ("loudness", dub_pb2.LoudnessTarget)):
            if getattr(spec, name) not in kind.values():
                known = ", ".join(kind.keys()[1:])
                self._refuse(f"dub.{name}", f"found {getattr(spec, name)}, which is none; choose from {known}", "UNKNOWN_CHOICE")
        if spec.speaker_count > MAX_SPEAKERS:
            self._refuse("dub.speaker_count", f"found {spec.speaker_count}; give at most {MAX_SPEAKERS}, or 0 to have it estimated", "OUT_OF_RANGE")
        return DubPlan(source, tuple(locales.values()))

    def _check_target(self, source: str, locale: str, target: dub_pb2.DubTarget, number: int) -> None:
        field = f"dub.targets[{number}]"
        engines = resolved(self._spec, target)
        if choose_voice(locale, self._offer.unasked(engines.speech, self._spec.commercial_use)) is None:
            self.violations.append(self._offer.voiceless(locale, engines.speech, self._spec.commercial_use, f"{field}.locale"))
        is_known = not engines.translation or any(model.engine == engines.translation and model.installed for model in self._offer.models["translate"])
        if is_known and source and not target.subtitles_uri and not same_language(source, locale):
            try:
                pair = translation_pair(self._spec, source, locale, self._offer.pairs[engines.translation], f"{field}.locale")
                self.violations += translation_violations(self._spec, self._offer, number, pair)
            except InvalidInput as error:
                self.violations += error.violations

    def _check_cast(self) -> None:
        if len(self._spec.cast) > MAX_CAST:
            self._refuse("dub.cast", f"has {len(self._spec.cast)} members; the limit is {MAX_CAST}", "TOO_MANY")
        for number, member in enumerate(self._spec.cast[:MAX_CAST]):
            field = f"dub.cast[{number}]"
            if not member.speaker.strip() or len(member.speaker) > 100:
                self._refuse(f"{field}.speaker", "is empty or longer than 100 characters; give the speaker a name", "BAD_NAME")
            for locale, voice in member.voices.items():
                tag = self._locale(locale, f"{field}.voices")
                if tag:
                    self._check_voice(voice, tag, f"{field}.voices[{locale}]")

    def _check_edits(self, locales: set[str]) -> None:
        if len(self._spec.edits) > MAX_EDITS:
            self._refuse("dub.edits", f"there are {len(self._spec.edits)}; the limit is {MAX_EDITS}", "TOO_MANY")
        size = sum(edit.ByteSize() for edit in self._spec.edits)
        if size > MAX_EDIT_BYTES:
            self._refuse("dub.edits", f"they have {size:,} bytes; the limit is {MAX_EDIT_BYTES:,}: leave out what was not changed", "TOO_LARGE")
        for number, edit in enumerate(self._spec.edits[:MAX_EDITS]):
            field = f"dub.edits[{number}]"
            if not edit.id:
                self._refuse(f"{field}.id", "is empty; name the utterance", "NO_ID")
            if edit.locale and edit.locale not in locales:
                self._refuse(
                    f"{field}.locale", f"{edit.locale[:40]!r} is no target; name one of {', '.join(sorted(locales))}, or none for all", "UNKNOWN_LOCALE"
                )
            for name in ("text", "source_text"):
                if len(getattr(edit, name)) > MAX_TEXT_CHARACTERS:
                    self._refuse(f"{field}.{name}", f"has {len(getattr(edit, name))} characters; the limit is {MAX_TEXT_CHARACTERS}", "TOO_LONG")
            if not edit.locale:
                set_names = {field.name for field, _ in edit.ListFields()}
                for name in sorted(set_names & {"text", "voice", "rate", "locked", "omitted"}):
                    self._refuse(f"{field}.{name}", "holds for one locale alone; name it in `locale`", "NO_LOCALE")
            if edit.HasField("rate") and not _RATES[0] <= round(edit.rate, 3) <= _RATES[1]:
                self._refuse(f"{field}.rate", f"found {edit.rate:g}; choose {_RATES[0]:g} to {_RATES[1]:g}", "OUT_OF_RANGE")
            if edit.HasField("voice") and edit.locale in locales:
                self._check_voice(edit.voice, edit.locale, f"{field}.voice")

    def _check_voice(self, asked: str, locale: str, field: str) -> None:
        named = next((voice for voice in self._offer.voices if voice.id == asked), None)
        if named is not None and named not in self._voices:
            found = f"the voice {asked!r} ({named.license or 'licence unknown'}) may not be used commercially; choose another"
            self._refuse(field, found, "NON_COMMERCIAL_WEIGHTS")
            return
        if named is not None and same_language(locale, named.locale):
            return
        fitting = [voice.id for voice in self._voices if same_language(locale, voice.locale)]
        choice = ", ".join(fitting[:_SHOWN_VOICES]) + (", ..." if len(fitting) > _SHOWN_VOICES else "")
        found = f"there is no voice {asked[:40]!r}" if named is None else f"the voice {asked!r} speaks {named.locale}, not {locale}"
        self._refuse(field, f"{found}; choose from {choice}", "UNKNOWN_VOICE")

    def _locale(self, tag: str, field: str) -> str:
        try:
            return canonical(tag, field)
        except InvalidInput as error:
            self.violations += error.violations
            return ""

    def _refuse(self, field: str, message: str, reason: str) -> None:
        self.violations.append(FieldViolation(field, message, reason))
