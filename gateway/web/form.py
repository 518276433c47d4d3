"""The form's inputs as a job's specification, and the gateway's violations as messages beside those inputs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import langcodes
from starlette.datastructures import FormData

from locutor.common.v1 import video_pb2
from locutor.errors import FieldViolation, InvalidInput, LocutorError
from locutor.gateway.v1 import catalog_pb2, job_pb2
from locutor.tts.v1 import tts_pb2

SIZES = {
    "1280x720": "Landscape, 720p",
    "1920x1080": "Landscape, 1080p",
    "720x1280": "Portrait, 9:16",
    "1080x1080": "Square, 1:1",
}
"""What the form offers, width x height in pixels."""

STYLES = {name.removeprefix("STYLE_").lower(): name.removeprefix("STYLE_").capitalize() for name, number in video_pb2.Style.items() if number}
"""Manners of a performance, neutral first, by their values in the form."""

_SIZE = re.compile(r"(\d{3,4})x(\d{3,4})")
_COLOR = re.compile(r"#([0-9a-fA-F]{6})")
_TARGET = re.compile(r"present\.targets\[(\d+)\]")


@dataclass
class LocaleChoice:
    """One language to speak, as the form shows it."""

    tag: str
    name: str
    voices: list[tuple[str, str]] = field(default_factory=list)
    """(id, label), the default first."""
    translates_from: set[str] = field(default_factory=set)
    """Source locales and languages from which it can be translated by machine."""


def name_of_locale(tag: str) -> str:
    """ "pt-BR" -> "Portuguese (Brazil)"; what is no tag stays as it is."""
    try:
        return langcodes.Language.get(tag).display_name("en")
    except langcodes.LanguageTagError:
        return tag


def locales_of(catalog: catalog_pb2.GetCatalogResponse) -> list[LocaleChoice]:
    """Every locale that has a voice, by name; rule-made voices are for those who name them."""
    choices: dict[str, LocaleChoice] = {}
    gender = {tts_pb2.GENDER_FEMALE: "female", tts_pb2.GENDER_MALE: "male"}
    natural = [voice for voice in catalog.voices if voice.quality != tts_pb2.QUALITY_FORMANT]
    for voice in sorted(natural, key=lambda v: (not v.is_default, v.gender, v.display_name)):
        choice = choices.setdefault(voice.locale, LocaleChoice(voice.locale, name_of_locale(voice.locale)))
        kind = gender.get(voice.gender)
        label = voice.display_name or voice.id
        choice.voices.append((voice.id, f"{label}, {kind}" if kind else label))
    for choice in choices.values():
        language = langcodes.Language.get(choice.tag).language
        for pair in catalog.pairs:
            target = langcodes.Language.get(pair.target_locale)
            if pair.target_locale == choice.tag or (target.territory is None and target.language == language):
                choice.translates_from.add(langcodes.Language.get(pair.source_locale).language or pair.source_locale)
    return sorted(choices.values(), key=lambda c: c.name)


def spec_of(form: FormData, face_uri: str) -> job_pb2.PresentSpec:
    """The specification that a filled form asks for.

    Raises `InvalidInput` for what only the form can know is missing; all else is the gateway's to check.
    """
    targets = [str(tag) for tag in form.getlist("targets")]
    violations = []
    if not targets:
        violations.append(FieldViolation("present.targets", "choose at least one language", "MISSING"))
    if not face_uri:
        violations.append(FieldViolation("present.face_uri", "choose an image of a face", "MISSING"))
    if not form.get("consent"):
        violations.append(FieldViolation("present.consent", "confirm that this face may be used", "MISSING"))
    if violations:
        raise InvalidInput(violations)
    spec = job_pb2.PresentSpec(
        script=job_pb2.Script(text=_text(form, "script"), locale=_text(form, "script_locale")),
        face_uri=face_uri,
        consent=job_pb2.Consent(
            stated_by=_text(form, "consent_by") or "user of the web form",
            statement="I am the person shown, or I have that person's permission, or the face shows no real person.",
        ),
    )
    for tag in targets:
        spec.targets.add(locale=tag, voice=_text(form, f"voice.{tag}"), script=_text(form, f"translation.{tag}"))
    if size := _SIZE.fullmatch(_text(form, "size")):
        spec.video.CopyFrom(video_pb2.VideoFormat(width_pixels=int(size[1]), height_pixels=int(size[2]), frame_rate_numerator=25, frame_rate_denominator=1))
    if (style := _text(form, "style")) in STYLES:
        spec.performance.style = video_pb2.Style.Value(f"STYLE_{style.upper()}")
    if _text(form, "background") == "color" and (color := _COLOR.fullmatch(_text(form, "color"))):
        spec.background.color_rgb = int(color[1], 16)
    return spec


def violations_by_input(error: LocutorError, targets: Sequence[str] = ()) -> dict[str, list[str]]:
    """Name of the form's part ("script", "face", "targets", "consent", "") to the messages to show beside it."""
    by_input: dict[str, list[str]] = defaultdict(list)
    for violation in error.violations if isinstance(error, InvalidInput) else ():
        path = violation.field
        message = violation.message[:1].upper() + violation.message[1:]
        if (match := _TARGET.match(path)) and int(match[1]) < len(targets):
            by_input["targets"].append(f"{name_of_locale(targets[int(match[1])])}: {violation.message}")
        elif path.startswith("present.targets"):
            by_input["targets"].append(message)
        elif path.startswith("present.script"):
            by_input["script"].append(message)
        elif path.startswith(("present.face_uri", "portrait", "face", "content", "data")):
            by_input["face"].append(message)
        elif path.startswith("present.consent"):
            by_input["consent"].append(message)
        else:
            by_input[""].append(message)
    return dict(by_input)


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""
