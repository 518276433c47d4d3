"""Dubbing, measured on a dialogue whose truth is known; and how cost and memory grow with length."""

from __future__ import annotations

import itertools
import os
import pickle
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from google.protobuf.duration_pb2 import Duration

from bench.dialogue import LOCALE, RATE, Dialogue, SpokenLine, make_dialogue
from bench.figure import Figure
from bench.rows import memory
from locutor.cli.embedded import embedded_gateway
from locutor.client import LocutorClient
from locutor.errors import InternalError
from locutor.gateway.v1 import dub_pb2, job_pb2
from media.clock import PROGRAMME_RATE
from media.loudness import measure
from media.probe import probe

_TARGET = "pt-BR"
_STEP_S, _COLLAR_S = 0.01, 0.25
"""Of the diarization error: its raster, and what is not judged around the truth's changes (NIST, Rich Transcription)."""
_AWAY_FROM_SPEECH_S = 0.6
"""Ducking has let go by then."""
_LARGEST_LAG = PROGRAMME_RATE // 4
"""Samples: music repeats itself, so a lag is looked for only this far."""
_COMPARED_S, _HEARD_S = 160.0, 30.0
"""Length of what is compared at either end of a long dub, and of each excerpt of it."""


def dub(work: Path) -> Iterator[Figure]:
    """A dialogue of a minute into another language, lips included."""
    os.environ["LOCUTOR_DATA"] = str(work / "data")
    os.environ["LOCUTOR_WEB"] = ""
    with embedded_gateway(works=True) as address, LocutorClient(address) as client:
        scene = dialogue(client, work)
        length_s = float(probe(scene.video).duration_s)
        spec = dub_spec(client.upload(scene.video))
        without = _timed(client, spec, omit_lipsync=True)
        job, wall_s = _timed(client, spec, omit_lipsync=False)
        utterances = client.utterances(job.id, _TARGET)
        video = next(output for output in job.results[0].outputs if output.kind == job_pb2.OUTPUT_KIND_VIDEO)
        client.download(video.media.uri, work / "dubbed.mp4")
        used = memory("dub", "gateway and all services in one process, weights included")
    yield Figure("dub.sound.rtf", without[1] / length_s, "x real time", f"{length_s:.0f} s of dialogue, picture copied", "at most 0.8")
    yield Figure("dub.lips.rtf", wall_s / length_s, "x real time", "lips on top, with the sound's steps taken from the store")
    yield from quality(scene, utterances, work / "dubbed.mp4")
    yield used


def ten_minutes(work: Path) -> Iterator[Figure]:
    """The dialogue again and again for ten minutes: the sound alone, and lips on top."""
    yield from _long(work, "dub.10min", 600.0, lips=True)


def hour(work: Path) -> Iterator[Figure]:
    """The same for an hour, the sound alone: against ten minutes it shows how cost and memory grow."""
    yield from _long(work, "dub.hour", 3600.0, lips=False)


def _long(work: Path, name: str, length_s: float, *, lips: bool) -> Iterator[Figure]:
    os.environ["LOCUTOR_DATA"] = str(work / "data")
    os.environ["LOCUTOR_WEB"] = ""
    os.environ["LOCUTOR_UPLOAD_MB"] = "4096"
    with embedded_gateway(works=True) as address, LocutorClient(address) as client:
        video = looped(dialogue(client, work).video, work / "long.mp4", length_s)
        media_s = float(probe(video).duration_s)
        spec = dub_spec(client.upload(video))
        job, wall_s = _timed(client, spec, omit_lipsync=True)
        yield Figure(f"{name}.sound.rtf", wall_s / media_s, "x real time", f"{media_s:.0f} s, picture copied", "at most 0.8")
        yield memory(name, "gateway and all services in one process, weights included, without lips")
        output = next(output for output in job.results[0].outputs if output.kind == job_pb2.OUTPUT_KIND_VIDEO)
        client.download(output.media.uri, work / "long-dubbed.mp4")
        drift = _lag(video, work / "long-dubbed.mp4", media_s - _COMPARED_S) - _lag(video, work / "long-dubbed.mp4", 0.0)
        yield Figure(f"{name}.drift", drift, "samples", "of the sound against the source's, from the first minutes to the last", "0")
        if lips:
            _, lips_s = _timed(client, spec, omit_lipsync=False)
            yield Figure(f"{name}.lips.rtf", (wall_s + lips_s) / media_s, "x real time", "both runs together", "at most 1.5")


def quality(dialogue: Dialogue, utterances: Sequence[dub_pb2.Utterance], dubbed: Path) -> Iterator[Figure]:
    """How good a dub of the dialogue is, against its truth."""
    heard = [SpokenLine(_speaker(u), _seconds(u.source_start_offset), _seconds(u.source_end_offset)) for u in utterances]
    starts, ends = ([_seconds(getattr(u, name)) for u in utterances] for name in ("start_offset", "end_offset"))
    late = [start - line.start_s for start, line in zip(starts, heard, strict=True)]
    overlaps = sum(start < end - 1e-6 for start, end in zip(starts[1:], ends, strict=False))
    yield Figure("dub.diarization_error", 100 * diarization_error(dialogue.lines, heard), "%", f"{len(dialogue.lines)} lines, two voices, music", "at most 10")
    yield Figure("dub.onset", 1000 * max(map(abs, late)), "ms", f"furthest of {len(late)} utterances from the source's onset", "at most 100")
    yield Figure("dub.overlaps", overlaps, "", "voices at the same time", "0")
    yield Figure("dub.rate.least", min(u.rate for u in utterances), "", "speaking rate", "at least 0.85")
    yield Figure("dub.rate.most", max(u.rate for u in utterances), "", "speaking rate", "at most 1.25")
    before, after = read_sound(dialogue.video), read_sound(dubbed)
    difference = measure(after).integrated_lufs - measure(before).integrated_lufs
    yield Figure("dub.loudness", difference, "LU", "integrated, against the source's", "within 1")
    yield Figure("dub.music", _music_kept(dialogue, utterances, after), "", "correlation with the music outside speech", "at least 0.95")


def diarization_error(truth: Sequence[SpokenLine], heard: Sequence[SpokenLine]) -> float:
    """Missed, false and confused time over the time of speech, by the best pairing of speakers."""
    end_s = max(line.end_s for line in (*truth, *heard))
    times_s = np.arange(0.0, end_s, _STEP_S)
    right, found = _labels(truth, times_s), _labels(heard, times_s)
    judged = np.ones(len(times_s), bool)
    for line in truth:
        for edge in (line.start_s, line.end_s):
            judged &= np.abs(times_s - edge) > _COLLAR_S
    right, found = right[judged], found[judged]
    names = sorted({line.speaker for line in truth})
    others = sorted({line.speaker for line in heard})
    others += [-2 - number for number in range(len(names) - len(others))]
    wrong = min(
        int((right != np.select([found == other for other in order], names, default=np.where(found == -1, -1, -3))).sum())
        for order in itertools.permutations(others, len(names))
    )
    return wrong / int((right != -1).sum())


def looped(video: Path, out: Path, length_s: float) -> Path:
    """`video` again and again, packets copied, until it lasts at least `length_s`."""
    with av.open(str(out), "w") as output:
        streams: dict[int, av.stream.Stream] = {}
        reached: dict[int, int] = {}
        shift_s = Fraction(0)
        while shift_s < length_s:
            with av.open(str(video)) as source:
                picture, sound = source.streams.video[0], source.streams.audio[0]
                for stream in (picture, sound):
                    if stream.index not in streams:
                        streams[stream.index] = output.add_stream_from_template(stream)
                for packet in source.demux(picture, sound):
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue  # the demuxer's end mark
                    moved = round(shift_s / packet.time_base)
                    packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
                    # A codec's packets overlap where the video begins again: sound starts before the picture, to warm up.
                    if packet.dts > reached.get(packet.stream.index, packet.dts - 1):
                        reached[packet.stream.index] = packet.dts
                        packet.stream = streams[packet.stream.index]
                        output.mux(packet)
                shift_s += picture.frames / RATE
    return out


def dialogue(client: LocutorClient, work: Path) -> Dialogue:
    """Made once for all rows."""
    kept = work / "dialogue.pickle"
    if not kept.exists():
        kept.write_bytes(pickle.dumps(make_dialogue(client, work)))
    return pickle.loads(kept.read_bytes())


def dub_spec(video_uri: str) -> job_pb2.DubSpec:
    return job_pb2.DubSpec(
        video_uri=video_uri,
        source_locale=LOCALE,
        targets=[dub_pb2.DubTarget(locale=_TARGET)],
        consent=job_pb2.Consent(stated_by="bench", statement="Generated voices and a NASA portrait in the public domain, used for a measurement"),
    )


def read_sound(path: Path) -> np.ndarray:
    """(samples, 2) float32 at 48 kHz."""
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1).T.astype(np.float32)


def _timed(client: LocutorClient, spec: job_pb2.DubSpec, *, omit_lipsync: bool) -> tuple[job_pb2.Job, float]:
    spec.omit_lipsync = omit_lipsync
    begun = time.perf_counter()
    *_, job = client.watch(client.create_dub_job(spec).id)
    if job.state != job_pb2.STATE_SUCCEEDED:
        raise InternalError(f"the job ended as {job_pb2.State.Name(job.state)}: {job.error.message or job.results[0].error.message}")
    return job, time.perf_counter() - begun


def _lag(source: Path, dubbed: Path, from_s: float) -> float:
    """By how many samples the dub's sound comes after the source's in `_COMPARED_S` from a time on: what is not speech is the same in both.

    The median of excerpts, for in some of them the other voice is all that is heard.
    """
    return float(np.median([_excerpt_lag(source, dubbed, from_s + at_s) for at_s in np.arange(0.0, _COMPARED_S - _HEARD_S, _HEARD_S)]))


def _excerpt_lag(source: Path, dubbed: Path, at_s: float) -> int:
    before, after = (_excerpt(path, at_s).mean(axis=1) for path in (source, dubbed))
    spectrum = np.fft.rfft(after, 2 * len(after)) * np.conj(np.fft.rfft(before, 2 * len(before)))
    correlation = np.fft.irfft(spectrum / np.maximum(np.abs(spectrum), 1e-9))
    near = np.concatenate([correlation[-_LARGEST_LAG:], correlation[:_LARGEST_LAG]])
    return int(near.argmax()) - _LARGEST_LAG


def _excerpt(path: Path, at_s: float) -> np.ndarray:
    """(samples, 2) float32 of `_HEARD_S` from exactly `at_s`."""
    sound = np.zeros((round(_HEARD_S * PROGRAMME_RATE), 2), np.float32)
    first = round(at_s * PROGRAMME_RATE)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        container.seek(int(max(0.0, at_s - 1.0) * 1_000_000))
        for frame in container.decode(stream):
            begin = round((frame.time or 0.0) * PROGRAMME_RATE) - first
            if begin >= len(sound):
                break
            block = frame.to_ndarray().T
            low, high = max(0, begin), min(len(sound), begin + len(block))
            if high > low:
                sound[low:high] = block[low - begin : high - begin]
    return sound


def _music_kept(dialogue: Dialogue, utterances: Sequence[dub_pb2.Utterance], sound: np.ndarray) -> float:
    spoken = [*dialogue.lines, *(SpokenLine(0, _seconds(u.start_offset), _seconds(u.end_offset)) for u in utterances)]
    quiet = np.ones(min(len(sound), len(dialogue.music)), bool)
    for line in spoken:
        quiet[max(0, round((line.start_s - _AWAY_FROM_SPEECH_S) * PROGRAMME_RATE)) : round((line.end_s + _AWAY_FROM_SPEECH_S) * PROGRAMME_RATE)] = False
    return float(np.corrcoef(sound[: len(quiet)].mean(axis=1)[quiet], dialogue.music[: len(quiet)][quiet])[0, 1])


def _labels(lines: Sequence[SpokenLine], times_s: np.ndarray) -> np.ndarray:
    labels = np.full(len(times_s), -1)
    for line in lines:
        labels[(times_s >= line.start_s) & (times_s < line.end_s)] = line.speaker
    return labels


def _speaker(utterance: dub_pb2.Utterance) -> int:
    return int("".join(filter(str.isdigit, utterance.speaker)) or 0)


def _seconds(offset: Duration) -> float:
    return offset.ToNanoseconds() / 1e9
