"""One locale's sound: the dubbed voices with what is kept of the original, made and encoded in pieces, so that a changed line changes only those near it."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, log10
from pathlib import Path
from typing import Any

import numpy as np

from gateway.artifacts import Blob, StepResult
from gateway.dub.separate import Separated
from gateway.dub.sound import KeptSound
from gateway.dub.source import Source
from gateway.dub.speak import SpokenLine
from gateway.dub.voice import DubbedLine, placements
from gateway.progress import StageTracker
from gateway.stoppable import in_thread
from gateway.workflow import Workflow
from locutor.gateway.v1 import dub_pb2, job_pb2
from media.aac_pieces import encode_piece, write_packets
from media.clock import PROGRAMME_RATE, seconds_to_samples
from media.dub_mix import DubMix, MixPiece, PieceLevels, cut_mix, finish_piece, measure_piece, piece_inputs
from media.loudness import BROADCAST, WEB, LoudnessTarget, gated_loudness
from media.loudness_profile import energies_of, raised
from media.mix_gain import MAX_ROUNDS, first_gain, is_limited, mix_target, next_gain
from media.place import Placement, check_placements
from media.sound_pieces import read_exact, write_exact
from media.speech_level import SourceLevels, SpeechSpan, source_levels, speech_gains

VERSION = "3"
"""Raised whenever equal lines would be mixed to other sound that is kept."""
_TARGETS = {dub_pb2.LOUDNESS_TARGET_WEB: WEB, dub_pb2.LOUDNESS_TARGET_BROADCAST: BROADCAST}
_MOST_LINES = 50
"""Lines that are measured together."""
_SAMPLE_BYTES = 2


@dataclass(frozen=True)
class Mixed:
    """A locale's sound, as long as the picture."""

    samples: int
    pieces: tuple[Blob, ...]
    """Packets of AAC, as `media.aac_pieces` writes them."""
    wav: Blob
    """16 bits, stereo, 48 kHz."""
    facts: dict[str, Any]
    """What is kept of the original sound, and levels, for the report."""


async def mix(
    flow: Workflow, stage: StageTracker, source: Source, spec: job_pb2.DubSpec, locale: str, dubbed: Sequence[DubbedLine], separated: Separated | None
) -> Mixed:
    """`separated`: what a separation engine has left of the original sound; None: none was to."""
    mixed = await _Mixing(flow, stage, source, spec, locale, dubbed, separated).run()
    stage.add_media(source.duration_s)
    stage.end(job_pb2.STATE_SUCCEEDED)
    return mixed


def keeps_voices(source: Source, spec: job_pb2.DubSpec, separated: Separated | None) -> bool:
    """Whether the original voices are in what is kept of the original sound: they are heard where nothing is said over them."""
    taken_out = separated is not None or spec.background_sound == dub_pb2.BACKGROUND_SOUND_NONE
    return not taken_out and source.sound is not None and source.music_and_effects is None


class _Mixing:
    def __init__(
        self, flow: Workflow, stage: StageTracker, source: Source, spec: job_pb2.DubSpec, locale: str, dubbed: Sequence[DubbedLine], separated: Separated | None
    ) -> None:
        self._flow, self._stage, self._source, self._spec, self._locale = flow, stage, source, spec, locale
        self._dubbed = dubbed
        self._background = _background(source, spec, separated)
        self._ducked = keeps_voices(source, spec, separated)
        self._kept = "none" if self._background is None else "separated" if separated is not None else "ducked" if self._ducked else "given"

    async def run(self) -> Mixed:
        source, length = self._source, self._source.picture.samples
        placed = placements(self._dubbed, length)
        check_placements(placed, length)
        levels = source_levels(await source.sound.profile(), _spans(self._dubbed)) if source.sound is not None else None
        gains = await self._speech_gains(levels)
        leveled = [_at_level(place, gains.get(place.speaker, 0.0)) for place in placed]
        read = self._background.read if self._background is not None else None
        programme = DubMix(length, leveled, read, self._ducked, _spans(self._dubbed))
        pieces = [_Piece(piece, self._inputs(programme, piece)) for piece in cut_mix(length)]
        target = mix_target(_TARGETS.get(self._spec.loudness), levels)
        measured = [await self._measured(programme, piece) for piece in pieces]
        gain_db = await self._gain(programme, pieces, measured, target)
        done = []
        for number, piece in enumerate(pieces, 1):
            done.append(await self._finished(programme, piece, gain_db, target))
            self._stage.advance(0.2 + 0.75 * number / len(pieces))
        wav = await self._wav([one.blobs["pcm"] for one in done])
        facts = {
            "background": self._kept,
            "loudness_lufs": _figure(gated_loudness(np.concatenate([np.array(one.facts["energies"]) for one in done]))),
            "true_peak_dbtp": max((one.facts["true_peak_dbtp"] for one in done if one.facts["true_peak_dbtp"] is not None), default=None),
            "source_loudness_lufs": _figure(levels.programme_lufs) if levels is not None else None,
            "target_loudness_lufs": _figure(target.integrated_lufs),
            "speech_gain_db": {speaker: round(gain, 2) for speaker, gain in gains.items()},
            "limited_db": max(one.facts["limited_db"] for one in done),
        }
        return Mixed(length, tuple(one.blobs["aac"] for one in done), wav, facts)

    async def _speech_gains(self, levels: SourceLevels | None) -> dict[str, float]:
        if levels is None:
            return {}
        speeches = [one.speech for one in self._dubbed]

        async def make(at: Sequence[int]) -> list[tuple[StepResult | None, np.ndarray]]:
            found = await in_thread(lambda stop: [_line_energies(speeches[number]) for number in stop.between(at)])
            return [(StepResult(facts={"energies": _rounded(energies)}), energies) for energies in found]

        async def load(place: int, result: StepResult) -> np.ndarray:
            return np.array(result.facts["energies"])

        inputs = [{"version": VERSION, "speech": speech.sha256, "rate": speech.sample_rate} for speech in speeches]
        energies = await self._flow.steps(self._stage, "measure-speech", inputs, make, load, _MOST_LINES)
        return speech_gains(zip([one.line.source.speaker for one in self._dubbed], energies, strict=True), levels)

    def _inputs(self, programme: DubMix, piece: MixPiece) -> dict[str, Any]:
        """All that a piece depends on, but for the gain of the whole."""
        background = self._background
        heard = background.digest_of(piece.heard_from, piece.heard_until) if background is not None else ""
        return {"version": VERSION, "background": heard, **piece_inputs(programme, piece)}

    async def _measured(self, programme: DubMix, piece: _Piece) -> PieceLevels:
        """How loud a piece is before it has its gain."""

        async def make() -> tuple[StepResult, PieceLevels]:
            await self._bring(piece)
            found = await in_thread(lambda _: measure_piece(programme, piece.cut))
            return StepResult(facts={"energies": _rounded(found.energies), "peak": found.peak}), found

        async def load(result: StepResult) -> PieceLevels:
            return PieceLevels(np.array(result.facts["energies"]), result.facts["peak"])

        return await self._flow.step(self._stage, "mix-levels", piece.inputs, make, load)

    async def _gain(self, programme: DubMix, pieces: Sequence[_Piece], measured: Sequence[PieceLevels], target: LoudnessTarget) -> float:
        gain_db = first_gain(measured, target)
        for _ in range(MAX_ROUNDS):
            energies = [
                await self._limited(programme, piece, gain_db, target) if is_limited(levels, gain_db, target) else raised(levels.energies, gain_db)
                for piece, levels in zip(pieces, measured, strict=True)
            ]
            following = next_gain(gain_db, gated_loudness(np.concatenate(energies)), target)
            if following == gain_db:
                break
            gain_db = following
        return gain_db

    async def _limited(self, programme: DubMix, piece: _Piece, gain_db: float, target: LoudnessTarget) -> np.ndarray:
        """How loud a piece is where the limiter takes its peaks."""

        async def make() -> tuple[StepResult, np.ndarray]:
            await self._bring(piece)
            found = (await in_thread(lambda _: finish_piece(programme, piece.cut, gain_db, target.true_peak_dbtp))).energies
            return StepResult(facts={"energies": _rounded(found)}), found

        async def load(result: StepResult) -> np.ndarray:
            return np.array(result.facts["energies"])

        return await self._flow.step(self._stage, "mix-limited", piece.at_gain(gain_db, target), make, load)

    async def _finished(self, programme: DubMix, piece: _Piece, gain_db: float, target: LoudnessTarget) -> StepResult:
        """A piece's sound, and the same encoded."""

        async def make() -> tuple[StepResult, StepResult]:
            await self._bring(piece)
            paths, facts = await in_thread(lambda _: _write(self._flow.folder, self._locale, programme, piece.cut, gain_db, target.true_peak_dbtp))
            result = StepResult({name: await self._flow.store.put_file(path) for name, path in paths.items()}, facts)
            for path in paths.values():
                path.unlink()
            return result, result

        async def load(result: StepResult) -> StepResult:
            return result

        return await self._flow.step(self._stage, "mix-piece", piece.at_gain(gain_db, target), make, load)

    async def _wav(self, pieces: Sequence[Blob]) -> Blob:
        """All pieces as one file."""
        folder = self._flow.folder

        async def make() -> tuple[StepResult, Blob]:
            path = folder / f"{self._locale}.wav"
            with wave.open(str(path), "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(_SAMPLE_BYTES)
                file.setframerate(PROGRAMME_RATE)
                for piece in pieces:
                    flac = await self._flow.store.fetch(piece.sha256, folder / f"{self._locale}.flac")
                    file.writeframesraw(await asyncio.to_thread(lambda path: read_exact(path).astype("<i2").tobytes(), flac))
            blob = await self._flow.store.put_file(path)
            path.unlink()
            return StepResult({"sound": blob}), blob

        async def load(result: StepResult) -> Blob:
            return result.blobs["sound"]

        return await self._flow.step(self._stage, "mix-wav", {"version": VERSION, "pieces": [piece.sha256 for piece in pieces]}, make, load)

    async def _bring(self, piece: _Piece) -> None:
        if self._background is not None:
            await self._background.bring(piece.cut.heard_from, piece.cut.heard_until)


@dataclass(frozen=True)
class _Piece:
    cut: MixPiece
    inputs: dict[str, Any]

    def at_gain(self, gain_db: float, target: LoudnessTarget) -> dict[str, Any]:
        return {**self.inputs, "gain_db": gain_db, "ceiling_dbtp": target.true_peak_dbtp}


def _write(folder: Path, locale: str, programme: DubMix, cut: MixPiece, gain_db: float, ceiling_dbtp: float) -> tuple[dict[str, Path], dict[str, Any]]:
    made = finish_piece(programme, cut, gain_db, ceiling_dbtp)
    own = made.sound[cut.lead : cut.lead + cut.length]
    pcm = write_exact(folder / f"{locale}.{cut.begin}.flac", (np.clip(own, -1.0, 1.0) * 32767).round().astype(np.int16))
    packets = encode_piece(made.sound, cut.lead, cut.length, is_last=cut.end == programme.length)
    aac = write_packets(folder / f"{locale}.{cut.begin}.aac", packets)
    peak = _figure(20 * log10(made.peak)) if made.peak > 0 else None
    return {"pcm": pcm, "aac": aac}, {"energies": _rounded(made.energies), "true_peak_dbtp": peak, "limited_db": round(made.limited_db, 2)}


def _line_energies(speech: SpokenLine) -> np.ndarray:
    return energies_of([speech.read(0, None, PROGRAMME_RATE)])


def _spans(dubbed: Sequence[DubbedLine]) -> list[SpeechSpan]:
    lines = [one.line.source for one in dubbed]
    return [SpeechSpan(seconds_to_samples(line.start_s), seconds_to_samples(line.end_s), line.speaker) for line in lines]


def _background(source: Source, spec: job_pb2.DubSpec, separated: Separated | None) -> KeptSound | None:
    if source.music_and_effects is not None:
        return source.music_and_effects
    if spec.background_sound == dub_pb2.BACKGROUND_SOUND_NONE:
        return None
    return separated.sound if separated is not None else source.sound


def _at_level(placement: Placement, gain_db: float) -> Placement:
    factor = np.float32(10 ** (gain_db / 20))
    return replace(placement, load=lambda: placement.load() * factor, content=f"{placement.content}+{gain_db:g} dB")


def _rounded(energies: np.ndarray) -> list[float]:
    """To six digits: as exact as anybody hears, and a third as long."""
    return [float(f"{energy:.6g}") for energy in energies]


def _figure(value: float) -> float | None:
    """JSON has no infinity: silence has no loudness."""
    return round(value, 2) if isfinite(value) else None
