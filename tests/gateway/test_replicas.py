"""Several replicas of a service: each call goes to one that is free, none to one that is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.replicas import BalancedChannel, Balancer, Gate, Link, service_addresses
from gateway.replicas import names as replica_names
from gateway.replicas.names import Endpoint, endpoints
from gateway.services import Services, retried
from gateway.settings import SERVICES, GatewaySettings
from locutor.errors import InvalidInput, Overloaded, ServiceLost
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from locutor.tts.v1 import tts_pb2, tts_pb2_grpc
from services.serving import GrpcServer, ServingSettings
from tests.gateway.conftest import eventually
from tests.gateway.fakes import FakeLipsync, FakeTts

ASK = tts_pb2.SynthesizeRequest(text="Hello.", locale="en-US")


class Replicas:
    """Fake voices, each a server of its own."""

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self.fakes = [FakeTts(), FakeTts()]
        self.addresses = [f"unix:{folder}/tts-{number}.sock" for number in range(2)]
        self._workers = workers
        self._servers: dict[int, GrpcServer] = {}

    async def start(self, number: int) -> None:
        server = GrpcServer([self.fakes[number]], ServingSettings(listen=self.addresses[number], workers=self._workers))
        await server.start()
        await server.load()
        self._servers[number] = server

    async def stop(self, number: int, grace_s: float = 0) -> None:
        await self._servers.pop(number).stop(grace_s=grace_s)

    async def close(self) -> None:
        for number in list(self._servers):
            await self.stop(number)

    @property
    def counts(self) -> list[int]:
        return [fake.calls["Synthesize"] for fake in self.fakes]


@asynccontextmanager
async def running(folder: Path, workers: int = 1) -> AsyncIterator[tuple[Replicas, Balancer, tts_pb2_grpc.TtsServiceStub]]:
    replicas = Replicas(folder, workers)
    for number in range(2):
        await replicas.start(number)
    balancer = Balancer("tts", ",".join(replicas.addresses), link=Link(keepalive_s=1, answer_s=1, connect_s=1))
    try:
        await eventually(lambda: balancer.slots == 2 * workers)
        yield replicas, balancer, tts_pb2_grpc.TtsServiceStub(BalancedChannel(balancer))  # type: ignore[arg-type]
    finally:
        await balancer.close()
        await replicas.close()


async def speak(stub: tts_pb2_grpc.TtsServiceStub) -> int:
    return len([answer async for answer in stub.Synthesize(ASK, timeout=20)])


async def test_calls_wait_here_for_a_free_worker(tmp_path: Path) -> None:
    """A replica that is held up keeps one call; all others go to the one that works."""
    async with running(tmp_path) as (replicas, _, stub):
        replicas.fakes[0].hold = replicas.fakes[1].hold = both = asyncio.Event()
        calls = [asyncio.create_task(speak(stub)) for _ in range(6)]
        await eventually(lambda: replicas.fakes[0].held == replicas.fakes[1].held == 1)
        await asyncio.sleep(0.1)
        assert replicas.counts == [1, 1], "a call was put behind one that is at work"
        replicas.fakes[0].hold, replicas.fakes[1].hold = asyncio.Event(), None
        both.set()
        await eventually(lambda: sum(call.done() for call in calls) == 5)
        assert replicas.counts == [2, 4]
        replicas.fakes[0].hold.set()
        await asyncio.gather(*calls)


async def test_a_dead_replica_gets_no_calls_and_comes_back_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as (replicas, balancer, stub):
        await replicas.stop(0)
        await eventually(lambda: balancer.slots == 1)
        await asyncio.gather(*(speak(stub) for _ in range(4)))
        assert replicas.counts == [0, 4]
        await replicas.start(0)
        await eventually(lambda: balancer.slots == 2)
        await asyncio.gather(*(speak(stub) for _ in range(4)))
        assert replicas.counts[0] > 0


async def test_a_draining_replica_ends_its_calls_and_gets_no_more(tmp_path: Path) -> None:
    async with running(tmp_path) as (replicas, balancer, stub):
        replicas.fakes[0].hold = replicas.fakes[1].hold = asyncio.Event()
        calls = [asyncio.create_task(speak(stub)) for _ in range(2)]
        await eventually(lambda: replicas.fakes[0].held == replicas.fakes[1].held == 1)
        draining = asyncio.create_task(replicas.stop(0, grace_s=20))
        await eventually(lambda: balancer.slots == 1)
        replicas.fakes[0].hold.set()
        assert all(count > 0 for count in await asyncio.gather(*calls))
        # Those who watch its health do not hold up its end.
        async with asyncio.timeout(5):
            await draining


async def test_where_none_serves_one_that_loads_is_asked(tmp_path: Path) -> None:
    fake, address = FakeTts(), f"unix:{tmp_path}/tts.sock"
    server = GrpcServer([fake], ServingSettings(listen=address))
    await server.start()
    balancer = Balancer("tts", address)
    try:
        assert await speak(tts_pb2_grpc.TtsServiceStub(BalancedChannel(balancer))) > 0  # type: ignore[arg-type]
    finally:
        await balancer.close()
        await server.stop(grace_s=0)


async def test_nobody_there_is_told_at_once(tmp_path: Path) -> None:
    balancer = Balancer("tts", f"unix:{tmp_path}/a.sock,unix:{tmp_path}/b.sock")
    try:
        async with asyncio.timeout(5):
            with pytest.raises(ServiceLost, match=r"the tts service at unix:.*a\.sock,unix:.*b\.sock does not answer: "):
                await speak(tts_pb2_grpc.TtsServiceStub(BalancedChannel(balancer)))  # type: ignore[arg-type]
    finally:
        await balancer.close()


class FullOnce(FakeTts):
    """Refuses what comes first to it, or to another one with the same `refusals`."""

    def __init__(self, refusals: list[Overloaded]) -> None:
        super().__init__()
        self._refusals = refusals

    async def Synthesize(self, request, context):
        if self._refusals:
            self.calls["Synthesize"] += 1
            raise self._refusals.pop()
        async for answer in super().Synthesize(request, context):
            yield answer


async def test_a_full_replica_is_left_alone_and_another_one_asked_at_once(tmp_path: Path) -> None:
    replicas = Replicas(tmp_path)
    refusals = [Overloaded("full", retry_after_s=5.0)]
    replicas.fakes = [FullOnce(refusals), FullOnce(refusals)]
    for number in range(2):
        await replicas.start(number)
    addresses = dict.fromkeys(SERVICES, f"unix:{tmp_path}/nobody.sock") | {"tts": ",".join(replicas.addresses)}
    services = Services(addresses)
    try:
        await eventually(lambda: services.slots("tts") == 2)

        async def work() -> int:
            with services.errors("tts"):
                return await speak(services.tts)

        async with asyncio.timeout(4):
            assert await retried(work) > 0
        assert replicas.counts == [1, 1]
        # The full one is not asked again before its time.
        await asyncio.gather(retried(work), retried(work))
        assert sorted(replicas.counts) == [1, 3]
    finally:
        await services.close()
        await replicas.close()


async def test_slots_follow_what_the_replicas_say(tmp_path: Path) -> None:
    async with running(tmp_path, workers=3) as (replicas, _, stub):
        replicas.fakes[0].hold = replicas.fakes[1].hold = asyncio.Event()
        calls = [asyncio.create_task(speak(stub)) for _ in range(8)]
        await eventually(lambda: replicas.fakes[0].held == replicas.fakes[1].held == 3)
        await asyncio.sleep(0.1)
        assert replicas.counts == [3, 3]
        replicas.fakes[0].hold.set()
        await asyncio.gather(*calls)


async def test_a_cancelled_call_gives_its_turn_on(tmp_path: Path) -> None:
    async with running(tmp_path) as (replicas, _, stub):
        replicas.fakes[0].hold = replicas.fakes[1].hold = asyncio.Event()
        calls = [asyncio.create_task(speak(stub)) for _ in range(6)]
        await eventually(lambda: replicas.fakes[0].held == replicas.fakes[1].held == 1)
        for call in calls[:4]:
            call.cancel()
        await eventually(lambda: replicas.fakes[0].cancelled == replicas.fakes[1].cancelled == 1)
        await eventually(lambda: replicas.fakes[0].held == replicas.fakes[1].held == 2)
        replicas.fakes[0].hold.set()
        await asyncio.gather(*calls[4:])
        assert sum(replicas.counts) == 4


async def test_a_name_stands_for_its_replicas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Replicas that appear behind a name get calls, those that go from it get none any more."""
    replicas = Replicas(tmp_path)
    named = [Endpoint(replicas.addresses[0], "tts")]

    async def resolve(uri: str) -> list[Endpoint]:
        assert uri == "dns:///tts:50051"
        return list(named)

    monkeypatch.setattr("gateway.replicas.balancer.endpoints", resolve)
    monkeypatch.setattr("gateway.replicas.balancer._REFRESH_S", 0.05)
    for number in range(2):
        await replicas.start(number)
    balancer = Balancer("tts", "dns:///tts:50051")
    try:
        await eventually(lambda: balancer.slots == 1)
        named.append(Endpoint(replicas.addresses[1], "tts"))
        await eventually(lambda: balancer.slots == 2)
        named.pop(0)
        await asyncio.sleep(0.3)
        await asyncio.gather(*(speak(tts_pb2_grpc.TtsServiceStub(BalancedChannel(balancer))) for _ in range(3)))  # type: ignore[arg-type]
        assert replicas.counts == [0, 3]
    finally:
        await balancer.close()
        await replicas.close()


async def test_names_are_asked_of_the_system() -> None:
    assert {endpoint.host for endpoint in await endpoints("dns:///localhost:50051")} == {"localhost"}
    assert await endpoints("tcp://localhost:50051") == [Endpoint("localhost:50051")]
    with pytest.raises(ServiceLost, match=r"the name nobody\.invalid is not known"):
        await replica_names.endpoints("dns:///nobody.invalid:50051")


@pytest.mark.parametrize("wrong", ["", "tcp://a:1,", "tcp://a:1,tcp://a:1", "dns://10.0.0.1/tts:50051", "unix:/a.sock;unix:/b.sock,x"])
def test_a_wrong_list_of_addresses_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        service_addresses(wrong)


def test_a_wrong_list_names_its_setting() -> None:
    with pytest.raises(InvalidInput) as caught:
        GatewaySettings.from_environment({"LOCUTOR_TTS": "tcp://a:50051,tcp://b"})
    assert caught.value.violations[0].field == "LOCUTOR_TTS"


async def test_a_gate_follows_its_limit() -> None:
    limit, inside = 1, 0
    gate, leave = Gate(lambda: limit), asyncio.Event()

    async def enter() -> None:
        nonlocal inside
        async with gate:
            inside += 1
            await leave.wait()

    tasks = [asyncio.create_task(enter()) for _ in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert inside == 1
    limit = 3
    tasks.append(asyncio.create_task(enter()))
    await eventually(lambda: inside == 3)
    tasks[3].cancel()
    leave.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert inside == 4


async def test_what_goes_wrong_where_the_requests_come_from_is_told(tmp_path: Path) -> None:
    """A store that is away is not taken for a call that somebody has cancelled."""
    address = f"unix:{tmp_path}/lipsync.sock"
    server = GrpcServer([FakeLipsync()], ServingSettings(listen=address))
    await server.start()
    await server.load()
    balancer = Balancer("lipsync", address)
    stub = lipsync_pb2_grpc.LipsyncServiceStub(BalancedChannel(balancer))  # type: ignore[arg-type]

    async def portrait() -> AsyncIterator[lipsync_pb2.InspectRequest]:
        yield lipsync_pb2.InspectRequest(portrait=b"half of it")
        raise ServiceLost("the store is away")

    async def video() -> AsyncIterator[lipsync_pb2.AnimateRequest]:
        yield lipsync_pb2.AnimateRequest(config=lipsync_pb2.AnimateConfig(frame_count=1))
        raise ServiceLost("the store is away")

    try:
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(_answer(stub.Inspect(portrait(), timeout=20)))
        assert isinstance(caught.value.exceptions[0], ServiceLost) and "the store is away" in str(caught.value.exceptions[0])
        with pytest.raises(ServiceLost, match="the store is away"):
            async for _ in stub.Animate(video(), timeout=20):
                pass

        async def never() -> AsyncIterator[lipsync_pb2.InspectRequest]:
            yield lipsync_pb2.InspectRequest(portrait=b"half of it")
            await asyncio.Event().wait()

        call = asyncio.create_task(_answer(stub.Inspect(never(), timeout=20)))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    finally:
        await balancer.close()
        await server.stop(grace_s=0)


async def _answer(call: Awaitable[object]) -> object:
    return await call
