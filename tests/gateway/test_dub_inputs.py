"""What people send to be dubbed, through whole jobs on the real services: it works, or is refused with the reason."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.embedded import EmbeddedGateway
from gateway.settings import GatewaySettings
from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from media.soundtrack import Soundtrack
from tests.gateway.conftest import Client, client_of
from tests.gateway.dub_inputs import RATE, VIDEO, Filmed, copied, music, sound, speech
from tests.media.sources import Sound

pytestmark = pytest.mark.skipif(not VIDEO.is_file(), reason="the test data beside the project is missing")

SHORT_S = 4.0
"""He says good morning and his name."""
CONSENT = job_pb2.Consent(stated_by="A test", statement="a video under the Apache licence")
LATIN = "1\n00:00:00,500 --> 00:00:03,000\nBuenos días, señor.\n\n2\n00:01:00,000 --> 00:01:02,000\nOtro año.\n".encode("cp1252")
TOO_LATE = b"1\n00:01:00,000 --> 00:01:02,000\nHasta luego.\n"


@dataclass(frozen=True)
class Case:
    """A video, and what is asked for."""

    name: str
    write: Callable[[Path], object]
    locale: str = "pt-BR"
    subtitles: bytes = b""
    spec: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    job: job_pb2.Job
    video: bytes
    sound: bytes
    utterances: list[dub_pb2.Utterance]

    @property
    def warnings(self) -> str:
        return "\n".join(self.job.results[0].warnings)

    @property
    def said(self) -> str:
        return " ".join(one.source_text for one in self.utterances).lower()


def _plain(path: Path) -> Path:
    plain = path.with_name("plain.mp4")
    return plain if plain.is_file() else Filmed(SHORT_S).write(plain, [])


def _cut_short(path: Path) -> None:
    whole = copied(path.with_name("whole.mkv"), VIDEO, [sound(speech(10))])
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])


def _surround(path: Path) -> None:
    channels = np.zeros((round(SHORT_S * RATE), 6), np.float32)
    channels[:, 2] = speech(SHORT_S)
    channels[:, 0] = channels[:, 1] = 0.3 * music(SHORT_S)
    copied(path, _plain(path), [Sound(channels, layout="5.1")])


def _uneven() -> list[Fraction]:
    steps = np.random.default_rng(0).integers(1, 6, 60)
    return [Fraction(int(at), 60) for at in np.concatenate([[0], np.cumsum(steps)])]


def _gap() -> np.ndarray:
    whole = speech(10)
    return np.concatenate([whole[: round(4.2 * RATE)], np.zeros(6 * RATE, np.float32), whole[round(4.2 * RATE) :]])


CASES = (
    Case("a long silence.mp4", lambda p: Filmed(rate=Fraction(10), seconds=16).write(p, [sound(_gap())])),
    Case("cut short.mkv", _cut_short),
    Case("sound longer.mp4", lambda p: Filmed(SHORT_S).write(p, [sound(speech(10))])),
    Case("another language.mp4", lambda p: copied(p, _plain(p), [sound(speech(SHORT_S))]), "en-US", spec={"source_locale": "pt-BR"}),
    Case("turned.mp4", lambda p: Filmed(SHORT_S, (240, 360), rotation=90).write(p, [sound(speech(SHORT_S))])),
    Case("uneven.mp4", lambda p: Filmed(times=_uneven()).write(p, [sound(speech(6))])),
    Case("surround.mp4", _surround),
    Case("two tracks.mp4", lambda p: copied(p, _plain(p), [sound(music(SHORT_S)), sound(speech(SHORT_S))]), spec={"audio_track": 1}),
    Case("two tracks, the other.mp4", lambda p: copied(p, _plain(p), [sound(music(SHORT_S)), sound(speech(SHORT_S))])),
    Case("silence.mp4", lambda p: copied(p, _plain(p), [sound(np.zeros(round(SHORT_S * RATE), np.float32))])),
    Case("western subtitles.mp4", lambda p: copied(p, _plain(p), [sound(speech(SHORT_S))]), "es", LATIN),
    Case("late subtitles.mp4", lambda p: copied(p, _plain(p), [sound(speech(SHORT_S))]), "es", TOO_LATE),
    Case(
        "fast, turned, lips.mp4",
        lambda p: Filmed(SHORT_S, (240, 360), rate=Fraction(120), rotation=90).write(p, [sound(speech(SHORT_S))]),
        spec={"omit_lipsync": False},
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inputs")


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[str, Made]:
    async def all_cases() -> dict[str, Made]:
        async with running(folder) as client:
            return {case.name.partition(".")[0]: await _run(client, case, folder) for case in CASES}

    return asyncio.run(all_cases())


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Client]:
    async with EmbeddedGateway(GatewaySettings(data=folder / "data")) as gateway, client_of(gateway.address) as client:
        yield client


async def _run(client: Client, case: Case, folder: Path) -> Made:
    path = folder / case.name
    case.write(path)
    target = dub_pb2.DubTarget(locale=case.locale)
    if case.subtitles:
        target.subtitles_uri = (await client.upload(case.subtitles, "given.srt")).uri
    spec = job_pb2.DubSpec(video_uri=(await client.upload(path.read_bytes(), path.name)).uri, targets=[target], consent=CONSENT)
    for name, value in ({"omit_lipsync": True} | case.spec).items():
        setattr(spec, name, value)
    job = await client.ended((await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))).job.id)
    outputs = {output.kind: await client.download(output.media.uri) for output in job.results[0].outputs}
    request = job_pb2.ListUtterancesRequest(id=job.id, locale=case.locale)
    utterances = list((await client.call(client.jobs.ListUtterances(request))).utterances)
    return Made(job, outputs.get(job_pb2.OUTPUT_KIND_VIDEO, b""), outputs.get(job_pb2.OUTPUT_KIND_AUDIO, b""), utterances)


def lengths(data: bytes) -> tuple[float, float]:
    """Seconds of picture and of sound."""
    with av.open(io.BytesIO(data)) as container:
        picture, heard = container.streams.video[0], container.streams.audio[0]
        return float(picture.duration * picture.time_base), float(heard.duration * heard.time_base)


WORKING = [case.name.partition(".")[0] for case in CASES if case.name not in ("two tracks, the other.mp4", "silence.mp4", "late subtitles.mp4")]


@pytest.mark.parametrize("name", WORKING)
def test_it_is_dubbed_and_picture_and_sound_are_equally_long(made: dict[str, Made], name: str) -> None:
    one = made[name]
    assert one.job.state == job_pb2.STATE_SUCCEEDED, one.job
    picture_s, sound_s = lengths(one.video)
    # The sound of the file is whole AAC frames or less of 1024 samples; the WAV is exact.
    assert sound_s == pytest.approx(picture_s, abs=0.022)
    with av.open(io.BytesIO(one.sound)) as wav:
        assert wav.streams.audio[0].duration / RATE == pytest.approx(picture_s, abs=0.002)
    if name != "another language":
        assert "good morning" in one.said
    assert any(utterance.text for utterance in one.utterances)


def test_english_is_known_by_its_text_where_it_is_short_and_accented(made: dict[str, Made]) -> None:
    for name in ("a long silence", "cut short", "sound longer", "turned", "uneven", "surround", "two tracks"):
        assert "seems to" not in made[name].warnings, name


def test_after_a_long_silence_speech_is_where_it_was(made: dict[str, Made]) -> None:
    one = made["a long silence"]
    assert "barcelona" in one.said
    for utterance in one.utterances:
        start_s, end_s = utterance.start_offset.ToNanoseconds() / 1e9, utterance.end_offset.ToNanoseconds() / 1e9
        assert end_s < 4.3 or start_s > 10.1
        assert abs(start_s - utterance.source_start_offset.ToNanoseconds() / 1e9) <= 0.1


def test_a_file_that_breaks_off_is_dubbed_as_far_as_it_goes_and_says_so(made: dict[str, Made]) -> None:
    one = made["cut short"]
    assert "breaks off" in one.warnings and "what there is was dubbed" in one.warnings
    assert 4.5 < lengths(one.video)[0] < 8


def test_sound_past_the_last_picture_is_left_out_and_told(made: dict[str, Made]) -> None:
    one = made["sound longer"]
    assert lengths(one.video)[0] == pytest.approx(SHORT_S, abs=0.01)
    assert "goes on for 6.0 s after its last picture" in one.warnings


def test_a_language_that_was_given_wrongly_is_noticed(made: dict[str, Made]) -> None:
    assert "seems to speak en" in made["another language"].warnings and "was said to speak pt-BR" in made["another language"].warnings


def test_a_copied_picture_stays_turned_and_uneven(made: dict[str, Made], folder: Path) -> None:
    def shown(source: object) -> list[tuple[float, int]]:
        with av.open(source) as container:
            return [(frame.time, frame.rotation) for frame in container.decode(video=0)]

    for name in ("turned", "uneven"):
        before, after = shown(str(folder / f"{name}.mp4")), shown(io.BytesIO(made[name].video))
        assert [rotation for _, rotation in after] == [rotation for _, rotation in before]
        assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=1e-4)
    assert shown(io.BytesIO(made["turned"].video))[0][1] == 90


def test_moved_lips_come_upright_at_half_of_a_rate_that_is_too_high(made: dict[str, Made], folder: Path) -> None:
    with av.open(io.BytesIO(made["fast, turned, lips"].video)) as after, av.open(str(VIDEO)) as original:
        stream = after.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate, stream.frames) == (360, 240, 60, 60 * SHORT_S)
        frame, first = next(after.decode(video=0)), next(original.decode(video=0)).reformat(360, 240)
        assert frame.rotation == 0
        difference = np.abs(frame.to_ndarray(format="gray").astype(int) - first.to_ndarray(format="gray").astype(int))
        assert difference.mean() < 6, "the man stands upright"


def test_the_music_around_the_voice_in_the_middle_is_kept(made: dict[str, Made], folder: Path) -> None:
    (folder / "surround.wav").write_bytes(made["surround"].sound)
    before, after = (np.concatenate(list(Soundtrack(folder / name).blocks())) for name in ("surround.mp4", "surround.wav"))
    outside = slice(0, round(0.8 * RATE))
    assert np.corrcoef(before[outside].mean(axis=1), after[outside].mean(axis=1))[0, 1] > 0.95


def test_where_nobody_speaks_it_says_so_and_names_the_tracks(made: dict[str, Made]) -> None:
    for name in ("silence", "two tracks, the other"):
        assert (made[name].job.state, made[name].job.error.reason) == (job_pb2.STATE_FAILED, "NO_SPEECH"), name
        assert not made[name].video
    assert "sound track 0 of the video's 2" in made["two tracks, the other"].job.error.message


def test_subtitles_in_an_old_encoding_are_read_and_those_past_the_end_left_out(made: dict[str, Made]) -> None:
    one = made["western subtitles"]
    assert [utterance.text for utterance in one.utterances if utterance.text] == ["Buenos días, señor."]
    assert "read as cp1252" in one.warnings and "1 of 2 subtitles begin after the end of the video, which lasts 4.0 s" in one.warnings


def test_subtitles_of_another_video_are_refused(made: dict[str, Made]) -> None:
    one = made["late subtitles"]
    assert (one.job.state, one.job.error.reason) == (job_pb2.STATE_FAILED, "AFTER_THE_END")
    assert "dub.targets[0].subtitles_uri" in one.job.error.message


async def test_what_can_never_be_dubbed_is_refused_before_any_work(folder: Path) -> None:
    async def refused(client: Client, video: bytes, subtitles: bytes = b"") -> InvalidInput:
        async def attempt() -> None:
            target = dub_pb2.DubTarget(locale="pt-BR")
            uri = (await client.upload(video, "video.mp4")).uri
            if subtitles:
                target.subtitles_uri = (await client.upload(subtitles, "given.srt")).uri
            spec = job_pb2.DubSpec(video_uri=uri, targets=[target], consent=CONSENT)
            await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))

        with pytest.raises(InvalidInput) as caught:
            await attempt()
        return caught.value

    mute = copied(folder / "mute.mp4", _plain(folder / "mute.mp4"), [])
    (text := folder / "text.mp4").write_text("I am a video.\n" * 50)
    (empty := folder / "empty.mp4").write_bytes(b"")
    (short := folder / "short.mp4").write_bytes(VIDEO.read_bytes()[:600_000])
    alone = folder / "sound.wav"
    with av.open(str(alone), "w") as container:
        track = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((speech(1) * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate = RATE
        container.mux(track.encode(frame))
    async with running(folder) as client:
        for path, reason, words in (
            (mute, "NO_SPEECH", "no sound"),
            (text, "NOT_MEDIA", "the file is a text"),
            (empty, "NOT_MEDIA", "the file is empty"),
            (short, "NOT_MEDIA", "its end may be missing"),
            (alone, "NO_VIDEO", "no video in it"),
        ):
            error = await refused(client, path.read_bytes())
            assert error.reason == reason and words in error.violations[0].message, (path.name, error)
        for subtitles, reason in (
            (b"1\n00:00:00,500 --> 00:00:03,000\nBuenos d\xff\xfe\x00\x01\x81\x8d\x8f\x90\x9d as\n", "BAD_ENCODING"),
            (b"1\n00:00:03,500 --> 00:00:03,000\nHola.\n", "BAD_TIMES"),
            (np.random.default_rng(0).bytes(4000), "NOT_MEDIA"),
        ):
            assert (await refused(client, _plain(folder / "mute.mp4").read_bytes(), subtitles)).reason == reason
