"""Speakers told apart by Resemblyzer's voice encoder: embeddings of overlapping windows, grouped by voice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.asr.diarization.clustering import cluster
from services.asr.diarization.engine import Diarization, DiarizationOptions, Speaker, SpeakerTurn, SpeechSpan
from services.asr.diarization.pitch import HOP_S, median_pitch, pitch_track
from services.asr.diarization.stretches import FoundStretches, GivenStretches, Stretch, Stretches
from services.asr.diarization.turns import label, similarities, turns_of
from services.asr.diarization.voice_encoder import WEIGHTS, VoiceEncoder
from services.asr.diarization.windows import FRAME_S, LONG_FRAMES, SHORT_FRAMES, Windows, joined, mels_of, windows_of
from services.asr.engine import SAMPLE_RATE
from services.engine import ModelInfo
from services.weights import ModelStore

_TELLING_S = 0.75 * LONG_FRAMES * FRAME_S
"""Shorter windows do not found a speaker: embeddings of little speech are near each other, whoever speaks."""
_LEAST_SPEAKER_S = 1.2
"""Who is heard less is taken for one of the others, unless the number of speakers is given."""
_LEAST_VOICED_S = 0.5


class ResemblyzerEngine:
    """May be used from several threads; each stream by one."""

    def __init__(self, store: ModelStore, threads: int = 0) -> None:
        """`threads` of one call, 0: as many as the machine has."""
        self._encoder = VoiceEncoder(store, threads)
        self.info = self.describe(store)

    @classmethod
    def describe(cls, store: ModelStore) -> ModelInfo:
        artifact = store.artifact(WEIGHTS)
        installed = store.installed(WEIGHTS)
        return ModelInfo(
            engine="resemblyzer",
            engine_version="1",
            name=artifact.name,
            weights=artifact.weights,
            license=artifact.license,
            commercial_use=artifact.commercial_use,
            installed=installed,
            remedy="" if installed else f"fetch the weights: locutor models fetch {artifact.name}",
        )

    def open(self, options: DiarizationOptions) -> ResemblyzerStream:
        return ResemblyzerStream(self._encoder, options)


class ResemblyzerStream:
    """Keeps two kilobytes and a pitch track of what it has heard, for each 0.4 s of speech."""

    def __init__(self, encoder: VoiceEncoder, options: DiarizationOptions) -> None:
        self._encoder = encoder
        self._speaker_count = options.speaker_count
        self._stretches: Stretches = GivenStretches(options.spans) if options.spans else FoundStretches()
        self._long: list[Windows] = []
        self._short: list[Windows] = []
        self._pitches: list[tuple[float, np.ndarray]] = []
        self._heard_samples = 0

    @property
    def heard_s(self) -> float:
        return self._heard_samples / SAMPLE_RATE

    def accept(self, samples: np.ndarray) -> None:
        self._heard_samples += len(samples)
        for stretch in self._stretches.accept(samples.astype(np.float32, copy=False)):
            self._hear(stretch)

    def finish(self) -> Diarization:
        for stretch in self._stretches.finish():
            self._hear(stretch)
        windows = joined(self._long)
        spans = [replace(span, end_s=min(span.end_s, self.heard_s)) for span in self._stretches.spans if span.start_s < self.heard_s]
        if not len(windows) or not spans:
            return Diarization((), ())
        voices = self._voices(windows)
        similar = (similarities(spans, windows, voices) + similarities(spans, joined(self._short), voices)) / 2
        labels = label(spans, similar)
        heard = list(dict.fromkeys(labels.tolist()))
        similar = similar[:, heard]
        labels = np.array([heard.index(speaker) for speaker in labels])
        speakers = tuple(self._speaker(index, spans, labels, windows) for index in range(len(heard)))
        turns: tuple[SpeakerTurn, ...] = tuple(turns_of(spans, labels, similar))
        return Diarization(turns, speakers)

    def _hear(self, stretch: Stretch) -> None:
        mels = mels_of(stretch)
        self._long.append(windows_of(mels, stretch.start_s, LONG_FRAMES, self._encoder))
        self._short.append(windows_of(mels, stretch.start_s, SHORT_FRAMES, self._encoder))
        self._pitches.append((stretch.start_s, pitch_track(stretch.audio)))

    def _voices(self, windows: Windows) -> np.ndarray:
        seconds = windows.end_s - windows.start_s
        telling = seconds >= _TELLING_S if (seconds >= _TELLING_S).any() else np.ones(len(windows), bool)
        return cluster(windows.embeddings[telling], windows.share_s[telling], self._speaker_count, _LEAST_SPEAKER_S)

    def _speaker(self, index: int, spans: list[SpeechSpan], labels: np.ndarray, windows: Windows) -> Speaker:
        own = [span for span, who in zip(spans, labels, strict=True) if who == index]
        middles = (windows.start_s + windows.end_s) / 2
        sums = windows.embeddings[_within(middles, own)].sum(axis=0)
        if not sums.any():
            sums = windows.embeddings[[int(np.abs(middles - span.start_s).argmin()) for span in own]].sum(axis=0)
        track = [values[_within(begin_s + HOP_S * (np.arange(len(values)) + 1), own)] for begin_s, values in self._pitches]
        pitch = median_pitch(np.concatenate(track), _LEAST_VOICED_S)
        return Speaker((sums / np.linalg.norm(sums)).astype(np.float32), pitch, sum(span.end_s - span.start_s for span in own))


def _within(times_s: np.ndarray, spans: list[SpeechSpan]) -> np.ndarray:
    """Which times lie in one of the spans (in order, not overlapping)."""
    index = np.searchsorted([span.start_s for span in spans], times_s, "right") - 1
    ends = np.array([span.end_s for span in spans])
    inside: np.ndarray = (index >= 0) & (times_s < ends[index])
    return inside
