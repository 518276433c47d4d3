"""What the command line refuses by itself, before it starts or asks anything; and the small commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from locutor.cli.files import find_translations, read_glossary
from locutor.cli.request import parse_background, parse_locales, parse_size, parse_voices
from locutor.errors import InvalidInput
from tests.cli.command import CONSENT, run, run_here


def test_help_loads_no_engine_and_no_grpc() -> None:
    program = (
        "import sys; from locutor.cli import main; print([n for n in ('grpc', 'numpy', 'gateway', 'google.protobuf', 'rich.progress') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_help_names_every_command() -> None:
    told = run(["--help"])
    assert told.returncode == 0
    for command in ("present", "up", "jobs", "voices", "models", "doctor", "version"):
        assert command in told.stdout


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["missing.md", "--face", "FACE", "--to", "es"], ("SCRIPT missing.md", "does not exist")),
        (["SCRIPT", "--face", "missing.png", "--to", "es"], ("--face missing.png", "does not exist")),
        (["SCRIPT", "--face", ".", "--to", "es"], ("--face .", "is not a file")),
        (["LATIN1", "--face", "FACE", "--to", "es"], ("SCRIPT ", "is not UTF-8 text (byte 3 is 0xe9)", "save it as UTF-8")),
        (["SCRIPT", "--face", "FACE", "--to", " , "], ("--to", "names no locale", "--to en-US,es,pt-BR")),
        (["SCRIPT", "--face", "FACE", "--to", "es,ES"], ("--to", "twice")),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--voice", "fr=ff_siwis"], ("--voice fr=ff_siwis", "not among the targets", "add it to --to")),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--size", "big"], ("--size", "'big' is not a size", "1080p")),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--background", "#12"], ("--background", "'#12' is not a colour")),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--style", "grumpy"], ("--style", "'grumpy' is not a style", "neutral, friendly, serious, energetic")),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--gaze", "-1"], ("--gaze",)),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--gateway", "here"], ("--gateway", "'here' is not an address", "tcp://host:port")),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--gateway", "dns:///far:1", "--token", "t"], ("--token", "clear text")),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--gateway", "dns:///far:1", "--tls-ca", "no.pem"], ("--tls-ca", "no.pem cannot be read")),
        (["SCRIPT", "--face", "FACE"], ("--to",)),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--out", "FACE"], ("--out: ", "cannot be written into (Not a directory)")),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--seed", "99999999999999999999999"], ("--seed",)),
        (["SCRIPT", "--face", "FACE", "--to", "es", "--expression", "9999999999"], ("--expression",)),
    ],
)
def test_refused_before_anything_is_asked(script: Path, astronaut: Path, tmp_path: Path, arguments: list[str], parts: tuple[str, ...]) -> None:
    latin1 = tmp_path / "latin1.md"
    latin1.write_bytes("Café".encode("latin-1"))
    names = {"SCRIPT": str(script), "FACE": str(astronaut), "LATIN1": str(latin1)}
    done = run_here(["present", *(names.get(argument, argument) for argument in arguments), *CONSENT])
    assert done.returncode == 2, done.stderr
    for part in parts:
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_up_refuses_to_be_open_to_the_world(tmp_path: Path) -> None:
    data = {"LOCUTOR_DATA": str(tmp_path)}
    plain = run(["up", "--listen", "tcp://0.0.0.0:0"], data)
    assert plain.returncode == 2 and "--listen: tcp://0.0.0.0:0 is reachable from other machines" in plain.stderr and "--tls-certificate" in plain.stderr
    half = run(["up", "--tls-key", "key.pem"], data)
    assert half.returncode == 2 and "a certificate and a key go together" in half.stderr
    unknown = run(["up", "--no-such-option"], data)
    assert unknown.returncode == 2 and "--no-such-option" in unknown.stderr


def test_consent_is_wanted(script: Path, astronaut: Path) -> None:
    done = run_here(["present", script, "--face", astronaut, "--to", "es", "--consent", "I am the person shown"])
    assert done.returncode == 2
    assert "--consent-by: is not given" in done.stderr


def test_translations_beside_the_script(tmp_path: Path) -> None:
    for name in ("intro.md", "intro.es.md", "intro.PT_br.md", "intro.zh-Hant-TW.md", "intro.notes.md", "intro.es.txt", "other.fr.md"):
        (tmp_path / name).write_text("x")
    found = find_translations(tmp_path / "intro.md", ("en-US", "es", "es-MX", "pt-BR", "zh-Hant-TW", "fr", "notes"))
    assert {locale: path.name for locale, path in found.items()} == {
        "es": "intro.es.md",
        "es-MX": "intro.es.md",
        "pt-BR": "intro.PT_br.md",
        "zh-Hant-TW": "intro.zh-Hant-TW.md",
    }


def test_glossary(tmp_path: Path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text('source,target,case_sensitive\nLocutor,,true\n"a, b",c,\n')
    assert [(term.source, term.target, term.case_sensitive) for term in read_glossary(path, "en-US", ["es"])] == [("Locutor", "", True), ("a, b", "c", False)]


@pytest.mark.parametrize(
    ("text", "part"),
    [("a,b\n", "first line must name the columns"), ("source,target\n,x\n", "line 2: the source is empty"), ("source\na,b\n", "line 2: more columns")],
)
def test_bad_glossary(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "terms.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=part):
        read_glossary(path, "en-US", ["es"])


def test_sizes_and_backgrounds() -> None:
    sizes = {text: (parse_size(text).width_pixels, parse_size(text).height_pixels) for text in ("720p", "1080p", "9:16", "1:1", "640x360")}
    assert sizes == {"720p": (1280, 720), "1080p": (1920, 1080), "9:16": (720, 1280), "1:1": (720, 720), "640x360": (640, 360)}
    assert parse_background("#1e293b")[0].color_rgb == 0x1E293B
    assert parse_background("blur")[0].blurred_portrait
    assert parse_locales("en-US, es") == ("en-US", "es")
    assert parse_voices(["ES=ef_dora"], ("en-US", "es")) == {"es": "ef_dora"}


def test_models_are_listed_and_unknown_ones_refused() -> None:
    rows = json.loads(run_here(["models", "list", "--json"]).stdout)
    assert {row["name"] for row in rows if row["default"]} >= {"kokoro-v1.0-int8", "mediapipe-face-landmarker", "bergamot-en-pt"}
    done = run_here(["models", "verify", "nothing"])
    assert done.returncode == 2
    assert "nothing is not in the manifest" in done.stderr


def test_models_that_are_missing_offline_are_named(tmp_path: Path) -> None:
    done = run(["models", "fetch", "mediapipe-face-landmarker"], {"LOCUTOR_MODELS": str(tmp_path), "LOCUTOR_OFFLINE": "1"})
    assert done.returncode == 1
    assert "face_landmarker_v2.task" in done.stderr and "Traceback" not in done.stderr


def test_doctor_names_the_extras_of_a_machine_that_has_the_client_alone() -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('numpy', 'platformdirs', 'filelock', 'av'))); sys.argv = ['locutor', 'doctor', '--json'];"
        "from locutor.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    failed = {finding["subject"]: finding["remedy"] for finding in json.loads(done.stdout) if finding["level"] == "FAIL"}
    assert done.returncode == 1, done.stderr
    assert failed["codecs"] and failed["weights"] and failed["engines of tts"] == "pip install 'locutor[tts]'"


def test_doctor_finds_what_is_missing(tmp_path: Path) -> None:
    done = run(["doctor", "--json"], {"LOCUTOR_MODELS": str(tmp_path), "LOCUTOR_OFFLINE": "1"})
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert findings["weights kokoro-v1.0-int8"]["level"] == "FAIL"
    assert findings["encoder libx264"]["level"] == "OK"
    assert findings["engine tts/kokoro"]["level"] == "OK"
    assert all(finding["remedy"] for finding in findings.values() if finding["level"] != "OK")
