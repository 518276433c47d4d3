"""What steps would give, guessed from their inputs: lengths of speech from texts, of everything else from the programme's.

A guess has the form of what the step keeps, and is good for counting: silence in place of speech, as many pieces as there are likely
to be.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed

from gateway.artifacts import Blob, StepResult
from gateway.dub.assemble import OUTPUTS as DUB_OUTPUTS
from gateway.present.assemble import OUTPUTS as PRESENT_OUTPUTS
from locutor.common.v1 import audio_pb2
from locutor.errors import InternalError
from locutor.tts.v1 import tts_pb2
from media.clock import PROGRAMME_RATE
from media.loudness import HOP
from media.sound_pieces import PIECE

Keep = Callable[[bytes], Awaitable[Blob]]

CHARACTERS_A_SECOND = 15.0
"""Of unhurried speech, in languages that are written with letters."""
_EDGES_S = 0.4
"""Silence that voices put around a sentence."""
_SPOKEN_S, _PAUSE_S, _WORDS = 3.6, 0.9, 10
"""An utterance of a talk of which nothing is known yet."""
_RATE = 24_000
"""Hertz, where no voice was heard yet."""
_KEY_S = 2.0
"""Between two key frames."""
_SENTENCE = re.compile(r"[^.!?…。！？]+[.!?…。！？]*")
_MIX_SHARES = {"mix-levels": 0.25, "mix-limited": 0.15, "mix-piece": 0.6}


class Guesses:
    """For one job."""

    def __init__(self, duration_s: float = 0.0, has_sound: bool = True) -> None:
        """Of the video that is dubbed."""
        self._duration_s = duration_s
        self._has_sound = has_sound
        self._rate = _RATE
        self.heard_rate: int | None = None
        """Hertz of the voices that were kept."""

    def is_out_of_tune(self) -> bool:
        """Whether the kept voices have another rate than the guessed ones; from now on these have theirs."""
        is_out = self.heard_rate not in (None, self._rate)
        self._rate = self.heard_rate or self._rate
        return is_out

    async def learn(self, name: str, kept: StepResult, read: Callable[[str], Awaitable[bytes]]) -> None:
        """Take note of what a step has kept."""
        if name == "speak" and self.heard_rate is None:
            first = parse_length_prefixed(tts_pb2.SynthesizeResponse, io.BytesIO(await read(kept.blobs["speech"].sha256)))
            if first is not None:
                self.heard_rate = first.header.format.sample_rate_hertz

    def media_s(self, name: str, inputs: Mapping[str, Any]) -> float:
        """Length of programme that a step makes; 0 for one that takes no time beside its stage's others."""
        if name in _MIX_SHARES:
            return float(_MIX_SHARES[name] * inputs["samples"][1] / PROGRAMME_RATE)
        if name in ("track", "animate-video"):
            return float(inputs["frames"] / Fraction(inputs["frame_rate"]))
        if name == "animate":
            video = inputs["video"]
            return float(inputs["frame_count"] * video.get("frameRateDenominator", 1) / video["frameRateNumerator"])
        if name == "speak":
            return sum(_length_s(part, inputs["rate"]) for part in _sentences(inputs["text"]))
        if name == "translate-line":
            return len(inputs["text"]) / CHARACTERS_A_SECOND
        if name == "translate":
            return sum(map(len, inputs["request"]["texts"])) / CHARACTERS_A_SECOND
        if name == "assemble":
            ends = [float(Fraction(word[3])) for _, words in inputs["words"] for word in words]
            return max(ends, default=0.0)
        if name in ("read-video", "recognize", "tell-speakers", "separate", "assemble-dub"):
            return self._duration_s
        return 0.0

    async def of(self, name: str, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        """`keep`: puts bytes where the step's reader finds them."""
        guess = getattr(self, f"_{name.replace('-', '_')}", None)
        if guess is None:
            raise InternalError(f"nothing is known of what a step {name!r} would give")
        result: StepResult = await guess(inputs, keep)
        return result

    async def _read_video(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        keys_s = [float(at) for at in np.arange(0.0, max(self._duration_s, _KEY_S), _KEY_S)]
        samples = round(self._duration_s * 25) * PROGRAMME_RATE // 25
        picture = {
            "width": 1280,
            "height": 720,
            "frame_rate": "25",
            "is_variable": False,
            "start_s": "0",
            "duration_s": str(Fraction(round(self._duration_s * 25), 25)),
            "samples": samples,
            "pictures": round(self._duration_s * 25),
            "sounds": int(self._has_sound),
            "keys_s": keys_s,
            "group_digests": [f"{inputs['video']}:{number}" for number in range(len(keys_s))],
            "coding_digest": "",
            "copy_obstacle": "",
            "fault": "",
        }
        facts = {"picture": picture, "unseen_s": 0.0}
        return await self._sound(samples, keep, facts) if self._has_sound else StepResult({}, facts)

    async def _sound(self, samples: int, keep: Keep, facts: Mapping[str, Any]) -> StepResult:
        buffer = io.BytesIO()
        np.save(buffer, np.zeros(samples // HOP))
        pieces = {f"{number:05}": Blob.of(f"piece {number}".encode()) for number in range(-(-samples // PIECE))}
        heard = {"samples": samples, "heard_s": samples / PROGRAMME_RATE, "fault": ""}
        return StepResult({**pieces, "loudness": await keep(buffer.getvalue())}, {**facts, **heard})

    async def _read_sound(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return await self._sound(inputs["samples"], keep, {})

    async def _separate(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return await self._sound(round(self._duration_s * PROGRAMME_RATE), keep, {})

    async def _detect_language(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult(facts={"locale": "", "probability": 0.0})

    async def _recognize(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        words = [
            [f"wordy{number}" + ("." if number == _WORDS - 1 else ""), at + _SPOKEN_S * number / _WORDS, at + _SPOKEN_S * (number + 1) / _WORDS]
            for at in np.arange(0.0, max(0.0, self._duration_s - _SPOKEN_S), _SPOKEN_S + _PAUSE_S).tolist()
            for number in range(_WORDS)
        ]
        return StepResult({"transcript": await keep(json.dumps({"language": [inputs["locale"] or "en", 1.0], "words": words}).encode())})

    async def _tell_speakers(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({"diarization": await keep(json.dumps({"turns": [], "speakers": [], "model": {}}).encode())})

    async def _track(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({"tracks": _unlike(inputs)})

    async def _translate_line(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult(facts={"text": inputs["text"], "missed_terms": [], "models": []})

    async def _translate(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({"translations": await keep(json.dumps([[text, []] for text in inputs["request"]["texts"]]).encode())})

    async def _measure(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult(facts={"seconds": [sum(_length_s(part, rate) for part in _sentences(inputs["text"])) for rate in inputs["rates"]]})

    async def _speak(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        buffer = io.BytesIO()
        for message in _spoken(inputs["text"], inputs["rate"], self._rate):
            serialize_length_prefixed(message, buffer)
        return StepResult({"speech": await keep(buffer.getvalue())})

    async def _measure_speech(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult(facts={"energies": []})

    async def _mix_levels(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult(facts={"energies": [0.0] * (inputs["samples"][1] // HOP), "peak": 0.0})

    async def _mix_limited(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult(facts={"energies": [0.0] * (inputs["samples"][1] // HOP)})

    async def _mix_piece(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        facts = {"energies": [0.0] * (inputs["samples"][1] // HOP), "true_peak_dbtp": None, "limited_db": 0.0}
        return StepResult({"pcm": _unlike(inputs), "aac": _unlike({"aac": inputs})}, facts)

    async def _mix_wav(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({"sound": _unlike(inputs)})

    async def _animate_video(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({"video": _unlike(inputs)}, {"changed": inputs["frames"], "unusable": [], "doubts": []})

    async def _animate(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({"video": _unlike(inputs)}, {"unusable": []})

    async def _assemble_dub(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({name: _unlike({name: inputs}) for name in DUB_OUTPUTS})

    async def _assemble(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({name: _unlike({name: inputs}) for name in PRESENT_OUTPUTS})

    async def _sign(self, inputs: Mapping[str, Any], keep: Keep) -> StepResult:
        return StepResult({"video": _unlike(inputs)})


def _unlike(inputs: Mapping[str, Any]) -> Blob:
    """Bytes that are not there, named by what they would be made from."""
    return Blob.of(json.dumps(inputs, sort_keys=True).encode())


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE.findall(text) if part.strip()] or [text]


def _length_s(sentence: str, rate: float) -> float:
    return (_EDGES_S + len(sentence) / CHARACTERS_A_SECOND) / rate


def _spoken(text: str, rate: float, hertz: int) -> Iterator[tts_pb2.SynthesizeResponse]:
    """As a voice would answer: each sentence a sound between two silences, of one word."""
    form = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=hertz, channels=1)
    yield tts_pb2.SynthesizeResponse(header=tts_pb2.SynthesizeHeader(format=form))
    begin = at = 0
    for part in _sentences(text):
        at = text.index(part, at)
        samples, edge = round(_length_s(part, rate) * hertz), round(_EDGES_S / 2 * hertz)
        sentence = tts_pb2.Sentence(text=part)
        _set_span(sentence, begin, begin + samples, hertz)
        for symbol, first, last in (("", 0, edge), ("a", edge, samples - edge), ("", samples - edge, samples)):
            _set_span(sentence.timeline.phonemes.add(symbol=symbol), begin + first, begin + last, hertz)
        word = sentence.timeline.words.add(text=part, text_begin=at, text_end=at + len(part))
        _set_span(word, begin + edge, begin + samples - edge, hertz)
        yield tts_pb2.SynthesizeResponse(sentence=sentence)
        yield tts_pb2.SynthesizeResponse(audio=bytes(2 * samples))
        begin, at = begin + samples, at + len(part)
    yield tts_pb2.SynthesizeResponse(summary=tts_pb2.SynthesizeSummary(sample_count=begin))


def _set_span(message: Any, begin: int, end: int, hertz: int) -> None:
    message.start_offset.FromNanoseconds(begin * 10**9 // hertz)
    message.end_offset.FromNanoseconds(end * 10**9 // hertz)
