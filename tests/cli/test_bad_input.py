"""Bad input to `locutor present`, on a real gateway: exit code 2, and a message with what was typed, what was found and what to do."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.cli.command import CONSENT, EXECUTABLE, run_here

Present = Callable[..., subprocess.CompletedProcess[str]]
"""present(script, face, *options, to=...)"""

ENGLISH = "---\nlocale: en-US\n---\nGood morning, everyone!\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`locutor up` on a unix socket, ended by SIGTERM."""
    folder = tmp_path_factory.mktemp("up")
    address = f"unix:{folder}/gateway.sock"
    variables = {**os.environ, "LOCUTOR_DATA": str(folder / "data")}
    with subprocess.Popen([*EXECUTABLE, "up", "--listen", address, "--web", ""], stderr=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.strip() == "ready":
                break
        assert said[-1:] == ["ready\n"], said
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert any(address in line for line in said)


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    from skimage import data

    return Image.fromarray(data.astronaut())


@pytest.fixture
def present(gateway: str, tmp_path: Path) -> Present:
    def call(script: str, face: Path, *options: str, to: str = "en-US") -> subprocess.CompletedProcess[str]:
        path = tmp_path / "intro.md"
        path.write_text(script)
        done = run_here(["present", path, "--face", face, "--to", to, "--out", tmp_path / "out", "--gateway", gateway, *CONSENT, *options])
        assert not (tmp_path / "out").exists()
        assert "Traceback" not in done.stderr
        return done

    return call


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 2, done.stderr
    for part in parts:
        assert part in done.stderr, f"{part!r} is not in {done.stderr!r}"


@pytest.mark.parametrize(
    ("script", "options", "to", "parts"),
    [
        ("---\nlocale: en-US\n---\n\n", (), "en-US", ("SCRIPT ", "intro.md", "nothing to say", "write at least one sentence")),
        ("---\nlocale: en-US\n---\n" + "Too long. " * 7000, (), "en-US", ("SCRIPT ", "70,0", "limit is 60,000", "cut it")),
        ("---\nlocale: en-US\n---\nHello [wave] you.", (), "en-US", ("SCRIPT ", "line 4: [wave] is not a cue", "[pause 800ms]", "[nod]", "[look left]")),
        ("Good morning!", (), "en-US", ("--from", "set it, for example en-US")),
        (ENGLISH, (), "en-US,xx-notatag", ("--to xx-notatag", "not a language tag", "such as en-US")),
        (ENGLISH, (), "is", ("--to is", "only rule-made voices speak is", "espeak:is")),
        (ENGLISH, ("--voice", "en-US=nobody"), "en-US", ("--voice en-US=nobody", "no voice 'nobody'", "choose from")),
        (ENGLISH, ("--voice", "en-US=ef_dora"), "en-US", ("--voice en-US=ef_dora", "speaks es, not en-US", "choose from")),
        (ENGLISH, (), "en-US,hi", ("--to hi", "no translation from en-US to hi", "pt", "a script of its own")),
        (ENGLISH, ("--rate", "9"), "en-US", ("--rate 9", "0.5 to 2")),
        (ENGLISH, ("--size", "1281x720"), "en-US", ("--size", "1281", "even number")),
        (ENGLISH, ("--gaze", "151"), "en-US", ("--gaze", "151", "0 to 150")),
        (ENGLISH, ("--head-motion", "900"), "en-US", ("--head-motion", "900", "0 to 150")),
    ],
)
def test_script_and_options(present: Present, astronaut: Path, script: str, options: tuple[str, ...], to: str, parts: tuple[str, ...]) -> None:
    refused(present(script, astronaut, *options, to=to), *parts)


def test_everything_that_is_wrong_is_said_at_once(present: Present, astronaut: Path) -> None:
    done = present(ENGLISH, astronaut, "--voice", "en-US=nobody", "--rate", "9", "--json", to="en-US,hi")
    assert done.returncode == 2
    error = json.loads(done.stdout.splitlines()[-1])
    assert {violation["reason"] for violation in error["violations"]} >= {"UNKNOWN_VOICE", "NO_TRANSLATION", "OUT_OF_RANGE"}


def no_face(portrait: Image.Image) -> Image.Image:
    # Grain, so that it is neither blurred nor flat: only the face is missing.
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (720, 720, 3), dtype=np.uint8))


def several_faces(portrait: Image.Image) -> Image.Image:
    wide = Image.new("RGB", (portrait.width * 2, portrait.height))
    wide.paste(portrait, (0, 0))
    wide.paste(portrait, (portrait.width, 0))
    return wide


def too_small(portrait: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (640, 640), "#8899aa")
    canvas.paste(portrait.resize((160, 160)), (240, 240))
    return canvas


def turned(portrait: Image.Image) -> Image.Image:
    return portrait.rotate(90, expand=True)


def blurred(portrait: Image.Image) -> Image.Image:
    return portrait.filter(ImageFilter.GaussianBlur(3))


def animal(portrait: Image.Image) -> Image.Image:
    from skimage import data

    return Image.fromarray(data.chelsea())


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (no_face, ("no face was found", "send a portrait")),
        (several_faces, ("2 faces were found", "crop the image")),
        (too_small, ("too small", "pixels between the pupils", "send a larger")),
        (turned, ("turned", "rotate the image")),
        (blurred, ("too blurred", "in focus")),
        (animal, ("face",)),
    ],
)
def test_face(
    present: Present,
    portrait: Image.Image,
    tmp_path: Path,
    make: Callable[[Image.Image], Image.Image],
    parts: tuple[str, ...],
) -> None:
    face = tmp_path / "face.png"
    make(portrait).save(face)
    refused(present(ENGLISH, face), f"--face {face}", *parts)


def corrupt(portrait: Image.Image) -> bytes:
    data = io.BytesIO()
    portrait.save(data, "PNG")
    return data.getvalue()[: len(data.getvalue()) // 2]


def enormous(portrait: Image.Image) -> bytes:
    data = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(data, "PNG")
    return data.getvalue()


def text(portrait: Image.Image) -> bytes:
    return b"This is not a picture."


def empty(portrait: Image.Image) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (corrupt, ("image",)),
        (enormous, ("100 megapixels", "scale it down")),
        (text, ("is not a PNG, JPEG or WebP image", "This is not a pic", "give")),
        (empty, ("is empty (0 bytes)", "give")),
    ],
)
def test_face_file(
    present: Present,
    portrait: Image.Image,
    tmp_path: Path,
    make: Callable[[Image.Image], bytes],
    parts: tuple[str, ...],
) -> None:
    face = tmp_path / "face.png"
    face.write_bytes(make(portrait))
    refused(present(ENGLISH, face), f"--face {face}", *parts)
