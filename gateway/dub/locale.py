"""One locale of a dub job, from the source's lines to its outputs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from gateway.dub.assemble import Assembly, Parts, assemble
from gateway.dub.cast import choose_voices, with_named
from gateway.dub.edit_file import messages
from gateway.dub.fit import Fit
from gateway.dub.footage import Footage
from gateway.dub.given import lines_from_subtitles
from gateway.dub.hear import Scene, joiner_of, read_given
from gateway.dub.lines import TargetLine, edit_target
from gateway.dub.lips import LipsJob, LipsPieces, move_lips
from gateway.dub.mix import Mixed, keeps_voices, mix
from gateway.dub.plan import DubLocale, translation_pair
from gateway.dub.separate import Separated
from gateway.dub.source import Source
from gateway.dub.speak import voicing_of
from gateway.dub.translate import Translating, translate_lines
from gateway.dub.voice import DubbedLine, ToSay, voice_lines
from gateway.locales import same_language
from gateway.models import ModelUse, identity, translation_models, voice_models
from gateway.offer import Offer, translation_violations
from gateway.progress import JobTracker
from gateway.replicas import Gate
from gateway.services import Services
from gateway.signed import Signer
from gateway.workflow import Workflow
from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from locutor.glossary import terms_for

_SHOWN = 10
"""Utterances that one warning names."""


@dataclass(frozen=True)
class DubParts:
    """What the locales of a dub job share."""

    flow: Workflow
    tracker: JobTracker
    services: Services
    source: Source
    scene: Scene
    separated: Separated | None
    offer: Offer
    shared_uses: tuple[ModelUse, ...]
    """Models that had a part in what the locales share."""
    footage: Footage | None
    """None: the picture stays as it is."""
    signer: Signer
    gate: Gate
    """Lets so many pieces of the job be animated at a time."""


@dataclass(frozen=True)
class DubWork:
    """What came of one locale."""

    assembly: Assembly
    mixed: Mixed
    dubbed: tuple[DubbedLine, ...]
    utterances: tuple[dub_pb2.Utterance, ...]
    voices: dict[str, str]
    """Speaker's name to voice id."""
    lips: LipsPieces | None
    uses: tuple[ModelUse, ...]


class DubLocaleRun:
    """Makes one locale's dub."""

    def __init__(self, parts: DubParts, own: DubLocale, target: dub_pb2.DubTarget, number: int) -> None:
        self._parts = parts
        self._own = own
        self._target = target
        self._number = number
        self._field = f"dub.targets[{number}]"
        self._spec = parts.tracker.job.dub
        self._stages = parts.tracker.stages_of(own.locale)
        self.warnings: list[str] = []
        """What a reviewer should know, as far as it is known."""
        self.omitted: tuple[str, ...] = ()
        """Ids of utterances that are not said because somebody wants it so, or there is nothing to say."""
        self.is_lasting = True
        """The same request would give the same again: nothing was done in the stead of an engine that is only away."""
        self._uses: list[ModelUse] = list(parts.shared_uses)

    async def translate(self) -> tuple[list[TargetLine], list[str]]:
        """What is to be said, for people to see: its lines, and the text of each. Raises `LocutorError`."""
        utterances, locale = self._parts.tracker.utterances, self._own.locale
        lines = await self._lines()
        utterances[locale] = messages([], lines)
        texts = await self._texts(lines)
        utterances[locale] = messages([], [replace(line, text=text) for line, text in zip(lines, texts, strict=True)])
        return lines, texts

    async def run(self) -> DubWork:
        """Raises `LocutorError`."""
        parts, own = self._parts, self._own
        lines, texts = await self.translate()
        known = parts.tracker.utterances[own.locale]
        places = {utterance.id: place for place, utterance in enumerate(known)}
        to_say, voices = self._to_say(lines, texts)
        silent = [line for line, text in zip(lines, texts, strict=True) if not text]
        self.omitted = tuple(line.source.id for line in silent)
        speak = self._stages["speak"]

        def tell(said: DubbedLine) -> None:
            known[places[said.line.source.id]] = messages([said])[0]

        dubbed = await voice_lines(parts.flow, speak, parts.services, to_say, own.locale, parts.source.duration_s, tell)
        speak.end(job_pb2.STATE_SUCCEEDED)
        self._warn_of_misfits(dubbed)
        mixed = await mix(parts.flow, self._stages["mix"], parts.source, self._spec, own.locale, dubbed, parts.separated)
        lips = await self._lips(dubbed, silent)
        consent_time = parts.tracker.job.create_time.ToDatetime(UTC)
        assembly = await assemble(
            parts.flow,
            self._stages["mux"],
            Parts(self._spec, parts.source, own.locale, dubbed, mixed, lips, own.burn_in, self._uses, consent_time, parts.signer),
        )
        utterances = messages(dubbed, silent)
        return DubWork(
            assembly,
            mixed,
            tuple(dubbed),
            tuple(utterances),
            voices,
            lips,
            tuple(self._uses),
        )

    async def _lines(self) -> list[TargetLine]:
        scene, spec, locale = self._parts.scene, self._spec, self._own.locale
        lines = [TargetLine(line) for line in scene.lines]
        if self._target.subtitles_uri:
            field, programme_s = f"{self._field}.subtitles_uri", self._parts.source.duration_s
            given = await read_given(self._parts.flow, self._target.subtitles_uri, field, programme_s, self.warnings)
            lines, warnings = await asyncio.to_thread(lines_from_subtitles, scene.lines, given, joiner_of(locale))
            self.warnings += warnings
        elif scene.language.locale and same_language(scene.language.locale, locale):
            lines = [TargetLine(line, line.text) for line in scene.lines]
        if not lines:
            where, tracks = "the video", self._parts.source.picture.sounds
            if tracks > 1:
                where = f"sound track {spec.audio_track} of the video's {tracks}, counted from 0: choose another, if that is not the one"
            message = f"nobody is heard to speak in {where}; give subtitles of what is to be said, or leave it as it is"
            raise InvalidInput.of("dub.video_uri", message, "NO_SPEECH")
        unknown = sorted({edit.id for edit in scene.edits if edit.locale in ("", locale)} - {line.source.id for line in lines})
        if unknown:
            self.warnings.append(f"there is no utterance {', '.join(unknown[:_SHOWN])}: the edits of it were not made")
        return edit_target(lines, scene.edits, locale)

    async def _texts(self, lines: Sequence[TargetLine]) -> list[str]:
        """What each line says; empty where it says nothing."""
        stage, parts, spec, locale = self._stages["translate"], self._parts, self._spec, self._own.locale
        found = {line.source.id: line.text for line in lines}
        asked = [line for line in lines if line.text is None and not line.is_omitted]
        if asked:
            engine = self._own.engines.translation
            pair = translation_pair(spec, parts.scene.language.locale, locale, parts.offer.pairs[engine], f"{self._field}.locale")
            # Which pair it is may be known only now that the speech's language was heard.
            if barred := translation_violations(spec, parts.offer, self._number, pair):
                raise InvalidInput(barred)
            models = translation_models(parts.offer.models["translate"], pair, engine)
            lengths_s = {line.id: line.end_s - line.start_s for line in parts.scene.heard}
            how = Translating(pair, terms_for(spec.glossary, locale), engine, models, lengths_s)
            translated = await translate_lines(parts.flow, stage, parts.services, lines, how)
            used = {json.dumps(identity(model)): model for each in translated.values() for model in each.models}
            self._uses += [ModelUse("translate", model) for _, model in sorted(used.items())]
            for name, translation in translated.items():
                found[name] = translation.text
                self.warnings += [f"{name}: the glossary term {term!r} was not kept" for term in translation.missed_terms]
            fallen = [f"{name} ({each.fallback_reason})" for name, each in translated.items() if each.fallback_reason]
            if fallen:
                self.is_lasting = False
                named = ", ".join(fallen[:_SHOWN])
                self.warnings.append(f"{len(fallen)} of {len(asked)} texts were translated by the plain engine, {engine}'s was unusable: {named}")
        stage.end(job_pb2.STATE_SUCCEEDED)
        return [_sayable(found[line.source.id] or "") if not line.is_omitted else "" for line in lines]

    def _to_say(self, lines: Sequence[TargetLine], texts: Sequence[str]) -> tuple[list[ToSay], dict[str, str]]:
        parts, locale = self._parts, self._own.locale
        roles = with_named(parts.scene.roles, [line.source.speaker for line in lines], self._spec.cast)
        speakers = parts.offer.models["tts"]
        chosen = choose_voices(roles, locale, parts.offer.speakers(self._own.engines.speech, self._spec.commercial_use))
        shared = len(chosen) - len({voice.id for voice in chosen.values()})
        if shared:
            self.warnings.append(f"{locale} has too few voices for {len(chosen)} speakers: some share one; `locutor voices` lists them")
        by_id = {voice.id: voice for voice in parts.offer.voices}
        to_say: list[ToSay] = []
        for line, text in zip(lines, texts, strict=True):
            if text:
                voice = by_id[line.voice] if line.voice else chosen[line.source.speaker]
                to_say.append((line, text, voicing_of(voice, voice_models(speakers, voice))))
        used = {json.dumps(identity(model)): model for _, _, voicing in to_say for model in voicing.models}
        self._uses += [ModelUse("speak", model) for model in used.values()]
        return to_say, {name: voice.id for name, voice in chosen.items()}

    async def _lips(self, dubbed: Sequence[DubbedLine], silent: Sequence[TargetLine]) -> LipsPieces | None:
        stage, parts = self._stages["animate"], self._parts
        if parts.footage is None:
            stage.end(job_pb2.STATE_SUCCEEDED)
            return None
        model = parts.offer.model("lipsync", self._own.engines.lipsync)
        job = LipsJob(parts.flow, parts.services, parts.footage, model, self._own.locale, self._spec.performance, parts.gate)
        # Where the original voice is heard, its own lips go with it.
        lips = await move_lips(job, stage, dubbed, [] if keeps_voices(parts.source, self._spec, parts.separated) else silent)
        spans = [span for piece in lips.pieces for span in piece.unusable]
        if spans:
            named = ", ".join(spans[:_SHOWN]) + (", ..." if len(spans) > _SHOWN else "")
            self.warnings.append(f"lips could not be moved: {named}")
        self.warnings += [doubt for piece in lips.pieces for doubt in piece.doubts][:_SHOWN]
        if lips.changed_frames:
            self._uses.append(ModelUse("animate", model))
        return lips

    def _warn_of_misfits(self, dubbed: Sequence[DubbedLine]) -> None:
        for fit, what in ((Fit.LATE, "could not be said in their time"), (Fit.FAST, "are said fast")):
            found = [one.line.source.id for one in dubbed if one.fitted.fit is fit]
            if found:
                named = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
                self.warnings.append(f"{len(found)} of {len(dubbed)} utterances {what} ({named}); the report says what to do")


def _sayable(text: str) -> str:
    """A text, or nothing where there is nothing in it to be said."""
    return text.strip() if any(character.isalnum() for character in text) else ""
