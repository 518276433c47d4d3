"""Speaks one utterance, sentence by sentence."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed

from gateway.artifacts import StepResult
from gateway.models import identity
from gateway.progress import StageTracker
from gateway.services import Services
from gateway.workflow import Workflow
from locutor.common.v1 import audio_pb2, model_pb2, timeline_pb2
from locutor.errors import InternalError
from locutor.tts.v1 import tts_pb2

BYTES_PER_SAMPLE = 2
_TIMEOUT_S = 900.0
"""For the longest utterance on a slow machine: 5,000 characters are about five minutes of speech."""


@dataclass(frozen=True)
class SpokenSentence:
    text: str
    """As it stands in the utterance."""
    audio: bytes
    """Signed 16-bit little-endian samples, mono."""
    sample_rate: int
    """Hertz."""
    timeline: timeline_pb2.Timeline
    """Offsets count from the utterance's first sample."""


@dataclass(frozen=True)
class Voicing:
    """In what way texts are spoken."""

    locale: str
    voice: str
    engine: str
    rate: float
    models: Sequence[model_pb2.Model]
    """The weights that speak with the voice."""


async def speak(flow: Workflow, stage: StageTracker, services: Services, text: str, voicing: Voicing, hear: Callable[[SpokenSentence], None]) -> None:
    """Speak `text`. `hear` is called with each sentence, in order, as soon as it is ready, and with each of them once."""
    heard = 0

    def pass_on(sentence: SpokenSentence) -> None:
        nonlocal heard
        heard += 1
        hear(sentence)

    request = tts_pb2.SynthesizeRequest(text=text, locale=voicing.locale, voice=voicing.voice, engine=voicing.engine, rate=voicing.rate)
    told: list[tts_pb2.SynthesizeResponse] = []

    async def make() -> tuple[StepResult, None]:
        # A second attempt goes on after the sentences that were heard: they are already on their way to the picture.
        skip = heard
        reader = SentenceReader()
        call = services.tts.Synthesize(request, timeout=_TIMEOUT_S)
        try:
            with services.errors("tts"):
                async for response in call:
                    sentence = reader.take(response)
                    if sentence is not None and reader.count > skip:
                        pass_on(sentence)
                        told.extend(reader.messages)
        finally:
            call.cancel()
        if not reader.ended:
            raise InternalError(f"the tts service ended its answer without a summary, after {reader.count} sentences")
        return await _keep(flow, told), None

    async def load(result: StepResult) -> None:
        for sentence in _recorded(await flow.store.read(result.blobs["speech"].sha256)):
            pass_on(sentence)

    inputs = {"text": text, "locale": voicing.locale, "voice": voicing.voice, "rate": voicing.rate, "models": [identity(model) for model in voicing.models]}
    await flow.step(stage, "speak", inputs, make, load)


async def _keep(flow: Workflow, messages: Sequence[tts_pb2.SynthesizeResponse]) -> StepResult:
    """An utterance is kept as the messages that it came in, each after its length."""
    buffer = io.BytesIO()
    for message in messages:
        serialize_length_prefixed(message, buffer)
    return StepResult({"speech": await flow.store.put_bytes(buffer.getvalue())})


def _recorded(data: bytes) -> Iterator[SpokenSentence]:
    reader, buffer = SentenceReader(), io.BytesIO(data)
    while (message := parse_length_prefixed(tts_pb2.SynthesizeResponse, buffer)) is not None:
        if (sentence := reader.take(message)) is not None:
            yield sentence


class SentenceReader:
    """Puts the messages of an answer together to sentences, each as soon as its last sample is there."""

    def __init__(self) -> None:
        self.count = 0
        self.ended = False
        self.messages: list[tts_pb2.SynthesizeResponse] = []
        """Those of the sentence that `take` gave last."""
        self._header: tts_pb2.SynthesizeResponse | None = None
        self._open: list[tts_pb2.SynthesizeResponse] = []
        self._missing_bytes = 0

    def take(self, message: tts_pb2.SynthesizeResponse) -> SpokenSentence | None:
        """The sentence that this message completes, if any. Raises `InternalError` where the answer is not as the contract says."""
        kind = message.WhichOneof("payload")
        if kind == "header":
            header = message.header.format
            if header.encoding != audio_pb2.AUDIO_ENCODING_PCM_S16LE or header.channels != 1:
                raise InternalError(f"the tts service speaks in a format that is not expected: {header}")
            self._header = message
            return None
        if self._header is None:
            raise InternalError("the tts service did not send its header first")
        if kind == "sentence":
            self._check_nothing_misses()
            rate = self._header.header.format.sample_rate_hertz
            start, end = (round(Fraction(offset.ToNanoseconds() * rate, 10**9)) for offset in (message.sentence.start_offset, message.sentence.end_offset))
            if end < start:
                raise InternalError(f"the tts service's sentence {self.count + 1} ends before it begins")
            self._open = [message]
            self._missing_bytes = (end - start) * BYTES_PER_SAMPLE
            if not self._missing_bytes:
                # Nothing of it can be heard, so no audio follows that would complete it.
                return self._complete(self._header)
        elif kind == "audio" and message.audio:
            if not self._open:
                raise InternalError(f"the tts service sent audio after sentence {self.count}, which was complete")
            self._open.append(message)
            self._missing_bytes -= len(message.audio)
            if self._missing_bytes <= 0:
                return self._complete(self._header)
        elif kind == "summary":
            self._check_nothing_misses()
            self.ended = True
        return None

    def _complete(self, header: tts_pb2.SynthesizeResponse) -> SpokenSentence:
        self._check_nothing_misses()
        first, *rest = self._open
        self.messages = [header, *self._open]
        self._open = []
        self.count += 1
        audio = b"".join(message.audio for message in rest)
        return SpokenSentence(first.sentence.text, audio, header.header.format.sample_rate_hertz, first.sentence.timeline)

    def _check_nothing_misses(self) -> None:
        if self._missing_bytes:
            excess = -self._missing_bytes / BYTES_PER_SAMPLE
            raise InternalError(f"the tts service sent {abs(excess):g} samples {'more' if excess > 0 else 'fewer'} than sentence {self.count + 1} is long")
