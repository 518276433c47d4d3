"""One locale of a present job, from its plan to its outputs: each sentence is animated as soon as it is spoken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from fractions import Fraction

from gateway.models import ModelUse, translation_models, voice_models
from gateway.offer import Offer
from gateway.present.animate import AnimatedPiece, PieceSound, Scene, animate
from gateway.present.assemble import Assembly, Parts, assemble
from gateway.present.cues import carried
from gateway.present.pieces import LEAD_S, TRAIL_S, Piece
from gateway.present.plan import LocalePlan, PresentPlan
from gateway.present.programme import Programme
from gateway.present.speak import SpokenSentence, Voicing, speak
from gateway.present.translate import translate
from gateway.progress import JobTracker
from gateway.replicas import Gate
from gateway.services import Services
from gateway.signed import Signer
from gateway.workflow import Workflow, children
from locutor.common.v1 import model_pb2
from locutor.gateway.v1 import job_pb2
from locutor.glossary import terms_for

_MILLIS = 1000

Sentences = asyncio.Queue[SpokenSentence | None]
"""Of one utterance, as they are spoken; None comes after the last."""


@dataclass(frozen=True)
class LocaleWork:
    """What came of one locale."""

    assembly: Assembly
    uses: tuple[ModelUse, ...]
    """The models that had a part in it."""
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class JobParts:
    """What the locales of a job share."""

    flow: Workflow
    tracker: JobTracker
    services: Services
    plan: PresentPlan
    scene: Scene
    """With the lip-sync model of locales that name no engine."""
    offer: Offer
    signer: Signer
    gate: Gate
    """Lets so many pieces of the job be animated at a time."""
    voices_gate: Gate
    """Lets so many utterances of the job be spoken at a time."""


class LocaleRun:
    """Makes one locale's video."""

    def __init__(self, job: JobParts, own: LocalePlan) -> None:
        self._job = job
        self._own = own
        self._spec = job.tracker.job.present
        self._stages = job.tracker.stages_of(own.locale)
        self._scene = replace(job.scene, model=job.offer.model("lipsync", own.engines.lipsync))
        self._warnings: list[str] = list(own.script.warnings)
        self._frames: dict[int, int] = {}
        self._spoken = 0.0

    async def run(self) -> LocaleWork:
        """Raises `LocutorError`."""
        own, job = self._own, self._job
        translators = self._translators()
        speakers = voice_models(job.offer.models["tts"], own.voice)
        texts = await self.translate()
        lead_s = LEAD_S + Fraction(own.script.lead_pause_ms, _MILLIS)
        cues = [carried(said.cues, said.text, text) for said, text in zip(own.script.utterances, texts, strict=True)]
        with Programme(job.flow.folder / f"{own.locale}.pcm", texts, job.plan.frame_rate, lead_s, cues) as programme:
            voicing = Voicing(own.voice.locale, own.voice.id, own.voice.engine, own.rate, speakers)
            pieces = await self._speak_and_animate(programme, texts, voicing)
            uses = (
                *(ModelUse("translate", model) for model in translators),
                *(ModelUse("speak", model) for model in speakers),
                ModelUse("animate", self._scene.model),
            )
            consent_time = job.tracker.job.create_time.ToDatetime(UTC)
            parts = Parts(self._spec, job.plan, own, programme, pieces, uses, consent_time, job.signer)
            assembly = await assemble(job.flow, self._stages["mux"], parts)
        self._stages["mux"].end(job_pb2.STATE_SUCCEEDED)
        self._warnings += [f"no face could be moved from {span}" for piece in pieces for span in piece.unusable]
        return LocaleWork(assembly, uses, tuple(self._warnings))

    def _translators(self) -> Sequence[model_pb2.Model]:
        own = self._own
        return translation_models(self._job.offer.models["translate"], own.pair, own.engines.translation) if own.pair is not None else []

    async def translate(self) -> tuple[str, ...]:
        """What is said, utterance by utterance. Raises `LocutorError`."""
        stage, own = self._stages["translate"], self._own
        texts = tuple(utterance.text for utterance in own.script.utterances)
        if own.pair is not None:
            translated = await translate(
                self._job.flow, stage, self._job.services, own, own.pair, terms_for(self._spec.glossary, own.locale), self._translators()
            )
            texts = translated.texts
            for utterance, missed in zip(own.script.utterances, translated.missed_terms, strict=True):
                self._warnings += [f"line {utterance.line}: the glossary term {term!r} was not kept" for term in missed]
        stage.end(job_pb2.STATE_SUCCEEDED)
        return texts

    async def _speak_and_animate(self, programme: Programme, texts: Sequence[str], voicing: Voicing) -> list[AnimatedPiece]:
        async with children() as group:
            tasks: list[asyncio.Task[AnimatedPiece]] = []

            def start(pieces: Sequence[Piece]) -> None:
                tasks.extend(group.create_task(self._animate(programme, piece)) for piece in pieces)

            await self._speak(programme, [self._begin(group, text, voicing) for text in texts], texts, start)
        self._stages["animate"].end(job_pb2.STATE_SUCCEEDED)
        return [task.result() for task in tasks]

    def _begin(self, group: asyncio.TaskGroup, text: str, voicing: Voicing) -> Sentences:
        """Have `text` spoken as soon as a replica of the voice is free. The sentences end with None."""
        sentences: Sentences = asyncio.Queue()

        async def say() -> None:
            async with self._job.voices_gate:
                await speak(self._job.flow, self._stages["speak"], self._job.services, text, voicing, sentences.put_nowait)
            sentences.put_nowait(None)

        group.create_task(say())
        return sentences

    async def _speak(self, programme: Programme, spoken: Sequence[Sentences], texts: Sequence[str], start: Callable[[Sequence[Piece]], None]) -> None:
        """Put together what is `spoken` of each of `texts`, in their order."""
        stage = self._stages["speak"]
        whole = sum(map(len, texts))
        said = 0
        for number, (text, utterance) in enumerate(zip(texts, self._own.script.utterances, strict=True), 1):
            spoken_before = programme.duration_s
            heard = 0

            def hear(sentence: SpokenSentence, said: int = said, longest: int = len(text)) -> None:
                nonlocal heard
                heard += len(sentence.text)
                self._spoken = (said + min(heard, longest)) / whole
                stage.advance(0.999 * self._spoken)
                start(programme.hear(sentence))

            programme.begin_utterance()
            while (sentence := await spoken[number - 1].get()) is not None:
                hear(sentence)
            said += len(text)
            self._spoken = said / whole
            pause_s = Fraction(utterance.pause_after_ms, _MILLIS)
            start(programme.pause(pause_s) if number < len(texts) else programme.finish(pause_s + TRAIL_S))
            stage.add_media(float(programme.duration_s - spoken_before))
        stage.end(job_pb2.STATE_SUCCEEDED)

    async def _animate(self, programme: Programme, piece: Piece) -> AnimatedPiece:
        stage = self._stages["animate"]

        def tell(frames: int) -> None:
            self._frames[piece.number] = frames
            # While the speech still grows, its whole length is guessed from what was said of the text so far.
            expected = float(programme.duration_s * self._job.plan.frame_rate) / max(self._spoken, 0.01)
            stage.advance(min(0.999, sum(self._frames.values()) / expected))

        async with self._job.gate:
            speech = PieceSound(programme.sound.read(piece.start, piece.end), programme.sample_rate, self._own.locale)
            animated = await animate(self._job.flow, stage, self._job.services, self._scene, piece, speech, tell)
        stage.add_media(float(piece.frame_count / self._job.plan.frame_rate))
        return animated
