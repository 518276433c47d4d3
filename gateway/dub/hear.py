"""From the video to its lines: what is said in it, when, and by whom."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.artifacts import digest_of
from gateway.dub.cast import Heard, Role, name_speakers
from gateway.dub.diarize import Diarized, diarize, with_speakers
from gateway.dub.given import GivenText, given_texts, named_speakers, spoken_words, texts_within
from gateway.dub.lines import SourceLine, edit_source
from gateway.dub.listen import Language, Transcript, detect_language, recognize
from gateway.dub.match import match_edits
from gateway.dub.source import Source
from gateway.dub.utterances import SpokenWord, cut
from gateway.locales import same_language
from gateway.models import ModelUse
from gateway.offer import Offer
from gateway.progress import JobTracker
from gateway.services import Services
from gateway.workflow import Workflow
from locutor.common.v1 import model_pb2
from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from locutor.translate.v1 import translate_pb2
from media.subtitles import rules_for

_HINT_CHARACTERS = 200
_SURE = 0.35
"""Probability from which a detected language is held against the one that was given: of a hundred languages, that is much."""
_DOUBTFUL = 0.5
"""A detected language that is less probable is said to be doubtful."""


@dataclass(frozen=True)
class Scene:
    """All that is known of the video's speech."""

    language: Language
    roles: tuple[Role, ...]
    heard: tuple[SourceLine, ...]
    """As it is heard."""
    lines: tuple[SourceLine, ...]
    """With the edits that hold for all locales."""
    edits: tuple[dub_pb2.UtteranceEdit, ...]
    """All edits, with the ids that their utterances have here."""
    uses: tuple[ModelUse, ...]
    """Models that had a part in hearing."""
    warnings: tuple[str, ...]


def joiner_of(locale: str) -> str:
    """What stands between two words of a language."""
    return " " if rules_for(locale).spaces else ""


def with_changes(scene: Scene, edits: Sequence[dub_pb2.UtteranceEdit]) -> Scene:
    """The same with other edits, all of them, that were made of what was heard."""
    matched, doubts = match_edits(edits, scene.heard)
    new = [doubt for doubt in doubts if doubt not in scene.warnings]
    return replace(scene, lines=tuple(edit_source(scene.heard, matched)), edits=tuple(matched), warnings=(*scene.warnings, *new))


class Hearing:
    """Hears the speech of one job's video."""

    def __init__(self, flow: Workflow, tracker: JobTracker, services: Services, source: Source, offer: Offer) -> None:
        self._flow = flow
        self._services = services
        self._source = source
        self._spec = tracker.job.dub
        self._models = offer.models["asr"]
        self._offer = offer
        self._recognize, self._diarize = tracker.stage("", "recognize"), tracker.stage("", "diarize")
        self._warnings: list[str] = []
        self._uses: list[ModelUse] = []

    async def scene(self, locale: str) -> Scene:
        """`locale`: BCP 47, of the speech; empty: detected. Raises `InvalidInput` where it is needed and cannot be told."""
        spec = self._spec
        if spec.source_subtitles_uri:
            given = await read_given(self._flow, spec.source_subtitles_uri, "dub.source_subtitles_uri", self._source.duration_s, self._warnings)
            language = await self._language_of_subtitles(locale)
            diarized = await self._speakers([(text.start_s, text.end_s) for text in given])
            return await asyncio.to_thread(self._scene_of_subtitles, language, diarized, given)
        transcript = await self._transcript(locale)
        diarized = await self._speakers([(word.start_s, word.end_s) for word in transcript.words])
        # Hours of talk take seconds to cut: other calls must not wait for that.
        return await asyncio.to_thread(lambda: self._scene(transcript.language, diarized, with_speakers(transcript.words, diarized), {}))

    def _scene_of_subtitles(self, language: Language, diarized: Diarized, given: Sequence[GivenText]) -> Scene:
        known = named_speakers(given, diarized)
        return self._scene(language, known.diarized, spoken_words(given, known, spaces=bool(joiner_of(language.locale))), known.names)

    def _scene(self, language: Language, diarized: Diarized, words: Sequence[SpokenWord], named: Mapping[int, str]) -> Scene:
        speaking = sorted({word.speaker for word in words})
        heard = [diarized.speakers[index] if diarized.speakers else Heard((), 0.0) for index in speaking]
        roles = name_speakers(heard, self._spec.cast, [named.get(index, "") for index in speaking])
        names = {index: role.name for index, role in zip(speaking, roles, strict=True)}
        utterances = cut(words, joiner_of(language.locale) if language.locale else " ")
        lines = [SourceLine(one.id, one.start_s, one.end_s, names[one.speaker], one.text) for one in utterances]
        edits, doubts = match_edits(self._spec.edits, lines)
        return Scene(language, tuple(roles), tuple(lines), tuple(edit_source(lines, edits)), tuple(edits), tuple(self._uses), (*self._warnings, *doubts))

    async def _transcript(self, locale: str) -> Transcript:
        stage, source, spec = self._recognize, self._source, self._spec
        transcript = Transcript((), Language(locale, 0.0))
        if source.sound is not None:
            model = self._offer.model("recognition", self._spec.engines.recognition)
            hint = names_to_expect(spec.glossary)
            if locale:
                await self._check_language(locale, model)
            transcript = await recognize(self._flow, stage, self._services, source, locale, hint, model)
            self._uses.append(ModelUse("recognize", model))
            stage.add_media(source.duration_s)
            if not locale and transcript.words and transcript.language.probability < _DOUBTFUL:
                found = transcript.language
                self._warnings.append(f"the speech seems to be {found.locale} (probability {found.probability:.0%}); name its locale if it is not")
        stage.end(job_pb2.STATE_SUCCEEDED)
        return Transcript(transcript.words, Language(locale or transcript.language.locale, transcript.language.probability))

    async def _check_language(self, locale: str, model: model_pb2.Model) -> None:
        found = await detect_language(self._flow, self._recognize, self._services, self._source, model)
        if found.locale and found.probability >= _SURE and not same_language(found.locale, locale):
            self._warnings.append(f"the video seems to speak {found.locale} (probability {found.probability:.0%}), but was said to speak {locale}")

    async def _language_of_subtitles(self, locale: str) -> Language:
        stage = self._recognize
        language = Language(locale, 1.0)
        if not locale:
            if self._source.sound is not None:
                model = self._offer.model("recognition", self._spec.engines.recognition)
                language = await detect_language(self._flow, stage, self._services, self._source, model)
            if not language.locale:
                raise InvalidInput.of("dub.source_locale", "nobody is heard from whom the subtitles' language could be told; name it", "NO_LOCALE")
        stage.end(job_pb2.STATE_SUCCEEDED)
        return language

    async def _speakers(self, spans: Sequence[tuple[float, float]]) -> Diarized:
        stage, source = self._diarize, self._source
        diarized = Diarized((), (), ())
        if source.sound is not None and spans:
            diarized = await diarize(self._flow, stage, self._services, source, spans, self._spec.speaker_count, self._models)
            stage.add_media(source.duration_s)
            self._uses += [ModelUse("diarize", model) for model in diarized.models]
        stage.end(job_pb2.STATE_SUCCEEDED)
        return diarized


def names_to_expect(glossary: Sequence[translate_pb2.GlossaryTerm]) -> str:
    """A hint for recognition: the terms that stay as they are in some language, which are mostly names.

    What is heard depends on it, so it leaves out words whose translation is decided: a changed one must not have the video heard anew.
    """
    names = sorted({term.source.strip() for term in glossary if term.target.strip() in ("", term.source.strip())})
    hint = ""
    for name in names:
        longer = f"{hint}, {name}" if hint else name
        if len(longer) <= _HINT_CHARACTERS:
            hint = longer
    return hint


async def read_given(flow: Workflow, uri: str, field: str, programme_s: float, warnings: list[str]) -> list[GivenText]:
    """Subtitles from the store for a video of `programme_s` seconds. What is odd about them is added to `warnings`. Raises `InvalidInput`."""
    texts = await asyncio.to_thread(given_texts, await flow.store.read(digest_of(uri)), field, warnings)
    return texts_within(texts, programme_s, field, warnings)
