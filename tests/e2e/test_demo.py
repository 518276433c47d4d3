"""What `make demo` makes, held against what was promised: the words, the lips, the lengths. Real engines, measured on the finished files."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import jiwer
import pytest
from PIL import Image
from skimage import data

from services.lipsync.landmarks import FaceLandmarker
from services.lipsync.quality import LipsyncQuality, measure
from services.weights import ModelStore
from tests.cli.command import CONSENT, run
from tests.e2e.finished import phonemes_of, read_timeline, transcribed, words

ROOT = Path(__file__).parents[2]
LOCALES = ("en-US", "es", "pt-BR")
WORD_ERROR_RATE = {"en-US": 0.05, "es": 0.08, "pt-BR": 0.08}


@dataclass(frozen=True)
class Demo:
    """The outputs of one run."""

    folder: Path

    def path(self, locale: str, suffix: str) -> Path:
        return self.folder / f"hello.{locale}.{suffix}"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The README's demo, by the same command, of the same script and face."""
    folder = tmp_path_factory.mktemp("demo")
    face = folder / "astronaut.png"
    Image.fromarray(data.astronaut()).save(face)
    for name in ("hello.md", "hello.es.md"):
        shutil.copy(ROOT / "examples" / name, folder)
    command = ["present", folder / "hello.md", "--face", face, "--to", ",".join(LOCALES), "--out", folder / "out", *CONSENT]
    done = run(command, {"LOCUTOR_DATA": str(folder / "data")}, timeout_s=580)
    assert done.returncode == 0, done.stderr
    return Demo(folder / "out")


@pytest.fixture(scope="module")
def quality(demo: Demo) -> dict[str, LipsyncQuality]:
    """MediaPipe's look at every frame of English and Spanish."""
    with FaceLandmarker(ModelStore().ensure("mediapipe-face-landmarker") / "face_landmarker_v2.task") as landmarker:
        phonemes = {locale: phonemes_of(read_timeline(demo.path(locale, "timeline.json"))) for locale in ("en-US", "es")}
        return {locale: measure(demo.path(locale, "mp4"), spans, landmarker) for locale, spans in phonemes.items()}


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_speech_is_the_script(demo: Demo, locale: str) -> None:
    script = " ".join(word.text for word in read_timeline(demo.path(locale, "timeline.json")).words)
    heard = await transcribed(locale, demo.path(locale, "mp4"))
    assert jiwer.wer(words(script, locale), words(heard, locale)) <= WORD_ERROR_RATE[locale], heard


@pytest.mark.parametrize("locale", ["en-US", "es"])
def test_the_lips_follow_the_sounds(quality: dict[str, LipsyncQuality], locale: str) -> None:
    seen = quality[locale]
    assert seen.frames_without_face == 0
    assert seen.closures >= 10 and seen.open_vowels >= 10 and seen.pause_frames >= 20
    assert seen.closed_share == 1.0, seen
    assert seen.tightly_closed_share is not None and seen.tightly_closed_share >= 0.99, seen
    assert seen.widely_open_share is not None and seen.widely_open_share >= 0.95, seen
    assert seen.pause_moving_share is not None and seen.pause_moving_share <= 0.05, seen
    assert seen.offset_ms is not None and abs(seen.offset_ms) <= 20, seen


@pytest.mark.parametrize("locale", LOCALES)
def test_picture_and_sound_are_equally_long(demo: Demo, locale: str) -> None:
    with av.open(str(demo.path(locale, "mp4"))) as container:
        lengths = [float(stream.duration * stream.time_base) for stream in container.streams if stream.type in ("video", "audio")]
    assert len(lengths) == 2 and abs(lengths[0] - lengths[1]) <= 1 / 25
    report = json.loads(demo.path(locale, "report.json").read_text())
    assert lengths[0] == pytest.approx(report["video"]["duration_s"], abs=1 / 25)


def test_the_face_blinks_as_people_do(quality: dict[str, LipsyncQuality]) -> None:
    blinks = sum(seen.blinks for seen in quality.values())
    minutes = sum(seen.frames for seen in quality.values()) / 25 / 60
    assert 8 <= blinks / minutes <= 40
