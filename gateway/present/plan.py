"""What a present job will do, decided before anything is done: per locale the texts, the voice, and the way to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gateway.locales import canonical, choose_pair, choose_voice, same_language, voice_for
from gateway.offer import Offer, engine_violations, resolved, translation_violations
from gateway.script import Script, parse_script
from locutor.common.v1 import video_pb2
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import engines_pb2, job_pb2
from locutor.translate.v1 import translate_pb2
from locutor.tts.v1 import tts_pb2

MAX_TARGETS = 50
_RATES = (0.5, 2.0)
_SHOWN_VOICES = 12


@dataclass(frozen=True)
class LocalePlan:
    """One video."""

    locale: str
    """BCP 47, canonical."""
    script: Script
    """What is said, in the script's language where `pair` is set."""
    pair: translate_pb2.Pair | None
    """The machine translation that leads to it; None where the text is in the locale's language already."""
    voice: tts_pb2.Voice
    rate: float
    """Speaking rate as a factor of the voice's own."""
    is_given: bool
    """The text is a translation that came with the request."""
    engines: engines_pb2.Engines
    """Those that are named for this locale; what is empty is the service's default."""


@dataclass(frozen=True)
class PresentPlan:
    title: str
    source_locale: str
    locales: tuple[LocalePlan, ...]
    """In the order of the targets."""
    video: video_pb2.VideoFormat

    @property
    def frame_rate(self) -> Fraction:
        return Fraction(self.video.frame_rate_numerator, self.video.frame_rate_denominator)


def target_locales(spec: job_pb2.PresentSpec) -> list[str]:
    """The targets' locales in canonical spelling, in their order. Raises `InvalidInput`."""
    return [canonical(target.locale, f"present.targets[{number}].locale") for number, target in enumerate(spec.targets)]


def make_plan(spec: job_pb2.PresentSpec, offer: Offer) -> PresentPlan:
    """Decide what to do. Raises `InvalidInput` with everything that is wrong with script, targets, voices, engines and video."""
    planner = _Planner(spec, offer)
    plan = planner.plan()
    if planner.violations or plan is None:
        raise InvalidInput(planner.violations)
    return plan


class _Planner:
    def __init__(self, spec: job_pb2.PresentSpec, offer: Offer) -> None:
        self.violations: list[FieldViolation] = []
        self._spec = spec
        self._offer = offer
        self._voices: Sequence[tts_pb2.Voice] = ()
        """That the target at hand may be spoken by."""

    def plan(self) -> PresentPlan | None:
        script = self._read(self._spec.script.text, "present.script.text")
        source = self._source_locale(script)
        video = self._video()
        if not self._spec.targets:
            self._refuse("present.targets", "there is none; name at least one locale", "NO_TARGET")
        if len(self._spec.targets) > MAX_TARGETS:
            self._refuse("present.targets", f"there are {len(self._spec.targets)}; the limit is {MAX_TARGETS}", "TOO_MANY_TARGETS")
        plans: list[LocalePlan] = []
        seen: dict[str, int] = {}
        for number, target in enumerate(self._spec.targets[:MAX_TARGETS]):
            field = f"present.targets[{number}]"
            locale = self._locale(target.locale, f"{field}.locale")
            if not locale:
                continue
            if locale in seen:
                self._refuse(f"{field}.locale", f"{locale} is also target {seen[locale]}; name each locale once", "DUPLICATE_TARGET")
                continue
            seen[locale] = number
            engines = resolved(self._spec, target)
            self._voices = self._offer.speakers(engines.speech, self._spec.commercial_use)
            own = self._read(target.script, f"{field}.script") if target.script else None
            if own is not None and own.locale:
                written = self._locale(own.locale, f"{field}.script")
                if written and not same_language(written, locale):
                    self._refuse(f"{field}.script", f"its front matter says that it is in {written}, but the target is {locale}", "SCRIPT_LOCALE")
            pair = None
            if not target.script and source and not same_language(source, locale):
                pair = self._pair(source, locale, f"{field}.locale", engines.translation)
            if pair is not None:
                self.violations += translation_violations(self._spec, self._offer, number, pair)
            voice = self._voice(locale, engines.speech, target.voice, f"{field}.voice", f"{field}.locale", script, own)
            rate = target.rate if target.HasField("rate") else 1.0
            if not _RATES[0] <= rate <= _RATES[1]:
                self._refuse(f"{field}.rate", f"found {rate:g}; choose from {_RATES[0]:g} to {_RATES[1]:g}", "OUT_OF_RANGE")
            if script is not None and voice is not None:
                plans.append(LocalePlan(locale, own or script, pair, voice, rate, own is not None, engines))
        self.violations += engine_violations(self._spec, self._offer, ["lipsync"])
        if script is None or not source or video is None:
            return None
        return PresentPlan(script.title, source, tuple(plans), video)

    def _read(self, text: str, field: str) -> Script | None:
        try:
            script = parse_script(text, field)
            for tag in script.voices:
                canonical(tag, field)
        except InvalidInput as error:
            self.violations += error.violations
            return None
        return script

    def _source_locale(self, script: Script | None) -> str:
        field = "present.script.locale"
        if self._spec.script.locale:
            return self._locale(self._spec.script.locale, field)
        if script is None:
            return ""
        if not script.locale:
            self._refuse(field, "neither the request nor the script's front matter says which language it is in; set it, for example en-US", "NO_LOCALE")
            return ""
        return self._locale(script.locale, "present.script.text")

    def _locale(self, tag: str, field: str) -> str:
        try:
            return canonical(tag, field)
        except InvalidInput as error:
            self.violations += error.violations
            return ""

    def _pair(self, source: str, locale: str, field: str, engine: str) -> translate_pb2.Pair | None:
        pairs = self._offer.pairs[engine]
        pair = choose_pair(source, locale, pairs)
        if pair is None:
            known = ", ".join(sorted(f"{p.source_locale} to {p.target_locale}" for p in pairs)) or "none"
            message = f"there is no translation from {source} to {locale} (there are: {known}); give this target a script of its own, or install a model"
            self._refuse(field, message, "NO_TRANSLATION")
        return pair

    def _voice(self, locale: str, engine: str, asked: str, field: str, locale_field: str, script: Script | None, own: Script | None) -> tts_pb2.Voice | None:
        default = choose_voice(locale, self._offer.unasked(engine, self._spec.commercial_use))
        if not asked:
            field = "present.script.text"
            for source in (own, script):
                asked = asked or (voice_for(locale, _valid(source.voices)) if source is not None else "")
        if not asked or choose_voice(locale, self._voices) is None:
            if default is None:
                self.violations.append(self._offer.voiceless(locale, engine, self._spec.commercial_use, locale_field))
            return default
        named = next((voice for voice in self._voices if voice.id == asked), None)
        if named is not None and same_language(locale, named.locale):
            return named
        fitting = [voice.id for voice in self._voices if same_language(locale, voice.locale)]
        choice = ", ".join(fitting[:_SHOWN_VOICES]) + (", ..." if len(fitting) > _SHOWN_VOICES else "")
        barred = next((voice for voice in self._offer.voices if voice.id == asked), None) if named is None else None
        if barred is not None:
            self._refuse_barred(field, barred, choice)
            return None
        found = f"there is no voice {asked[:40]!r}" if named is None else f"the voice {asked!r} speaks {named.locale}, not {locale}"
        self._refuse(field, f"{found}; choose from {choice}", "UNKNOWN_VOICE")
        return None

    def _refuse_barred(self, field: str, voice: tts_pb2.Voice, choice: str) -> None:
        if self._spec.commercial_use and not voice.commercial_use:
            found = f"the voice {voice.id!r} ({voice.license or 'licence unknown'}) may not be used commercially; choose from {choice}"
            self._refuse(field, found, "NON_COMMERCIAL_WEIGHTS")
        else:
            self._refuse(field, f"the voice {voice.id!r} is of the engine {voice.engine}, not of the one that is named; choose from {choice}", "UNKNOWN_VOICE")

    def _video(self) -> video_pb2.VideoFormat | None:
        asked = self._spec.video
        video = video_pb2.VideoFormat(
            width_pixels=asked.width_pixels or 1280,
            height_pixels=asked.height_pixels or 720,
            frame_rate_numerator=asked.frame_rate_numerator or 25,
            frame_rate_denominator=asked.frame_rate_denominator or 1,
        )
        before = len(self.violations)
        if bool(asked.width_pixels) != bool(asked.height_pixels):
            self._refuse("present.video", "width and height go together; set both, or none for 1280x720", "BAD_VIDEO_FORMAT")
        for name in ("width_pixels", "height_pixels"):
            size = getattr(video, name)
            if size % 2 or not 128 <= size <= 3840:
                self._refuse(f"present.video.{name}", f"found {size}; choose an even number from 128 to 3840", "BAD_VIDEO_FORMAT")
        if not 10 <= video.frame_rate_numerator / video.frame_rate_denominator <= 60:
            found = f"found {video.frame_rate_numerator}/{video.frame_rate_denominator}"
            self._refuse("present.video.frame_rate_numerator", f"{found}; choose 10 to 60 frames a second", "BAD_VIDEO_FORMAT")
        return video if len(self.violations) == before else None

    def _refuse(self, field: str, message: str, reason: str) -> None:
        self.violations.append(FieldViolation(field, message, reason))


def _valid(voices: Mapping[str, str]) -> Mapping[str, str]:
    """The entries under language tags; `_read` has refused the others."""

    def is_tag(tag: str) -> bool:
        try:
            canonical(tag, "voices")
        except InvalidInput:
            return False
        return True

    return {tag: voice for tag, voice in voices.items() if is_tag(tag)}
