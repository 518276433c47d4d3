"""TtsService: messages to dataclasses and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import grpc.aio
import numpy as np

from locutor.common.v1 import audio_pb2, timeline_pb2
from locutor.errors import FieldViolation, InvalidInput
from locutor.tts.v1 import tts_pb2, tts_pb2_grpc
from services.articulation.blendshapes import NAMES, Blendshapes
from services.articulation.mouth_shapes import MouthShape
from services.serving import EnginePool, ServingSettings
from services.serving.engine_shelf import EngineShelf
from services.serving.messages import duration, model_message
from services.tts.engine import ENGINES, Gender, Quality, Speech, SpeechRequest, SpokenSentence, Timeline, TtsEngine, Viseme, Voice
from services.tts.locales import speaks
from services.tts.measure import measure
from services.tts.roster import Roster, roster_of
from services.tts.tracks import Track, Tracks, tracks_of
from services.weights import ModelStore

LONGEST_TEXT = 5000
"""Code points."""
RATES = (0.5, 2.0)
LONGEST_TARGET_S = 3600.0
MOST_MEASURED = 100
"""Texts of one request."""
MOST_MEASURED_RATES = 8

_CHUNK_BYTES = 64 * 1024

_GENDERS = {Gender.FEMALE: tts_pb2.GENDER_FEMALE, Gender.MALE: tts_pb2.GENDER_MALE, Gender.NEUTRAL: tts_pb2.GENDER_NEUTRAL}
_QUALITIES = {Quality.FORMANT: tts_pb2.QUALITY_FORMANT, Quality.NEURAL: tts_pb2.QUALITY_NEURAL}
_VISEMES = {viseme: timeline_pb2.Viseme.Value(f"VISEME_{viseme.name}") for viseme in Viseme}
_MOUTH_SHAPES = {shape: timeline_pb2.MouthShape.Value(f"MOUTH_SHAPE_{shape.name}") for shape in MouthShape}
_TRACKS = {timeline_pb2.TimelineTrack.Value(f"TIMELINE_TRACK_{track.name}"): track for track in Track}


class TtsServicer(tts_pb2_grpc.TtsServiceServicer):
    full_name = "locutor.tts.v1.TtsService"

    def __init__(self, settings: ServingSettings, store: ModelStore) -> None:
        self._store = store
        self._commercial = settings.commercial
        self._shelf: EngineShelf[TtsEngine] = EngineShelf(ENGINES, store, settings)
        self._pool = EnginePool("tts", workers=settings.workers, queue=settings.queue)

    def register(self, server: grpc.aio.Server) -> None:
        tts_pb2_grpc.add_TtsServiceServicer_to_server(self, server)

    async def load(self) -> None:
        await self._shelf.get()

    async def close(self) -> None:
        await self._pool.close()

    async def Synthesize(self, request: tts_pb2.SynthesizeRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[tts_pb2.SynthesizeResponse]:
        wanted = _speech_request(request)
        tracks = frozenset(_TRACKS[track] for track in request.tracks)
        engine, wanted = await self._chosen(request.engine, wanted)
        samples, rate, sample_rate = 0, 1.0, 1
        async with aclosing(self._pool.stream(self._speak, engine, wanted, tracks)) as events:
            async for event in events:
                if not isinstance(event, tuple):
                    rate, sample_rate = event.rate, event.sample_rate
                    yield tts_pb2.SynthesizeResponse(header=_header(event))
                    continue
                sentence, further = event
                end_s = (samples + len(sentence.audio)) / sample_rate
                yield tts_pb2.SynthesizeResponse(sentence=_sentence(sentence, further, end_s))
                samples += len(sentence.audio)
                pcm = _pcm(sentence.audio)
                for position in range(0, len(pcm), _CHUNK_BYTES):
                    yield tts_pb2.SynthesizeResponse(audio=pcm[position : position + _CHUNK_BYTES])
        yield tts_pb2.SynthesizeResponse(summary=tts_pb2.SynthesizeSummary(duration=duration(samples / sample_rate), sample_count=samples, rate=rate))

    async def MeasureSpeech(self, request: tts_pb2.MeasureSpeechRequest, context: grpc.aio.ServicerContext) -> tts_pb2.MeasureSpeechResponse:
        wanted = _measure_requests(request)
        engine, first = await self._chosen(request.engine, wanted[0])
        rates = [round(rate, 6) for rate in request.rates]
        response = tts_pb2.MeasureSpeechResponse()
        for index, each in enumerate(wanted):
            with _fields_of(f"texts[{index}]"):
                durations = await self._pool.run(measure, engine, replace(first, text=each.text), rates)
            response.measures.add(durations=[duration(seconds) for seconds in durations])
        return response

    def _speak(self, engine: TtsEngine, request: SpeechRequest, tracks: Collection[Track]) -> Iterator[Speech | tuple[SpokenSentence, Tracks]]:
        speech = engine.plan(request)
        yield speech
        for sentence in speech.sentences():
            yield sentence, tracks_of(sentence, speech.sample_rate, tracks)

    async def _roster(self) -> Roster:
        # An engine's module imports its library, which takes seconds.
        return await asyncio.to_thread(partial(roster_of, self._shelf.default, self._store, commercial=self._commercial))

    async def _chosen(self, named: str, request: SpeechRequest) -> tuple[TtsEngine, SpeechRequest]:
        """Who speaks a request, and the request with its voice: the engine that is named, else that of the voice, else the first that speaks the locale.

        Whether this server may use the voice's weights is asked before they are fetched or loaded. Raises as `Roster.settled`, `EngineShelf.get` and
        `EngineShelf.permit` (field "voice").
        """
        # A named engine takes its own default, except where a commercial server may not.
        if not named or self._commercial:
            named, request = (await self._roster()).settled(request, named)
        engine = await self._shelf.get(named)
        self._shelf.permit(await asyncio.to_thread(engine.model_of, request), "voice")
        return engine, request

    async def ListVoices(self, request: tts_pb2.ListVoicesRequest, context: grpc.aio.ServicerContext) -> tts_pb2.ListVoicesResponse:
        voices = (await self._roster()).voices()
        return tts_pb2.ListVoicesResponse(voices=[_voice(voice) for voice in voices if not request.locale or speaks(voice.locale, request.locale)])

    async def ListModels(self, request: tts_pb2.ListModelsRequest, context: grpc.aio.ServicerContext) -> tts_pb2.ListModelsResponse:
        return tts_pb2.ListModelsResponse(models=[model_message(info) for info in await self._shelf.models()])


def _speech_request(request: tts_pb2.SynthesizeRequest) -> SpeechRequest:
    """Raises `InvalidInput` with every field that is wrong; locale and voice are left to the engine, which knows them."""
    wrong: list[FieldViolation] = []
    if not request.text.strip():
        wrong.append(FieldViolation("text", "found nothing; give a text to speak", "EMPTY"))
    if len(request.text) > LONGEST_TEXT:
        wrong.append(FieldViolation("text", f"found {len(request.text)} code points; give at most {LONGEST_TEXT}: cut it at a paragraph", "TEXT_TOO_LONG"))
    if not request.locale:
        wrong.append(FieldViolation("locale", 'found nothing; give a BCP 47 tag such as "en-US"', "EMPTY"))
    for name in ("rate", "min_rate", "max_rate"):
        value = getattr(request, name)
        # A float of the wire is single: 0.85 arrives as 0.8500000238.
        if request.HasField(name) and not RATES[0] <= round(value, 6) <= RATES[1]:
            wrong.append(FieldViolation(name, f"found {value:g}; give {RATES[0]:g} to {RATES[1]:g}", "RATE_OUT_OF_RANGE"))
    low = round(request.min_rate, 6) if request.HasField("min_rate") else SpeechRequest.min_rate
    high = round(request.max_rate, 6) if request.HasField("max_rate") else SpeechRequest.max_rate
    if low > high:
        wrong.append(FieldViolation("min_rate", f"found {low:g}, above max_rate ({high:g}); give the smaller one here", "RATES_CROSSED"))
    target_s = request.target_duration.ToNanoseconds() / 1e9 if request.HasField("target_duration") else None
    if target_s is not None and not 0 < target_s <= LONGEST_TARGET_S:
        wrong.append(FieldViolation("target_duration", f"found {target_s:g} s; give more than 0 and at most {LONGEST_TARGET_S:g} s", "DURATION_OUT_OF_RANGE"))
    if target_s is not None and request.HasField("rate"):
        wrong.append(FieldViolation("rate", "found together with target_duration, which chooses the rate; give one of them", "RATE_AND_TARGET"))
    for index, track in enumerate(request.tracks):
        if track not in _TRACKS:
            known = ", ".join(timeline_pb2.TimelineTrack.Name(number) for number in _TRACKS)
            wrong.append(FieldViolation(f"tracks[{index}]", f"found {track}, which is no track of this service; choose from {known}", "UNKNOWN_TRACK"))
    if wrong:
        raise InvalidInput(wrong)
    rate = round(request.rate, 6) if request.HasField("rate") else SpeechRequest.rate
    return SpeechRequest(request.text, request.locale, request.voice, rate, target_s, low, high)


def _measure_requests(request: tts_pb2.MeasureSpeechRequest) -> list[SpeechRequest]:
    """Raises `InvalidInput` with every field that is wrong."""
    wrong: list[FieldViolation] = []
    if not 1 <= len(request.texts) <= MOST_MEASURED:
        wrong.append(FieldViolation("texts", f"found {len(request.texts)}; give 1 to {MOST_MEASURED}", "OUT_OF_RANGE"))
    if not 1 <= len(request.rates) <= MOST_MEASURED_RATES or not all(RATES[0] <= round(rate, 6) <= RATES[1] for rate in request.rates):
        found = ", ".join(f"{rate:g}" for rate in request.rates[: MOST_MEASURED_RATES + 1]) or "none"
        wrong.append(FieldViolation("rates", f"found {found}; give 1 to {MOST_MEASURED_RATES} from {RATES[0]:g} to {RATES[1]:g}", "RATE_OUT_OF_RANGE"))
    wanted = []
    for index, text in enumerate(request.texts[:MOST_MEASURED]):
        try:
            wanted.append(_speech_request(tts_pb2.SynthesizeRequest(text=text, locale=request.locale, voice=request.voice)))
        except InvalidInput as error:
            wrong += [FieldViolation(f"texts[{index}]" if v.field == "text" else v.field, v.message, v.reason) for v in error.violations]
    if wrong:
        raise InvalidInput(wrong)
    return wanted


@contextmanager
def _fields_of(text: str) -> Iterator[None]:
    """What an engine says of the field `text` is said of that one of several."""
    try:
        yield
    except InvalidInput as error:
        raise type(error)([FieldViolation(text if v.field == "text" else v.field, v.message, v.reason) for v in error.violations]) from error


def _header(speech: Speech) -> tts_pb2.SynthesizeHeader:
    format_ = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=speech.sample_rate, channels=1)
    return tts_pb2.SynthesizeHeader(format=format_, model=model_message(speech.model), voice=speech.voice.id, locale=speech.voice.locale)


def _sentence(sentence: SpokenSentence, tracks: Tracks, end_s: float) -> tts_pb2.Sentence:
    return tts_pb2.Sentence(
        text=sentence.text,
        spoken_text=sentence.spoken_text,
        start_offset=duration(sentence.start_s),
        end_offset=duration(end_s),
        timeline=_timeline(sentence.timeline, tracks),
    )


def _timeline(timeline: Timeline, tracks: Tracks) -> timeline_pb2.Timeline:
    def span(item: Any) -> dict[str, Any]:
        return {"start_offset": duration(item.start_s), "end_offset": duration(item.end_s)}

    return timeline_pb2.Timeline(
        phonemes=[timeline_pb2.Phoneme(symbol=p.symbol, stressed=p.stressed, **span(p)) for p in timeline.phonemes],
        words=[timeline_pb2.Word(text=w.text, text_begin=w.text_begin, text_end=w.text_end, **span(w)) for w in timeline.words],
        visemes=[timeline_pb2.VisemeSpan(viseme=_VISEMES[v.viseme], **span(v)) for v in timeline.visemes],
        mouth_shapes=[timeline_pb2.MouthShapeSpan(shape=_MOUTH_SHAPES[held.shape], **span(held)) for held in tracks.mouth_shapes],
        azure_visemes=[timeline_pb2.AzureVisemeSpan(viseme_id=held.shape, **span(held)) for held in tracks.azure_visemes],
        blendshapes=_blendshapes(tracks.blendshapes) if tracks.blendshapes else None,
    )


def _blendshapes(curves: Blendshapes) -> timeline_pb2.BlendshapeTrack:
    return timeline_pb2.BlendshapeTrack(
        start_offset=duration(curves.start_s), rate_hertz=curves.rate_hertz, names=NAMES, weights=curves.weights.ravel().tolist()
    )


def _voice(voice: Voice) -> tts_pb2.Voice:
    return tts_pb2.Voice(
        id=voice.id,
        locale=voice.locale,
        gender=_GENDERS[voice.gender],
        engine=voice.engine,
        is_default=voice.is_default,
        quality=_QUALITIES[voice.quality],
        display_name=voice.display_name,
        license=voice.license,
        commercial_use=voice.commercial_use,
        model=voice.model,
    )


def _pcm(audio: np.ndarray) -> bytes:
    """Float samples as signed 16-bit little-endian."""
    return (np.clip(audio, -1.0, 1.0) * 32767).round().astype("<i2").tobytes()
