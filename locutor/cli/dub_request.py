"""The options of `locutor dub` as a request, and the gateway's violations in terms of those options."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from locutor.cli.choices import JobChoices
from locutor.common.v1.video_pb2 import Performance
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1 import dub_pb2
from locutor.gateway.v1.dub_pb2 import CastMember, DubTarget, UtteranceEdit
from locutor.gateway.v1.job_pb2 import Consent, DubSpec
from locutor.translate.v1.translate_pb2 import GlossaryTerm

T = TypeVar("T")

BACKGROUNDS = {
    "auto": dub_pb2.BACKGROUND_SOUND_UNSPECIFIED,
    "ducked": dub_pb2.BACKGROUND_SOUND_DUCKED,
    "separated": dub_pb2.BACKGROUND_SOUND_SEPARATED,
    "none": dub_pb2.BACKGROUND_SOUND_NONE,
}
LOUDNESSES = {"source": dub_pb2.LOUDNESS_TARGET_SOURCE, "web": dub_pb2.LOUDNESS_TARGET_WEB, "broadcast": dub_pb2.LOUDNESS_TARGET_BROADCAST}


@dataclass(frozen=True)
class DubRequest:
    """A checked command line."""

    video: Path
    source_locale: str
    locales: tuple[str, ...]
    subtitles: Mapping[str, Path]
    """Locale to the file of what is to be said in it."""
    source_subtitles: Path | None
    music_and_effects: Path | None
    background: dub_pb2.BackgroundSound.ValueType
    loudness: dub_pb2.LoudnessTarget.ValueType
    speakers: int
    audio_track: int
    no_lipsync: bool
    burn_in: bool
    translator: str
    expression: int | None
    glossary: Sequence[GlossaryTerm] = ()
    glossary_file: Path | None = None
    cast: Sequence[CastMember] = ()
    edits: Sequence[UtteranceEdit] = ()
    consent: Consent = field(default_factory=Consent)
    choices: JobChoices = field(default_factory=JobChoices)

    @property
    def files(self) -> dict[str, tuple[str, Path]]:
        """What is to be uploaded: by a name of ours the option and the file."""
        found = {"video": (f"VIDEO {self.video}", self.video)}
        if self.source_subtitles is not None:
            found["source_subtitles"] = (f"--source-subtitles {self.source_subtitles}", self.source_subtitles)
        if self.music_and_effects is not None:
            found["music_and_effects"] = (f"--music-and-effects {self.music_and_effects}", self.music_and_effects)
        for locale, path in self.subtitles.items():
            found[f"subtitles {locale}"] = (f"--subtitles {locale}={path}", path)
        return found

    def spec(self, uris: Mapping[str, str]) -> DubSpec:
        """The request for the gateway, once the files are there. `uris`: by the names of `files`."""
        targets = [
            DubTarget(
                locale=locale,
                subtitles_uri=uris.get(f"subtitles {locale}", ""),
                burn_in_subtitles=self.burn_in,
                engines=self.choices.engines_of(locale),
            )
            for locale in self.locales
        ]
        return DubSpec(
            video_uri=uris["video"],
            source_locale=self.source_locale,
            targets=targets,
            omit_lipsync=self.no_lipsync,
            speaker_count=self.speakers,
            cast=self.cast,
            source_subtitles_uri=uris.get("source_subtitles", ""),
            music_and_effects_uri=uris.get("music_and_effects", ""),
            background_sound=self.background,
            loudness=self.loudness,
            glossary=self.glossary,
            consent=self.consent,
            performance=Performance(expression_percent=self.expression),
            edits=self.edits,
            audio_track=self.audio_track,
            translation_engine=self.translator,
            engines=self.choices.engines,
            commercial_use=self.choices.commercial,
            review=self.choices.review,
        )

    def in_options(self, error: InvalidInput) -> InvalidInput:
        """The gateway's refusal with each field as the user typed it."""
        return type(error)([FieldViolation(self._option(v.field), v.message, v.reason) for v in error.violations])

    def _option(self, path: str) -> str:
        path = path.removeprefix("dub.")
        if option := self.choices.option(path, self.locales):
            return option
        target = re.fullmatch(r"targets\[(\d+)\](?:\.(\w+).*)?", path)
        if target and int(target[1]) < len(self.locales):
            locale = self.locales[int(target[1])]
            if target[2] == "subtitles_uri" and locale in self.subtitles:
                return f"--subtitles {locale}={self.subtitles[locale]}"
            return f"--to {locale}"
        term = re.match(r"glossary\[(\d+)\]", path)
        if term and int(term[1]) < len(self.glossary):
            return f"--glossary {self.glossary_file}, term {self.glossary[int(term[1])].source!r}"
        edit = re.match(r"edits\[(\d+)\]\.?(.*)", path)
        if edit and int(edit[1]) < len(self.edits):
            return f"--edit, {self.edits[int(edit[1])].id} {edit[2]}".rstrip()
        member = re.match(r"cast\[(\d+)\]", path)
        if member and int(member[1]) < len(self.cast):
            return f"--cast, {self.cast[int(member[1])].speaker}"
        options = {
            "video_uri": f"VIDEO {self.video}",
            "source_locale": "--from",
            "source_subtitles": f"--source-subtitles {self.source_subtitles}",
            "music_and_effects": f"--music-and-effects {self.music_and_effects}",
            "background_sound": "--background",
            "loudness": "--loudness",
            "speaker_count": "--speakers",
            "audio_track": "--audio-track",
            "translation_engine": "--translator",
            "performance": "--expression",
            "targets": "--to",
            "glossary": "--glossary",
            "edits": "--edit",
            "cast": "--cast",
            "consent.stated_by": "--consent-by",
            "consent": "--consent",
        }
        return next((option for start, option in options.items() if path.startswith(start)), path)


def parse_subtitles(texts: Sequence[str], locales: Sequence[str]) -> dict[str, Path]:
    """["es=talk.es.srt"] as a table. Raises `InvalidInput` for another form and for a locale that is no target."""
    found: dict[str, Path] = {}
    for text in texts:
        locale, equals, path = (part.strip() for part in text.partition("="))
        match = next((known for known in locales if known.lower() == locale.lower()), None)
        if not (equals and locale and path):
            raise InvalidInput.of(f"--subtitles {text}", "is not LOCALE=FILE; write for example --subtitles es=talk.es.srt", "BAD_SUBTITLES")
        if match is None:
            choice = ", ".join(locales)
            raise InvalidInput.of(
                f"--subtitles {text}", f"{locale} is not among the targets {choice}; add it to --to or leave it out", "SUBTITLES_WITHOUT_TARGET"
            )
        found[match] = Path(path)
    return found


def choice(option: str, text: str, known: Mapping[str, T]) -> T:
    """The value that a word stands for. Raises `InvalidInput`."""
    if text not in known:
        raise InvalidInput.of(option, f"{text!r} is not known; choose from {', '.join(known)}", "UNKNOWN_CHOICE")
    return known[text]
