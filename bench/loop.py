"""The same engines, called one after the other in one process: what the services and the gateway are compared with."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from bench.material import LOCALE, PARAGRAPH_PAUSE_S, THREADS, face, face_png, speak
from bench.picture import encode
from gateway.present.pieces import LEAD_S, TRAIL_S
from gateway.provenance import EngineUse, ProvenanceClaim, sign_video
from gateway.signing_key import SigningKey
from media.clock import PROGRAMME_RATE, frame_to_sample, frames_to_hold
from media.cover import write_cover
from media.loudness import normalise
from media.mux import mux_program
from media.resample import resample
from media.subtitle_files import to_srt, to_vtt
from media.subtitles import TimedText, TimedWord, make_cues
from services.lipsync.engine import Background, Piece, Speech, VideoFormat
from services.lipsync.engine import PhonemeSpan as Phoneme
from services.lipsync.engines.warp.engine import WarpEngine
from services.tts.engine import SpokenSentence
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore


class DirectLoop:
    """Script to signed video without a service, a gateway, a queue or a store."""

    def __init__(self, video: VideoFormat, work: Path) -> None:
        """Loads the engines."""
        self._video = video
        self._work = work
        self._tts = KokoroEngine(ModelStore(), THREADS)
        self._lipsync = WarpEngine(ModelStore(), THREADS)

    def run(self) -> float:
        """Make the script's video; returns its length in seconds."""
        speech, texts = self._programme(speak(self._tts))
        portrait = self._lipsync.prepare(face(), self._video, Background())
        frames = frames_to_hold(len(speech.audio), self._video.frame_rate, speech.sample_rate)
        piece = encode(self._lipsync.animate(portrait, speech, Piece(0, frames)), self._video)
        sound, _ = normalise(resample(speech.audio, speech.sample_rate, PROGRAMME_RATE))
        unsigned, signed = self._work / "unsigned.mp4", self._work / "signed.mp4"
        done = mux_program(
            unsigned, [piece], sound[: frame_to_sample(frames, self._video.frame_rate)], frame_rate=self._video.frame_rate, language=LOCALE, title="Bench"
        )
        engines = tuple(EngineUse(stage, info.engine, info.engine_version) for stage, info in (("speak", self._tts.info), ("animate", self._lipsync.info)))
        claim = ProvenanceClaim("Bench", LOCALE, engines, "0" * 64, face_png(), "image/png")
        sign_video(unsigned, signed, claim, SigningKey.for_development(self._work))
        cues = make_cues(texts, LOCALE, self._video.frame_rate)
        (self._work / "out.srt").write_text(to_srt(cues), "utf-8")
        (self._work / "out.vtt").write_text(to_vtt(cues), "utf-8")
        write_cover(signed, self._work / "cover.jpg", 0.0)
        return done.duration_s

    def _programme(self, paragraphs: list[list[SpokenSentence]]) -> tuple[Speech, list[TimedText]]:
        """All sound in one piece, with silence where the gateway leaves it."""
        rate = self._tts.sample_rate
        parts = [np.zeros(round(LEAD_S * rate), np.float32)]
        phonemes: list[Phoneme] = []
        texts: list[TimedText] = []
        for sentences in paragraphs:
            origin_s = sum(map(len, parts)) / rate
            phonemes += [Phoneme(p.symbol, origin_s + p.start_s, origin_s + p.end_s, p.stressed) for s in sentences for p in s.timeline.phonemes]
            words = [word for sentence in sentences for word in sentence.timeline.words]
            spans = tuple(TimedWord(w.text_begin, w.text_end, Fraction(origin_s + w.start_s), Fraction(origin_s + w.end_s)) for w in words)
            texts.append(TimedText(" ".join(sentence.text for sentence in sentences), spans))
            parts += [sentence.audio for sentence in sentences]
            parts.append(np.zeros(round(PARAGRAPH_PAUSE_S * rate), np.float32))
        parts[-1] = np.zeros(round(TRAIL_S * rate), np.float32)
        return Speech(np.concatenate(parts), rate, phonemes, LOCALE), texts
