"""Logs of a server: whose work each line is, and what is in none of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator

import grpc.aio
import pytest

from locutor import logs
from locutor.address import CHANNEL_OPTIONS, Address
from locutor.errors import InvalidInput, Overloaded
from locutor.translate.v1 import translate_pb2, translate_pb2_grpc
from services.serving import EnginePool
from services.serving.calls import ObservedChannel
from tests.serving.test_server import Echo

SECRET = "Our merger is announced on Friday"
ADDRESS_OF_A_SERVER = "listening on "


class Worker(Echo):
    """Hands its work to a pool, as services do; "defect" and "refuse" fail there with a text that was sent."""

    def __init__(self) -> None:
        self._pool = EnginePool("worker")

    async def close(self) -> None:
        await self._pool.close()

    async def Translate(self, request: translate_pb2.TranslateRequest, context: grpc.aio.ServicerContext) -> translate_pb2.TranslateResponse:
        def work() -> None:
            logging.getLogger("services.worker").info("the engine works")
            if request.engine == "defect":
                raise RuntimeError(f"cannot say {request.texts[0]!r} with key 'hunter2'") from KeyError(request.texts[0])
            if request.engine == "refuse":
                raise InvalidInput.of("texts[0]", f"{request.texts[0]!r} is too long", "TEXT_TOO_LONG")
            if request.engine == "full":
                raise Overloaded("full")

        await self._pool.run(work)
        return translate_pb2.TranslateResponse()


class Process:
    """A service in a process of its own, whose stderr is JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[dict[str, str]] = []

    async def until(self, message: str) -> dict[str, str]:
        """Read on to the line that begins so. Every line that is read must be JSON."""
        assert self._process.stderr is not None
        async with asyncio.timeout(60):
            while True:
                line = await self._process.stderr.readline()
                assert line, f"the process ended; it said {self.lines}"
                self.lines.append(json.loads(line))
                if self.lines[-1]["message"].startswith(message):
                    return self.lines[-1]


@contextlib.asynccontextmanager
async def served(**environment: str) -> AsyncIterator[tuple[Process, str]]:
    code = (
        "from services.serving import *\nfrom tests.serving.test_logs import Worker\n"
        "async def main():\n    await serve_until_signalled(GrpcServer([Worker()], ServingSettings.from_arguments('x', 'tcp://127.0.0.1:0')))\n"
        "run(main)"
    )
    variables = {**os.environ, "LOCUTOR_LOG": "json", "PYTHONWARNINGS": "ignore", **environment}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE, env=variables)
    try:
        told = Process(process)
        address = (await told.until(ADDRESS_OF_A_SERVER))["message"].removeprefix(ADDRESS_OF_A_SERVER)
        await told.until("ready")
        yield told, address
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def stub_of(address: str) -> AsyncIterator[translate_pb2_grpc.TranslateServiceStub]:
    target = Address.parse(address).target
    channel = ObservedChannel(grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS), target)
    try:
        yield translate_pb2_grpc.TranslateServiceStub(channel)
    finally:
        await channel.close()


async def test_the_ids_of_the_work_travel_to_the_service_and_into_its_engines_lines() -> None:
    async with served() as (process, address), stub_of(address) as stub:
        with logs.binding(job="j1", stage="translate", locale="pt-BR", worker="w1", request_id="r1"):
            await stub.Translate(translate_pb2.TranslateRequest(texts=[SECRET]))
            ended = await process.until("Translate OK")
    ids = {"service": "translate", "job": "j1", "stage": "translate", "locale": "pt-BR", "worker": "w1", "request_id": "r1"}
    assert ended.items() >= {**ids, "level": "INFO", "logger": "locutor.serving"}.items()
    assert ended["time"].endswith("+00:00")
    engine = next(line for line in process.lines if line["logger"] == "services.worker")
    assert engine.items() >= {**ids, "message": "the engine works"}.items()
    # What belongs to no call tells the service alone.
    assert process.lines[0].keys() == {"time", "level", "logger", "message", "service"}


async def test_no_text_that_was_sent_and_no_secret_is_logged() -> None:
    async with served(LOCUTOR_LOG_LEVEL="DEBUG") as (process, address), stub_of(address) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as defect:
            await stub.Translate(translate_pb2.TranslateRequest(engine="defect", texts=[SECRET]))
        failed = await process.until("/locutor.translate.v1.TranslateService/Translate failed")
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Translate(translate_pb2.TranslateRequest(engine="refuse", texts=[SECRET]), metadata=(("authorization", "Bearer hunter2"),))
        refused = await process.until("/locutor.translate.v1.TranslateService/Translate refused")
        await process.until("Translate INVALID_ARGUMENT")
    assert failed["incident"] in (defect.value.details() or "") and len(failed["incident"]) == 8
    assert "RuntimeError: cannot say '…' with key '…'" in failed["error"] and "KeyError: '…'" in failed["error"] and "test_logs.py" in failed["error"]
    assert "TEXT_TOO_LONG texts[0]: '…' is too long" in refused["message"]
    # Each call has an id, also where its caller gave none.
    assert len({failed["request_id"], refused["request_id"]}) == 2
    assert SECRET not in str(process.lines) and "hunter2" not in str(process.lines)


@pytest.mark.parametrize("value", ["x" * 129, "wörter".encode().decode("latin-1"), "a\tb"])
async def test_what_a_caller_says_of_his_work_is_not_believed_where_it_is_no_id(value: str) -> None:
    from services.serving.calls import _field

    assert _field(value) == ""
    assert _field(b"bytes") == "" and _field(None) == "" and _field("a-1 b") == "a-1 b"


@pytest.mark.parametrize(("name", "value"), [("LOCUTOR_LOG", "yaml"), ("LOCUTOR_LOG_LEVEL", "LOUD")])
def test_a_setting_that_is_none_is_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput, match=f"{name}: found '{value}'"):
        logs.set_up()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("u1: 'Good morning' is too long", "u1: '…' is too long"),
        ("can't say \"it's me\" or b'raw' or u'x', isn't it", "can't say '…' or '…' or '…', isn't it"),
        ("No such file or directory: '/data/x.wav'", "No such file or directory: '/data/x.wav'"),
        (r"'a \' quote' stays inside", "'…' stays inside"),
        ("nothing quoted", "nothing quoted"),
    ],
)
def test_what_is_quoted_is_left_out(text: str, told: str) -> None:
    assert logs.unquoted(text) == told


def test_lines_for_people_end_with_what_they_are_of(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        logs.set_up("tts", "DEBUG")
        logs.set_up("tts")
        with logs.binding(job="j1", stage="speak"):
            logging.getLogger("locutor.serving").info("Synthesize OK")
        logging.getLogger("locutor.serving").debug("not asked for")
        logging.getLogger("somebody.else").debug("what he was given")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    said = capsys.readouterr().err
    assert said.endswith(" INFO locutor.serving Synthesize OK [service=tts job=j1 stage=speak]\n") and said.count("\n") == 1
