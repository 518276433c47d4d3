"""What the user typed for `locutor present`, as the request that the gateway takes, and back from its fields to the options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from locutor.cli import files
from locutor.cli.choices import JobChoices
from locutor.common.v1.video_pb2 import Background, Performance, Style, VideoFormat
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1.job_pb2 import Consent, PresentSpec, Script, Target
from locutor.translate.v1.translate_pb2 import GlossaryTerm

FRAME_RATE = 25
"""Frames per second."""
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080), "9:16": (720, 1280), "1:1": (720, 720)}
"""Width and height in pixels of the sizes that have a name."""
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Request:
    """A checked command line."""

    script: Path
    script_text: str
    script_locale: str
    """BCP 47; empty: as the script's front matter says."""
    face: Path
    locales: tuple[str, ...]
    voices: dict[str, str]
    """Locale to voice id."""
    translations: dict[str, Path]
    """Locale to the file that holds the script in it."""
    translation_texts: dict[str, str]
    video: VideoFormat
    background: Background
    background_image: Path | None
    rate: float | None
    performance: Performance
    glossary: list[GlossaryTerm] = field(default_factory=list)
    glossary_file: Path | None = None
    consent: Consent = field(default_factory=Consent)
    choices: JobChoices = field(default_factory=JobChoices)

    def spec(self, face_uri: str, background_uri: str) -> PresentSpec:
        """The request for the gateway, once the images are there."""
        targets = [
            Target(
                locale=locale,
                voice=self.voices.get(locale, ""),
                script=self.translation_texts.get(locale, ""),
                rate=self.rate,
                engines=self.choices.engines_of(locale),
            )
            for locale in self.locales
        ]
        return PresentSpec(
            script=Script(text=self.script_text, locale=self.script_locale),
            face_uri=face_uri,
            targets=targets,
            video=self.video,
            background=self.background,
            background_uri=background_uri,
            performance=self.performance,
            glossary=self.glossary,
            consent=self.consent,
            engines=self.choices.engines,
            commercial_use=self.choices.commercial,
            review=self.choices.review,
        )

    def in_options(self, error: InvalidInput) -> InvalidInput:
        """The gateway's refusal with each field as the user typed it."""
        return type(error)([FieldViolation(self._option(v.field), v.message, v.reason) for v in error.violations])

    def _option(self, path: str) -> str:
        path = path.removeprefix("present.")
        if option := self.choices.option(path, self.locales):
            return option
        target = re.fullmatch(r"targets\[(\d+)\](?:\.(\w+).*)?", path)
        if target and int(target[1]) < len(self.locales):
            locale = self.locales[int(target[1])]
            if target[2] == "voice" and locale in self.voices:
                return f"--voice {locale}={self.voices[locale]}"
            if target[2] == "script" and locale in self.translations:
                return str(self.translations[locale])
            if target[2] == "rate" and self.rate is not None:
                return f"--rate {self.rate:g}"
            return f"--to {locale}"
        term = re.match(r"glossary\[(\d+)\]", path)
        if term and int(term[1]) < len(self.glossary):
            return f"--glossary {self.glossary_file}, term {self.glossary[int(term[1])].source!r}"
        options = {
            "script.locale": "--from",
            "script": f"SCRIPT {self.script}",
            "targets": "--to",
            "face": f"--face {self.face}",
            "video": "--size",
            "background": "--background",
            "performance.seed": "--seed",
            "performance.expression": "--expression",
            "performance.head": "--head-motion",
            "performance.style": "--style",
            "performance.gaze": "--gaze",
            "glossary": "--glossary",
            "consent.stated_by": "--consent-by",
            "consent": "--consent",
        }
        return next((option for start, option in options.items() if path.startswith(start)), path)


def parse_locales(text: str) -> tuple[str, ...]:
    """ "en-US, es" as a tuple, in order. Raises `InvalidInput` where it is empty or names a locale twice."""
    locales = tuple(part.strip() for part in text.split(",") if part.strip())
    if not locales:
        raise InvalidInput.of("--to", f"{text!r} names no locale; write for example --to en-US,es,pt-BR", "NO_LOCALE")
    twice = sorted({locale for locale in locales if [other.lower() for other in locales].count(locale.lower()) > 1})
    if twice:
        raise InvalidInput.of("--to", f"{', '.join(twice)} stands there twice; name each locale once", "DUPLICATE_LOCALE")
    return locales


def parse_voices(texts: Sequence[str], locales: Sequence[str]) -> dict[str, str]:
    """["es=ef_dora"] as a table. Raises `InvalidInput` for another form and for a locale that is no target."""
    voices: dict[str, str] = {}
    for text in texts:
        locale, equals, voice = (part.strip() for part in text.partition("="))
        match = next((known for known in locales if known.lower() == locale.lower()), None)
        if not (equals and locale and voice):
            raise InvalidInput.of(f"--voice {text}", "is not LOCALE=VOICE; write for example --voice es=ef_dora (`locutor voices` lists them)", "BAD_VOICE")
        if match is None:
            raise InvalidInput.of(
                f"--voice {text}", f"{locale} is not among the targets {', '.join(locales)}; add it to --to or leave it out", "VOICE_WITHOUT_TARGET"
            )
        voices[match] = voice
    return voices


def parse_size(text: str) -> VideoFormat:
    """ "1080p", "9:16" or "1280x720". Raises `InvalidInput`; the gateway checks the bounds."""
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None and text.strip().lower() not in SIZES:
        raise InvalidInput.of("--size", f"{text!r} is not a size; write WIDTHxHEIGHT in pixels or one of {', '.join(SIZES)}", "BAD_SIZE")
    width, height = (int(match[1]), int(match[2])) if match else SIZES[text.strip().lower()]
    return VideoFormat(width_pixels=width, height_pixels=height, frame_rate_numerator=FRAME_RATE, frame_rate_denominator=1)


def parse_style(text: str) -> Style.ValueType:
    """ "friendly". Raises `InvalidInput`."""
    styles = {name.removeprefix("STYLE_").lower(): number for name, number in Style.items() if number}
    if text.strip().lower() not in styles:
        raise InvalidInput.of("--style", f"{text!r} is not a style; choose from {', '.join(styles)}", "UNKNOWN_STYLE")
    return styles[text.strip().lower()]


def parse_background(text: str) -> tuple[Background, Path | None]:
    """ "blur", "#rrggbb" or an image file. Raises `InvalidInput`."""
    if text == "blur":
        return Background(blurred_portrait=True), None
    if text.startswith("#"):
        if not _COLOR.fullmatch(text):
            raise InvalidInput.of("--background", f"{text!r} is not a colour; write # and six hexadecimal digits, such as '#1e293b'", "BAD_COLOR")
        return Background(color_rgb=int(text[1:], 16)), None
    files.check_image("--background", Path(text))
    return Background(image=True), Path(text)
