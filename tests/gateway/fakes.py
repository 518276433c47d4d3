"""Services that answer at once, for tests of the gateway's plumbing. They count their calls and fail on request.

What the pipeline makes of real engines is tested in test_present.py.
"""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path

import av
import grpc
import grpc.aio
import numpy as np

from gateway.settings import SERVICES
from locutor.asr.v1 import asr_pb2, asr_pb2_grpc, separation_pb2, separation_pb2_grpc
from locutor.common.v1 import audio_pb2, model_pb2, timeline_pb2
from locutor.errors import InvalidInput
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from locutor.translate.v1 import translate_pb2, translate_pb2_grpc
from locutor.tts.v1 import tts_pb2, tts_pb2_grpc
from services.serving import GrpcServer, ServingSettings

RATE = 24_000
SENTENCE_S = 1.5
"""Every sentence of the fake voice lasts so long: 0.2 s silence, 1 s of sound, 0.3 s silence. "Hush." has not a single sample."""


class Service:
    full_name = ""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.asked: list = []
        self.failures: list[Exception] = []
        """Raised by the next calls, one each, after their first answer."""
        self.hold: asyncio.Event | None = None
        """Calls wait for it."""
        self.held = 0
        """Calls that began to wait."""
        self.cancelled = 0
        self.more_models: list[model_pb2.Model] = []
        """Of other engines that the service has."""

    async def load(self) -> None: ...

    async def close(self) -> None: ...

    async def _gate(self) -> None:
        if self.hold is not None:
            self.held += 1
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


def model(engine: str, *locales: str) -> model_pb2.Model:
    return model_pb2.Model(
        engine=engine,
        engine_version="1",
        name=f"{engine}-weights",
        weights=[model_pb2.WeightsFile(name="w", sha256="ab" * 32)],
        locales=locales,
        commercial_use=True,
        installed=True,
        is_default=True,
    )


class FakeTts(Service, tts_pb2_grpc.TtsServiceServicer):
    full_name = "locutor.tts.v1.TtsService"

    def __init__(self) -> None:
        super().__init__()
        self.more_voices: list[tts_pb2.Voice] = []

    def register(self, server: grpc.aio.Server) -> None:
        tts_pb2_grpc.add_TtsServiceServicer_to_server(self, server)

    async def ListModels(self, request, context):
        return tts_pb2.ListModelsResponse(models=[model("tone"), *self.more_models])

    async def ListVoices(self, request, context):
        rows = [("en_a", "en-US", True), ("en_b", "en-US", False), ("es_a", "es", True), ("pt_a", "pt-BR", True)]
        return tts_pb2.ListVoicesResponse(
            voices=[
                tts_pb2.Voice(id=v, locale=locale, engine="tone", is_default=d, quality=tts_pb2.QUALITY_NEURAL, commercial_use=True) for v, locale, d in rows
            ]
            + self.more_voices
        )

    async def Synthesize(self, request, context):
        self.calls["Synthesize"] += 1
        self.asked.append(request)
        await self._gate()
        if "poison" in request.text:
            raise InvalidInput.of("text", "cannot be said", "UNSPEAKABLE")
        yield tts_pb2.SynthesizeResponse(
            header=tts_pb2.SynthesizeHeader(
                format=audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=RATE, channels=1), model=model("tone")
            )
        )
        sentences = [part.strip() + "." for part in request.text.split(".") if part.strip()]
        start = 0.0
        for number, text in enumerate(sentences):
            if text == "Hush.":
                hush = tts_pb2.Sentence(text=text)
                for offset in (hush.start_offset, hush.end_offset):
                    offset.FromNanoseconds(round(start * 1e9))
                yield tts_pb2.SynthesizeResponse(sentence=hush)
                continue
            line = timeline_pb2.Timeline()
            for symbol, begin, end in (("", 0, 0.2), ("m", 0.2, 0.7), ("a", 0.7, 1.2), ("", 1.2, 1.5)):
                phoneme = line.phonemes.add(symbol=symbol)
                phoneme.start_offset.FromNanoseconds(round((start + begin) * 1e9))
                phoneme.end_offset.FromNanoseconds(round((start + end) * 1e9))
            begin = request.text.index(text[:-1])
            word = line.words.add(text=text[:-1], text_begin=begin, text_end=begin + len(text) - 1)
            word.start_offset.FromNanoseconds(round((start + 0.2) * 1e9))
            word.end_offset.FromNanoseconds(round((start + 1.2) * 1e9))
            sentence = tts_pb2.Sentence(text=text, timeline=line)
            sentence.start_offset.FromNanoseconds(round(start * 1e9))
            sentence.end_offset.FromNanoseconds(round((start + SENTENCE_S) * 1e9))
            yield tts_pb2.SynthesizeResponse(sentence=sentence)
            time = np.arange(round(SENTENCE_S * RATE)) / RATE
            tone = np.where((time > 0.2) & (time < 1.2), np.sin(2 * np.pi * (200 + 20 * number + len(text)) * time) * 0.3, 0)
            audio = (tone * 32767).astype("<i2").tobytes()
            yield tts_pb2.SynthesizeResponse(audio=audio[:40_000])
            yield tts_pb2.SynthesizeResponse(audio=audio[40_000:])
            start += SENTENCE_S
            if number == 0 and len(sentences) > 1:
                self._fail()
        yield tts_pb2.SynthesizeResponse(summary=tts_pb2.SynthesizeSummary(sample_count=round(start * RATE)))

    async def MeasureSpeech(self, request, context):
        self.calls["MeasureSpeech"] += 1
        response = tts_pb2.MeasureSpeechResponse()
        for text in request.texts:
            measure = response.measures.add()
            for rate in request.rates:
                measure.durations.add().FromNanoseconds(round(1e9 * SENTENCE_S * sum(bool(part.strip()) for part in text.split(".")) / rate))
        return response


class FakeTranslate(Service, translate_pb2_grpc.TranslateServiceServicer):
    full_name = "locutor.translate.v1.TranslateService"

    def __init__(self) -> None:
        super().__init__()
        self.outage = ""
        """Why everything is translated by another engine than the one that was asked for; empty: it is not."""

    def register(self, server: grpc.aio.Server) -> None:
        translate_pb2_grpc.add_TranslateServiceServicer_to_server(self, server)

    async def ListModels(self, request, context):
        return translate_pb2.ListModelsResponse(models=[model("swap", "en>pt-BR"), *self.more_models])

    async def ListPairs(self, request, context):
        return translate_pb2.ListPairsResponse(pairs=[translate_pb2.Pair(source_locale="en", target_locale="pt-BR")])

    async def Translate(self, request, context):
        self.calls["Translate"] += 1
        self.asked.append(request)
        self._fail()
        missed = [term.source for term in request.glossary]
        said = [translate_pb2.Translation(text=f"Olá {text}", missed_terms=missed, fallback_reason=self.outage) for text in request.texts]
        return translate_pb2.TranslateResponse(translations=said, models=[model("swap"), *([model("plain")] if self.outage else [])])


class FakeLipsync(Service, lipsync_pb2_grpc.LipsyncServiceServicer):
    full_name = "locutor.lipsync.v1.LipsyncService"

    def __init__(self) -> None:
        super().__init__()
        self.findings: list[lipsync_pb2.Finding] = []
        self.pieces: list[tuple[str, int, int]] = []
        """Locale, first frame and frame count of each piece asked for."""
        self.sounds: dict[tuple[str, int], bytes] = {}
        self.timelines: dict[tuple[str, int], timeline_pb2.Timeline] = {}
        self.lines: dict[str, list[lipsync_pb2.DubbedLine]] = {}
        """Of footage, by locale."""
        self.changes = True
        """Footage in which somebody speaks is changed."""
        self.refuses_footage = False
        self.damage, self.held_frames = "", 0
        """What footage is said to have."""
        self.footage: list[lipsync_pb2.Footage] = []
        self.video = b""
        """Of the footage whose faces were followed last."""

    def register(self, server: grpc.aio.Server) -> None:
        lipsync_pb2_grpc.add_LipsyncServiceServicer_to_server(self, server)

    async def ListModels(self, request, context):
        return lipsync_pb2.ListModelsResponse(models=[model("grey"), *self.more_models])

    async def Inspect(self, request_iterator, context):
        self.calls["Inspect"] += 1
        async for _ in request_iterator:
            pass
        usable = all(finding.severity != lipsync_pb2.SEVERITY_ERROR for finding in self.findings)
        return lipsync_pb2.InspectResponse(usable=usable, findings=self.findings)

    async def Animate(self, request_iterator, context):
        self.calls["Animate"] += 1
        config, audio, timeline = None, b"", None
        async for request in request_iterator:
            kind = request.WhichOneof("payload")
            config = request.config if kind == "config" else config
            timeline = request.timeline if kind == "timeline" else timeline
            audio += request.audio
        assert config is not None and timeline is not None
        self.asked.append(config)
        self.pieces.append((config.locale, config.first_frame, config.frame_count))
        self.sounds[config.locale, config.first_frame] = audio
        self.timelines[config.locale, config.first_frame] = timeline
        await self._gate()
        yield lipsync_pb2.AnimateResponse(header=lipsync_pb2.AnimateHeader(model=model("grey"), frame_count=config.frame_count))
        yield lipsync_pb2.AnimateResponse(fragment=_grey(config))
        self._fail()
        yield lipsync_pb2.AnimateResponse(progress=lipsync_pb2.AnimateProgress(frames_done=config.frame_count))
        yield lipsync_pb2.AnimateResponse(summary=lipsync_pb2.AnimateSummary(frame_count=config.frame_count))

    async def TrackFaces(self, request_iterator, context):
        self.calls["TrackFaces"] += 1
        config, self.video = None, b""
        async for request in request_iterator:
            config = config or request.config
            self.video += request.video
        self.footage.append(config)
        if self.refuses_footage:
            raise InvalidInput.of("video", "is not decoded in 80 s", "TOO_SLOW")
        yield lipsync_pb2.TrackFacesResponse(tracks=b"tracks")
        yield lipsync_pb2.TrackFacesResponse(summary=lipsync_pb2.TrackFacesSummary(frame_count=config.frame_count))

    async def AnimateVideo(self, request_iterator, context):
        self.calls["AnimateVideo"] += 1
        config, lines, tracks = None, [], b""
        async for request in request_iterator:
            kind = request.WhichOneof("payload")
            config = request.config if kind == "config" else config
            tracks += request.tracks
            lines += [request.line] if kind == "line" else []
        assert config is not None and tracks == b"tracks"
        self.lines[config.locale] = self.lines.get(config.locale, []) + lines
        await self._gate()
        count = config.footage.frame_count
        yield lipsync_pb2.AnimateVideoResponse(fragment=_grey(lipsync_pb2.AnimateConfig(video=config.footage.video, frame_count=count)))
        changed = count if self.changes and lines else 0
        facts = {"damage": self.damage, "held_frames": self.held_frames}
        summary = lipsync_pb2.AnimateVideoSummary(frame_count=count, changed_frames=changed, **facts)
        yield lipsync_pb2.AnimateVideoResponse(summary=summary)


def _grey(config: lipsync_pb2.AnimateConfig) -> bytes:
    buffer = io.BytesIO()
    rate = Fraction(config.video.frame_rate_numerator, config.video.frame_rate_denominator)
    with av.open(buffer, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}) as out:
        stream = out.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "profile": "high"})
        stream.width, stream.height, stream.pix_fmt = config.video.width_pixels, config.video.height_pixels, "yuv420p"
        grey = np.full((stream.height * 3 // 2, stream.width), 128, np.uint8)
        for number in range(config.frame_count):
            frame = av.VideoFrame.from_ndarray(grey, "yuv420p")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


class FakeAsr(Service, asr_pb2_grpc.AsrServiceServicer, separation_pb2_grpc.SeparationServiceServicer):
    full_name = "locutor.asr.v1.AsrService"

    def __init__(self) -> None:
        super().__init__()
        self.language = "en"
        self.words: list[tuple[str, float, float]] = [("Good", 1.0, 1.4), ("morning.", 1.4, 2.8), ("How", 5.0, 5.4), ("are", 5.4, 5.7), ("you?", 5.7, 6.8)]
        """What is heard in every sound: text, start and end in seconds."""
        self.turns: list[tuple[float, float, int]] = [(0.0, 4.0, 0), (4.0, 12.0, 1)]
        self.heard_bytes = 0
        self.separates = False
        """A separation engine is installed: it leaves nothing of any sound."""

    def register(self, server: grpc.aio.Server) -> None:
        asr_pb2_grpc.add_AsrServiceServicer_to_server(self, server)
        separation_pb2_grpc.add_SeparationServiceServicer_to_server(self, server)

    async def ListModels(self, request, context):
        return asr_pb2.ListModelsResponse(models=[model("ear"), *self.more_models])

    async def ListSeparationModels(self, request, context):
        return separation_pb2.ListSeparationModelsResponse(models=[model("splitter")] if self.separates else [])

    async def Separate(self, request_iterator, context):
        self.calls["Separate"] += 1
        async for request in request_iterator:
            yield separation_pb2.SeparateResponse(background=bytes(len(request.audio)))

    async def Recognize(self, request_iterator, context):
        self.calls["Recognize"] += 1
        self.heard_bytes = 0
        config = None
        async for request in request_iterator:
            config = config or request.config
            self.heard_bytes += len(request.audio)
        await self._gate()
        if self.words:
            language = config.locale or self.language
            yield asr_pb2.RecognizeResponse(language=asr_pb2.LanguageDetection(locale=language, probability=1.0 if config.locale else 0.9))
            segment = asr_pb2.Segment()
            for text, start, end in self.words:
                word = segment.words.add(text=text)
                word.start_offset.FromNanoseconds(round(start * 1e9))
                word.end_offset.FromNanoseconds(round(end * 1e9))
            yield asr_pb2.RecognizeResponse(segment=segment)
        yield asr_pb2.RecognizeResponse(summary=asr_pb2.RecognizeSummary(model=model("ear")))

    async def Diarize(self, request_iterator, context):
        self.calls["Diarize"] += 1
        async for _ in request_iterator:
            pass
        response = asr_pb2.DiarizeResponse(
            speakers=[asr_pb2.Speaker(embedding=[1.0, 0.0], pitch_hertz=110), asr_pb2.Speaker(embedding=[0.0, 1.0], pitch_hertz=220)],
            model=model("who"),
        )
        for start, end, speaker in self.turns:
            turn = response.turns.add(speaker=speaker)
            turn.start_offset.FromNanoseconds(round(start * 1e9))
            turn.end_offset.FromNanoseconds(round(end * 1e9))
        return response


class Fakes:
    def __init__(self) -> None:
        self.asr, self.tts, self.translate, self.lipsync = FakeAsr(), FakeTts(), FakeTranslate(), FakeLipsync()
        self.addresses: dict[str, str] = {}
        self.store = ""
        """URL of the artifact store that services share which are started from now on."""
        self._servers: dict[str, GrpcServer] = {}

    async def start(self, name: str) -> None:
        workers = 2 if name == "lipsync" else 1
        self._servers[name] = GrpcServer([getattr(self, name)], ServingSettings(listen=self.addresses[name], workers=workers, store=self.store))
        await self._servers[name].start()

    async def stop(self, name: str) -> None:
        """As a process that is killed: calls at work are not waited for."""
        await self._servers[name].stop(grace_s=0)


@asynccontextmanager
async def running_fakes(folder: Path) -> AsyncIterator[Fakes]:
    fakes = Fakes()
    for name in SERVICES:
        fakes.addresses[name] = f"unix:{folder / name}.sock"
        await fakes.start(name)
    try:
        yield fakes
    finally:
        for name in SERVICES:
            await fakes.stop(name)
