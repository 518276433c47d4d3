"""Services as processes of their own: they are started again when they die, and end with their gateway, whatever ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from gateway.embedded import own_services
from gateway.services import Services
from gateway.settings import SERVICES, GatewaySettings
from gateway.supervised import SupervisedProcess
from locutor.errors import InvalidInput, Unavailable
from locutor.translate.v1 import translate_pb2
from tests.gateway.conftest import client_of, eventually

ASK = translate_pb2.TranslateRequest(texts=["Good morning."], source_locale="en", target_locale="pt-BR")


@asynccontextmanager
async def supervised(program: str) -> AsyncIterator[SupervisedProcess]:
    process = SupervisedProcess("child", [sys.executable, "-c", program], os.environ)
    process.start()
    try:
        yield process
    finally:
        await process.stop()


async def test_a_child_that_dies_is_started_again_later_each_time(caplog: pytest.LogCaptureFixture) -> None:
    async with supervised("import sys; sys.exit('out of ideas')") as process:
        assert await process.died == "ended with status 1: out of ideas"
        await eventually(lambda: len(caplog.messages) >= 3)
    waits = [float(message.rpartition(" in ")[2].split()[0]) for message in caplog.messages]
    assert waits[:3] == [0.5, 1.0, 2.0]


async def test_a_child_that_is_killed_is_told_to_be_out_of_memory_perhaps() -> None:
    async with supervised("import sys, time; print('up', file=sys.stderr, flush=True); time.sleep(60)") as process:
        await eventually(lambda: process.pid is not None)
        os.kill(process.pid or 0, signal.SIGKILL)
        why = await process.died
        assert why.startswith("was killed") and "memory" in why
        await eventually(lambda: process.pid is not None)


async def test_a_child_without_memory_is_told_so() -> None:
    program = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); b = bytearray(1 << 31)"
    async with supervised(program) as process:
        assert (await process.died).startswith("ran out of memory")


async def test_a_child_that_cannot_be_started_is_tried_again_too(tmp_path: Path) -> None:
    program = tmp_path / "child"
    process = SupervisedProcess("child", [str(program)], os.environ)
    process.start()
    try:
        assert (await process.died).startswith("could not be run: ")
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o755)
        await eventually(lambda: process.pid is not None)
    finally:
        await process.stop()


async def test_a_long_line_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    program = "import sys, time; print('x' * 3_000_000 + ' end', file=sys.stderr, flush=True); time.sleep(60)"
    async with supervised(program) as process:
        heard = ""

        def is_whole() -> bool:
            nonlocal heard
            heard += capsys.readouterr().err
            return heard.endswith("x end\n")

        await eventually(is_whole)
        assert heard.count("x") == 3_000_000 and process.pid is not None


async def test_a_death_is_told_by_what_that_child_said(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    mark = repr(str(tmp_path / "once"))
    program = f"import os, sys; found = os.path.exists({mark}); open({mark}, 'w'); sys.exit('done' if found else 'MemoryError')"
    async with supervised(program) as process:
        assert (await process.died).startswith("ran out of memory")
        await eventually(lambda: len(caplog.messages) >= 2)
    assert "ended with status 1: done" in caplog.messages[1]


async def test_lines_of_a_child_are_passed_on_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    async with supervised("import sys, time; print('hello', file=sys.stderr); print('{}', file=sys.stderr, flush=True); time.sleep(60)"):
        told: list[str] = []

        def both() -> bool:
            told.append(capsys.readouterr().err)
            return "".join(told) == "child: hello\n{}\n"

        await eventually(both)


def translate_only(tmp_path: Path, **more) -> GatewaySettings:
    elsewhere = {name: f"unix:{tmp_path}/nobody.sock" for name in SERVICES if name != "translate"}
    return GatewaySettings(data=tmp_path, services=elsewhere, isolate=True, **more)


async def test_a_killed_service_is_back_for_the_next_call(tmp_path: Path) -> None:
    own = own_services(translate_only(tmp_path, replicas={"translate": 2}))
    await own.start()
    try:
        await own.load()
        first, second = own.processes.values()
        services = Services(own.addresses)
        try:
            await eventually(lambda: services.slots("translate") == 2, 90)
            victim = first.pid
            os.kill(victim or 0, signal.SIGKILL)
            await eventually(lambda: services.slots("translate") == 1, 90)
            # The other one answers at once.
            with services.errors("translate"):
                assert (await services.translate.Translate(ASK, timeout=60)).translations[0].text
            await eventually(lambda: services.slots("translate") == 2, 90)
            assert first.pid not in (victim, None) and second.pid is not None
        finally:
            await services.close()
    finally:
        await own.stop()
    assert first.pid is None and second.pid is None


async def test_a_service_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("LOCUTOR_OFFLINE", "1")
    own = own_services(translate_only(tmp_path))
    await own.start()
    try:
        with pytest.raises(Unavailable, match=r"the translate service ended with status 1: error: the weights 'bergamot"):
            await own.load()
    finally:
        await own.stop()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_services_end_with_their_gateway(tmp_path: Path, how: signal.Signals) -> None:
    elsewhere = {f"LOCUTOR_{name.upper()}": f"unix:{tmp_path}/nobody.sock" for name in SERVICES if name != "translate"}
    environment = {**os.environ, **elsewhere, "LOCUTOR_ISOLATE": "1", "LOCUTOR_DATA": str(tmp_path / "data"), "LOCUTOR_WEB": "", "LOCUTOR_METRICS": ""}
    address = f"unix:{tmp_path}/g.sock"
    running = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", "--listen", address, env=environment, stderr=asyncio.subprocess.PIPE)
    assert running.stderr is not None
    lines: list[str] = []
    async with asyncio.timeout(240):
        while "ready" not in lines:
            lines.append((await running.stderr.readline()).decode().strip())
            assert lines[-1] or running.returncode is None, lines
    assert "translate: ready" in lines
    (child,) = psutil.Process(running.pid).children()
    async with client_of(address) as client:
        assert client is not None
    running.send_signal(how)
    async with asyncio.timeout(120):
        await running.wait()
    await eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    await running.stderr.read()


def test_replicas_are_read_from_the_environment() -> None:
    settings = GatewaySettings.from_environment({"LOCUTOR_ISOLATE": "1", "LOCUTOR_REPLICAS": "tts=2, lipsync=3"})
    assert settings.isolate and settings.replicas == {"tts": 2, "lipsync": 3}


@pytest.mark.parametrize("wrong", ["tts", "tts=0", "tts=x", "video=2", "tts=2,tts=3", "tts=65"])
def test_wrong_replicas_are_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        GatewaySettings.from_environment({"LOCUTOR_ISOLATE": "1", "LOCUTOR_REPLICAS": wrong})
    assert caught.value.violations[0].field == "LOCUTOR_REPLICAS"


def test_replicas_without_processes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="LOCUTOR_ISOLATE"):
        own_services(GatewaySettings(data=tmp_path, replicas={"tts": 2}))
