"""What `locutor present` does with each outcome of a job: exit code, files, words for people, JSON for programs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from locutor.common.v1.video_pb2 import STYLE_FRIENDLY, Performance
from locutor.errors import FieldViolation, InvalidInput
from tests.cli.command import CONSENT, EXECUTABLE, run
from tests.cli.scripted_gateway import ScriptedGateway, serve


def arguments(script: Path, face: Path, address: str, out: Path, to: str = "en-US,es") -> list[str]:
    return ["present", str(script), "--face", str(face), "--to", to, "--out", str(out), "--gateway", address, *CONSENT]


def test_success_leaves_named_files_and_one_line_a_stage(script: Path, astronaut: Path, tmp_path: Path) -> None:
    (tmp_path / "intro.es.md").write_text("¡Buenos días a todos!")
    gateway = ScriptedGateway()
    with serve(gateway, tmp_path) as address:
        done = run(arguments(script, astronaut, address, tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["intro.en-US.mp4", "intro.en-US.report.json", "intro.es.mp4", "intro.es.report.json"]
    assert (tmp_path / "out" / "intro.es.mp4").read_text() == "video es"
    assert [target.script for target in gateway.spec.targets] == ["", "¡Buenos días a todos!"]
    assert "intro.es.md is used in place of machine translation" in done.stderr
    assert done.stderr.count("speak: succeeded in 5.0 s (10.0 s of programme, real-time factor 0.50)") == 2
    assert "\x1b" not in done.stderr


def test_the_performance_is_as_asked_for(script: Path, astronaut: Path, tmp_path: Path) -> None:
    gateway = ScriptedGateway()
    options = ["--style", "Friendly", "--gaze", "50", "--still", "--expression", "120", "--head-motion", "0", "--seed", "7"]
    with serve(gateway, tmp_path) as address:
        done = run([*arguments(script, astronaut, address, tmp_path / "out"), *options])
    assert done.returncode == 0, done.stderr
    asked = Performance(seed=7, expression_percent=120, head_motion_percent=0, style=STYLE_FRIENDLY, gaze_percent=50, still=True)
    assert gateway.spec.performance == asked


def test_json_is_one_object_a_line_with_the_result_last(script: Path, astronaut: Path, tmp_path: Path) -> None:
    with serve(ScriptedGateway(), tmp_path) as address:
        done = run([*arguments(script, astronaut, address, tmp_path / "out"), "--json"])
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events if event["event"] != "stage"] == ["job", "result"]
    assert {(event["locale"], event["state"]) for event in events if event["event"] == "stage"} >= {("es", "running"), ("es", "succeeded")}
    result = events[-1]
    assert (result["state"], result["exit_code"]) == ("succeeded", 0)
    assert Path(result["locales"][1]["outputs"]["video"]).read_text() == "video es"


def test_one_failed_locale_exits_3_and_leaves_the_others(script: Path, astronaut: Path, tmp_path: Path) -> None:
    with serve(ScriptedGateway(failing=["es"]), tmp_path) as address:
        done = run(arguments(script, astronaut, address, tmp_path / "out"))
    assert done.returncode == 3
    assert (tmp_path / "out" / "intro.en-US.mp4").exists()
    assert not (tmp_path / "out" / "intro.es.mp4").exists()
    assert "es: failed: the engine crashed" in done.stderr


def test_all_failed_exits_1(script: Path, astronaut: Path, tmp_path: Path) -> None:
    with serve(ScriptedGateway(failing=["en-US", "es"]), tmp_path) as address:
        assert run(arguments(script, astronaut, address, tmp_path / "out")).returncode == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_cancels_the_job_and_keeps_what_was_finished(script: Path, astronaut: Path, tmp_path: Path, number: signal.Signals) -> None:
    gateway = ScriptedGateway(endless=True)
    with serve(gateway, tmp_path) as address:
        command = [*EXECUTABLE, *arguments(script, astronaut, address, tmp_path / "out"), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stderr is not None
            events = []
            for line in process.stdout:
                events.append(json.loads(line))
                if (events[-1].get("locale"), events[-1].get("state")) == ("es", "running"):
                    process.send_signal(number)
            told = process.stderr.read()
    assert process.returncode == 130
    assert gateway.cancelled.is_set()
    assert (tmp_path / "out" / "intro.en-US.mp4").read_text() == "video en-US"
    assert events[-1]["event"] == "result" and events[-1]["exit_code"] == 130
    assert told == ""


def test_second_interrupt_leaves_at_once(script: Path, astronaut: Path, tmp_path: Path) -> None:
    gateway = ScriptedGateway(endless=True)
    gateway.cancelled.wait = lambda timeout=None: time.sleep(6) is None  # type: ignore[method-assign]  # a job that does not heed
    with serve(gateway, tmp_path) as address:
        command = [*EXECUTABLE, *arguments(script, astronaut, address, tmp_path / "out"), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if json.loads(line).get("locale") == "es" or json.loads(line)["event"] == "cancelling":
                    process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert not (tmp_path / "out").exists()


def test_refusals_name_what_the_user_typed(script: Path, astronaut: Path, tmp_path: Path) -> None:
    (tmp_path / "intro.es.md").write_text("¡Hola!")
    (tmp_path / "terms.csv").write_text("source,target\nlaptop,notebook\n")
    fields = {
        "present.script.text": f"SCRIPT {script}",
        "present.script.locale": "--from",
        "present.targets[0].locale": "--to en-US",
        "present.targets[0].voice": "--voice en-US=af_heart",
        "present.targets[1].voice": "--to es",
        "present.targets[1].script": str(tmp_path / "intro.es.md"),
        "present.targets[1].rate": "--rate 1.5",
        "present.face_uri": f"--face {astronaut}",
        "present.video.width_pixels": "--size",
        "present.background_uri": "--background",
        "present.performance.head_motion_percent": "--head-motion",
        "present.performance.style": "--style",
        "present.performance.gaze_percent": "--gaze",
        "present.glossary[0].target": f"--glossary {tmp_path / 'terms.csv'}, term 'laptop'",
        "present.consent.stated_by": "--consent-by",
        "present.consent.statement": "--consent",
    }
    refusal = InvalidInput([FieldViolation(field, f"found {number}; do this", f"REASON_{number}") for number, field in enumerate(fields)])
    with serve(ScriptedGateway(refusal=refusal), tmp_path) as address:
        options = ["--voice", "en-US=af_heart", "--rate", "1.5", "--glossary", str(tmp_path / "terms.csv")]
        command = [*arguments(script, astronaut, address, tmp_path / "out"), *options]
        told, as_json = run(command), run([*command, "--json"])
    assert told.returncode == as_json.returncode == 2
    assert told.stderr.splitlines()[1:] == [f"error: {option}: found {number}; do this" for number, option in enumerate(fields.values())]
    error = json.loads(as_json.stdout.splitlines()[-1])
    assert error["event"] == "error" and error["exit_code"] == 2
    assert [(v["option"], v["reason"]) for v in error["violations"]] == [(option, f"REASON_{number}") for number, option in enumerate(fields.values())]


def test_gateway_that_is_not_there_exits_1_with_its_address(script: Path, astronaut: Path, tmp_path: Path) -> None:
    done = run(arguments(script, astronaut, f"unix:{tmp_path}/nobody.sock", tmp_path / "out"))
    assert done.returncode == 1
    assert f"the gateway at unix:{tmp_path}/nobody.sock does not answer" in done.stderr and "Traceback" not in done.stderr


def test_notes_of_two_threads_stay_on_lines_of_their_own() -> None:
    program = (
        "import sys, threading\nfrom locutor.cli.progress import JsonLines\nsys.setswitchinterval(1e-6)\nreporter = JsonLines()\n"
        "threads = [threading.Thread(target=lambda: [reporter.note('stage', '', number=n) for n in range(3000)]) for _ in range(4)]\n"
        "[thread.start() for thread in threads]\n[thread.join() for thread in threads]"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert len([json.loads(line) for line in told.splitlines()]) == 12_000
