"""One locale's voices: every line spoken at a rate that fits, at its place, none on top of another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from gateway.dub.fit import GAP_S, Fitted, Line, fit_lines, judged, kept_apart, overdue, squeezed
from gateway.dub.lines import TargetLine
from gateway.dub.speak import SpokenLine, measure_line, speak_line
from gateway.present.speak import Voicing
from gateway.progress import StageTracker
from gateway.replicas import Gate
from gateway.services import Services
from gateway.workflow import Workflow, children
from locutor.common.v1 import timeline_pb2
from locutor.errors import InvalidInput
from media.clock import PROGRAMME_RATE, rescale_samples, seconds_to_samples
from media.place import Placement
from media.subtitles import TimedText, TimedWord

_ONSET_S = 0.02
"""Kept before the first sound: what a phoneme's time leaves out of its beginning."""
_TAIL_S = 0.25
"""Kept after the last sound, as far as nobody else speaks: voices ring out."""
_MEASURING = 0.1
"""Share of the stage."""
_SQUEEZES = 3
"""Times that what does not fit before a locked line is spoken again, faster."""
_NANOSECONDS = 1_000_000_000


T = TypeVar("T")

ToSay = tuple[TargetLine, str, Voicing]
"""A line, its text, and in what way it is spoken; the rate is still to be chosen."""


@dataclass(frozen=True)
class DubbedLine:
    """A line as it is said. Seconds count from the first picture."""

    line: TargetLine
    text: str
    voice: str
    fitted: Fitted
    """Its start is that of the first sound."""
    speech: SpokenLine

    @property
    def origin_s(self) -> float:
        """Where the speech's first sample lies, the silence before its first sound included."""
        return self.fitted.start_s - self.speech.voiced_start_s


async def voice_lines(
    flow: Workflow,
    stage: StageTracker,
    services: Services,
    texts: Sequence[ToSay],
    locale: str,
    programme_s: float,
    tell: Callable[[DubbedLine], None],
) -> list[DubbedLine]:
    """Lines in order of the time at which they want to begin, each with its text and voice. `tell` is called with each as soon as it is spoken.

    Raises `InvalidInput` where all of it is longer than the programme even at the highest rate.
    """
    lines: list[Line] = []
    gate = services.gate("tts")
    async with _abreast(gate, [partial(measure_line, flow, stage, services, text, voicing) for _, text, voicing in texts]) as measured:
        for number, ((line, text, _), lengths) in enumerate(zip(texts, measured, strict=True), 1):
            is_fixed, is_locked = line.end_s is not None, line.is_locked and line.start_s is not None
            lines.append(Line(line.begin_s, line.until_s, await lengths, len(text), line.rate, is_fixed=is_fixed, is_locked=is_locked))
            stage.advance(_MEASURING * number / len(texts))
    planned = fit_lines(lines, programme_s)
    speeches: list[SpokenLine] = []
    says = [
        partial(speak_line, flow, stage, services, f"{locale}-{line.source.id}", text, voicing, fitted.rate)
        for (line, text, voicing), fitted in zip(texts, planned, strict=True)
    ]
    async with _abreast(gate, says) as spoken:
        for number, ((line, text, voicing), fitted, said) in enumerate(zip(texts, planned, spoken, strict=True), 1):
            speech = await said
            speeches.append(speech)
            stage.add_media(speech.voiced_s)
            stage.advance(_MEASURING + (0.999 - _MEASURING) * number / len(texts))
            judgement = judged(lines[number - 1], fitted.start_s, speech.voiced_s, fitted.rate, fitted.available_s)
            tell(DubbedLine(line, text, voicing.voice, judgement, speech))
    rates = [fitted.rate for fitted in planned]
    for _ in range(_SQUEEZES):
        # What was measured is not quite what is said, and a locked line does not wait.
        faster = squeezed(lines, rates, [speech.voiced_s for speech in speeches], programme_s)
        for index, rate in faster.items():
            line, text, voicing = texts[index]
            rates[index] = rate
            speeches[index] = await speak_line(flow, stage, services, f"{locale}-{line.source.id}", text, voicing, rate)
        if not faster:
            break
    lengths_s = [speech.voiced_s for speech in speeches]
    starts_s = kept_apart(lines, [fitted.start_s for fitted in planned], lengths_s, programme_s)
    late = overdue(lines, starts_s, lengths_s, programme_s)
    if late is not None:
        raise _too_long(texts, lines, *late, locale)
    return [
        DubbedLine(line, text, voicing.voice, judged(fit_line, start_s, speech.voiced_s, rate, plan.available_s), speech)
        for (line, text, voicing), fit_line, plan, speech, start_s, rate in zip(texts, lines, planned, speeches, starts_s, rates, strict=True)
    ]


@asynccontextmanager
async def _abreast(gate: Gate, works: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> AsyncIterator[list[asyncio.Task[T]]]:
    """All of `works` at work, as many at a time as the gate lets in, the first ones first; their tasks are given in order."""

    async def one(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with gate:
            return await work()

    async with children() as group:
        yield [group.create_task(one(work)) for work in works]


def _too_long(texts: Sequence[ToSay], lines: Sequence[Line], index: int, short_s: float, locale: str) -> InvalidInput:
    wall = next((texts[at][0].source.id for at in range(index, len(lines)) if lines[at].is_locked), "")
    if wall or index:
        first = texts[index][0].source.id
        between = f"before {wall}, which is locked," if wall else "after the last one that is locked"
        message = f"what is to be said in {locale} from {first} on {between} is {short_s:.1f} s too long, even spoken fast; shorten it, or unlock that"
    else:
        message = f"what is to be said in {locale} is {short_s:.1f} s longer than the video, even spoken fast; shorten the texts"
    return InvalidInput.of("dub.targets", message, "SPEECH_TOO_LONG")


def placements(dubbed: Sequence[DubbedLine], programme: int) -> list[Placement]:
    """Where each line's sound lies among `programme` samples, counted at 48 kHz from the start: each from its own time, never from those before it."""
    placed: list[Placement] = []
    for index, one in enumerate(dubbed):
        speech = one.speech
        length = rescale_samples(speech.samples, speech.sample_rate, PROGRAMME_RATE)
        lead = min(seconds_to_samples(_ONSET_S), seconds_to_samples(speech.voiced_start_s))
        first = seconds_to_samples(speech.voiced_start_s) - lead
        start = seconds_to_samples(one.fitted.start_s) - lead
        until_s = dubbed[index + 1].fitted.start_s - GAP_S if index + 1 < len(dubbed) else programme / PROGRAMME_RATE
        tail_s = max(min(_TAIL_S, until_s - one.fitted.end_s), 0.0) + GAP_S - _ONSET_S
        last = min(length, seconds_to_samples(speech.voiced_end_s + tail_s), first + programme - start)
        if start < 0:
            first, start = first - start, 0
        if placed and placed[-1].end > start:
            first, start = first + placed[-1].end - start, placed[-1].end
        sound = partial(speech.read, first, last, PROGRAMME_RATE)
        placed.append(Placement(start, last - first, sound, one.line.source.speaker, f"{speech.sha256}+{first}"))
    return placed


def timed_texts(dubbed: Sequence[DubbedLine]) -> list[TimedText]:
    """The lines with the times of their words, for subtitles."""
    found: list[TimedText] = []
    said_until = 0.0
    for one in dubbed:
        words = []
        for word in one.speech.timeline.words:
            start_s = max(said_until, one.origin_s + word.start_offset.ToNanoseconds() / _NANOSECONDS)
            said_until = max(start_s, one.origin_s + word.end_offset.ToNanoseconds() / _NANOSECONDS)
            words.append(TimedWord(word.text_begin, word.text_end, start_s, said_until))
        found.append(TimedText(one.text, tuple(words)))
    return found


def programme_timeline(dubbed: Sequence[DubbedLine]) -> timeline_pb2.Timeline:
    """All that mouths do; offsets count from the first picture. Words carry no text positions."""
    result = timeline_pb2.Timeline()
    for one in dubbed:
        shift = nanoseconds(one.origin_s)
        for kind in ("phonemes", "words", "visemes"):
            for span in getattr(one.speech.timeline, kind):
                moved = getattr(result, kind).add()
                moved.CopyFrom(span)
                if kind == "words":
                    moved.ClearField("text_begin")
                    moved.ClearField("text_end")
                for name in ("start_offset", "end_offset"):
                    getattr(moved, name).FromNanoseconds(max(0, getattr(span, name).ToNanoseconds() + shift))
    return result


def nanoseconds(seconds: float) -> int:
    return round(seconds * _NANOSECONDS)
