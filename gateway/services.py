"""The services behind the gateway: channels, and their errors as ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
import grpc.aio

from gateway.patience import PATIENCE_S, Patience
from gateway.replicas import BalancedChannel, Balancer, Gate, Link
from gateway.settings import SERVICES
from locutor.asr.v1 import asr_pb2_grpc, separation_pb2, separation_pb2_grpc
from locutor.channel import TlsFiles
from locutor.common.v1 import model_pb2
from locutor.errors import DeadlineExceeded, LocutorError, Overloaded, ServiceLost
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from locutor.status import from_rpc_error
from locutor.translate.v1 import translate_pb2, translate_pb2_grpc
from locutor.tts.v1 import tts_pb2, tts_pb2_grpc

T = TypeVar("T")

CHUNK_BYTES = 256 * 1024
"""Bytes of a message in a stream."""
QUESTION_TIMEOUT_S = 60.0
"""For calls that answer at once, on a machine that is busy."""


class Services:
    """Stubs of the four services."""

    def __init__(self, addresses: Mapping[str, str], tls: Mapping[str, TlsFiles] | None = None, link: Link | None = None) -> None:
        """`addresses`: of each service by name, see `gateway.replicas.names`. `tls`: certificates for those that are called over TLS.

        Connects at once, so it is to be made inside a running event loop. Raises `InvalidInput` where a certificate cannot be read.
        """
        self._balancers = {name: Balancer(name, addresses[name], (tls or {}).get(name), link) for name in SERVICES}
        channels = {name: BalancedChannel(balancer) for name, balancer in self._balancers.items()}
        self.asr: Any = asr_pb2_grpc.AsrServiceStub(channels["asr"])
        # Served beside recognition.
        self.separation: Any = separation_pb2_grpc.SeparationServiceStub(channels["asr"])
        self.tts: Any = tts_pb2_grpc.TtsServiceStub(channels["tts"])
        self.translate: Any = translate_pb2_grpc.TranslateServiceStub(channels["translate"])
        self.lipsync: Any = lipsync_pb2_grpc.LipsyncServiceStub(channels["lipsync"])

    async def close(self) -> None:
        await asyncio.gather(*(balancer.close() for balancer in self._balancers.values()))

    def slots(self, name: str) -> int:
        """Calls of its engine that the replicas of a service work on at a time, as far as they can be called now; at least 1."""
        return self._balancers[name].slots

    def serving(self, name: str) -> int:
        """Replicas of a service that serve now."""
        return self._balancers[name].serving

    def gate(self, name: str) -> Gate:
        """Lets in as many parts of a job as a service works on at a time, and one that is prepared meanwhile."""
        return Gate(lambda: self.slots(name) + 1)

    def locales_gate(self, least: int) -> Gate:
        """Lets in at least so many locales of a job, and more where a locale may be too short to keep all replicas busy."""
        return Gate(lambda: max(least, self.slots("tts"), self.slots("lipsync")))

    @contextmanager
    def errors(self, name: str) -> Iterator[None]:
        """Calls of the service `name` within raise `LocutorError`; one that is not reached, `ServiceLost` with its name and address."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            if _is_lost(error):
                raise ServiceLost(f"the {name} service at {self._balancers[name].uris} does not answer: {error.details()}") from error
            found = from_rpc_error(error)
            if isinstance(found, DeadlineExceeded):
                raise DeadlineExceeded(f"the {name} service did not answer in time") from error
            if isinstance(found, Overloaded) and found.retry_after_s and self._balancers[name].has_room:
                # Another replica takes it at once.
                found.retry_after_s = 0.0
            raise found from error

    async def voices(self) -> list[tts_pb2.Voice]:
        with self.errors("tts"):
            return list((await self.tts.ListVoices(tts_pb2.ListVoicesRequest(), timeout=QUESTION_TIMEOUT_S)).voices)

    async def pairs(self, engine: str = "") -> list[translate_pb2.Pair]:
        """What an engine, named or the default one, translates; nothing where it is not installed."""
        if engine and not any(model.installed and model.engine == engine for model in await self.models("translate")):
            return []
        with self.errors("translate"):
            return list((await self.translate.ListPairs(translate_pb2.ListPairsRequest(engine=engine), timeout=QUESTION_TIMEOUT_S)).pairs)

    async def models(self, name: str) -> list[model_pb2.Model]:
        """Engines and weights of the service `name`, installed or not."""
        request: Any = {"tts": tts_pb2, "translate": translate_pb2, "lipsync": lipsync_pb2}.get(name)
        with self.errors(name):
            if request is None:
                from locutor.asr.v1 import asr_pb2 as request
            return list((await getattr(self, name).ListModels(request.ListModelsRequest(), timeout=QUESTION_TIMEOUT_S)).models)

    async def separation_models(self) -> list[model_pb2.Model]:
        """Separation engines, installed or not."""
        with self.errors("asr"):
            request = separation_pb2.ListSeparationModelsRequest()
            return list((await self.separation.ListSeparationModels(request, timeout=QUESTION_TIMEOUT_S)).models)

    async def inspect(self, portrait: AsyncIterator[bytes]) -> lipsync_pb2.InspectResponse:
        """What is wrong with a face image."""

        async def requests() -> AsyncIterator[lipsync_pb2.InspectRequest]:
            async for chunk in portrait:
                yield lipsync_pb2.InspectRequest(portrait=chunk)

        with self.errors("lipsync"):
            return await self.lipsync.Inspect(requests(), timeout=QUESTION_TIMEOUT_S)


def _is_lost(error: grpc.aio.AioRpcError) -> bool:
    """Whether a call ended because its server did, or the way to it: such a status comes without the details of ours.

    A call that we cancel raises `asyncio.CancelledError`, so a CANCELLED that arrives here is the server's end.
    """
    metadata = error.trailing_metadata()
    if metadata is not None and "grpc-status-details-bin" in metadata:
        return False
    return error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}


async def retried(work: Callable[[], Awaitable[T]], patience_s: float = PATIENCE_S) -> T:
    """What `work` returns, tried again for as long as its error says that this may help.

    Raises the last error after `patience_s`.
    """
    patience = Patience(patience_s)
    while True:
        try:
            return await work()
        except LocutorError as error:
            wait_s = patience.wait_s(error)
            if wait_s is None:
                raise
        await asyncio.sleep(wait_s)
