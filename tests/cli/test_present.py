"""`locutor present` with its own gateway, and the examples with a running one: real engines, real videos."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.cli.command import CONSENT, EXECUTABLE, run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One data folder for the module, so that what a test has made the next one finds."""
    return {"LOCUTOR_DATA": str(tmp_path_factory.mktemp("data"))}


def streams(video: Path) -> tuple[str, int, int, float, float]:
    """Codec, width, height, length of the picture and of the sound in seconds."""
    with av.open(str(video)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert picture.duration is not None and picture.time_base is not None and sound.duration is not None and sound.time_base is not None
        return picture.codec.name, picture.width, picture.height, float(picture.duration * picture.time_base), float(sound.duration * sound.time_base)


def test_script_to_videos_and_the_second_run_from_the_store(data: dict[str, str], astronaut: Path, tmp_path: Path) -> None:
    script = tmp_path / "intro.md"
    script.write_text("---\nlocale: en-US\n---\nGood morning, everyone! [pause 300ms] The course has 12 lessons.\n")
    (tmp_path / "intro.es.md").write_text("¡Buenos días a todos! El curso tiene 12 lecciones.")
    out = tmp_path / "out"
    command = ["present", script, "--face", astronaut, "--to", "en-US,es,pt-BR", "--out", out, "--size", "480x270", *CONSENT, "--json"]
    done = run(command, data)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["locale"] for event in events if event["event"] == "translation_found"] == ["es"]
    for locale in ("en-US", "es", "pt-BR"):
        codec, width, height, picture_s, sound_s = streams(out / f"intro.{locale}.mp4")
        assert (codec, width, height) == ("h264", 480, 270)
        assert abs(picture_s - sound_s) <= 0.04
        assert (out / f"intro.{locale}.vtt").read_text().startswith("WEBVTT")
        assert (out / f"intro.{locale}.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
        report = json.loads((out / f"intro.{locale}.report.json").read_text())
        assert report["locale"] == locale and report["consent"]["stated_by"] == "the tests"
    assert "lecciones" in (out / "intro.es.srt").read_text()
    assert "lições" in (out / "intro.pt-BR.srt").read_text() or "aulas" in (out / "intro.pt-BR.srt").read_text()

    again = run(command, data)
    assert again.returncode == 0, again.stderr
    last = {(e["locale"], e["stage"]): e for e in map(json.loads, again.stdout.splitlines()) if e["event"] == "stage"}
    assert all(event["cached_steps"] == event["total_steps"] for (_, stage), event in last.items() if stage in {"speak", "animate"})

    listed = json.loads(run(["jobs", "list", "--json"], data).stdout)
    assert [job["state"] for job in listed["jobs"]] == ["STATE_SUCCEEDED", "STATE_SUCCEEDED"]
    saved = run(["jobs", "download", listed["jobs"][0]["id"], "--out", tmp_path / "saved", "--name", "again"], data)
    assert saved.returncode == 0, saved.stderr
    assert (tmp_path / "saved" / "again.es.mp4").stat().st_size == (out / "intro.es.mp4").stat().st_size


def test_ctrl_c_in_the_middle_ends_the_job_and_the_process(data: dict[str, str], astronaut: Path, tmp_path: Path) -> None:
    script = tmp_path / "long.md"
    script.write_text("---\nlocale: en-US\n---\n" + "This sentence is said again and again, and nobody waits for its end.\n\n" * 40)
    command = [*EXECUTABLE, "present", str(script), "--face", str(astronaut), "--to", "en-US", "--out", str(tmp_path / "out"), *CONSENT, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **data}) as process:
        assert process.stdout is not None and process.stderr is not None
        events = []
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "stage" and events[-1]["progress"] > 0 and not any(event["event"] == "cancelling" for event in events):
                process.send_signal(signal.SIGINT)
                break
        events += [json.loads(line) for line in process.stdout]
        told = process.stderr.read()
    assert process.returncode == 130, told
    assert events[-1]["event"] == "result" and events[-1]["state"] == "cancelled"
    assert "Traceback" not in told
    assert json.loads(run(["jobs", "list", "--limit", "1", "--json"], data).stdout)["jobs"][0]["state"] == "STATE_CANCELLED"
    assert not list(Path(data["LOCUTOR_DATA"], "work").rglob("*.mp4"))


@pytest.fixture(scope="module")
def gateway(data: dict[str, str]) -> Iterator[str]:
    """`locutor up` on a free port; its address."""
    command = [*EXECUTABLE, "up", "--listen", "tcp://127.0.0.1:0", "--web", ""]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **data}) as process:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            if line.startswith("listening on "):
                address = line.split()[-1]
            if line.strip() == "ready":
                break
        assert address.startswith("tcp://127.0.0.1:")
        yield address
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def example(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(ROOT / "examples" / name), *map(str, arguments)], capture_output=True, text=True, timeout=300)


def test_client_that_knows_only_the_address(gateway: str, astronaut: Path, tmp_path: Path) -> None:
    done = example("reflection_client.py", gateway, astronaut, "en-US", tmp_path)
    assert done.returncode == 0, done.stderr
    assert streams(tmp_path / "reflected.en-US.mp4")[:3] == ("h264", 1280, 720)


def test_client_of_a_localization_team(gateway: str, astronaut: Path, tmp_path: Path) -> None:
    (tmp_path / "short.md").write_text("Hello! This is a laptop.")
    (tmp_path / "short.es.md").write_text("¡Hola! Esto es un portátil.")
    done = example("client.py", astronaut, "--script", tmp_path / "short.md", "--gateway", gateway, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    for locale in ("en-US", "es", "pt-BR"):
        assert streams(tmp_path / f"short.{locale}.mp4")[0] == "h264"
    assert "portátil" in (tmp_path / "short.es.srt").read_text()
    assert "notebook" in (tmp_path / "short.pt-BR.srt").read_text()


def test_voices_of_a_running_gateway(gateway: str) -> None:
    rows = json.loads(run(["voices", "--locale", "pt-BR", "--gateway", gateway, "--json"]).stdout)
    assert {row["locale"] for row in rows} == {"pt-BR"} and sum(row["default"] for row in rows) == 1
    assert "ef_dora" in run(["voices", "--locale", "es", "--gateway", gateway]).stdout
    assert "espeak:es-419" in run(["voices", "--locale", "es", "--gateway", gateway]).stdout
    listed = run(["voices", "--gateway", gateway]).stdout
    assert "espeak:" not in listed and "locutor voices --all" in listed
    unknown = run(["voices", "--locale", "tlh", "--gateway", gateway])
    assert unknown.returncode == 2 and "--locale" in unknown.stderr
