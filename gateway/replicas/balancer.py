"""Chooses for each call the replica that has least to do, and lets calls wait where all have enough.

A call goes to a worker that is free, and waits here, not in a replica's queue, until there is one: pieces and sentences differ in length by
a factor of ten, and one that was put behind a long one in advance (as round robin does) waits there while another replica is idle.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.replicas.load_metrics import balancers
from gateway.replicas.names import Endpoint, endpoints, service_addresses
from gateway.replicas.replica import Link, Replica, State
from locutor.address import Address
from locutor.channel import TlsFiles
from locutor.errors import ServiceLost

log = logging.getLogger("locutor.gateway")

_REFRESH_S = 10.0
"""How often a name is asked what it stands for."""


@dataclass
class _Waiter:
    future: asyncio.Future[Replica]
    is_work: bool


class Balancer:
    """The replicas of one service."""

    def __init__(self, name: str, uris: str, tls: TlsFiles | None = None, link: Link | None = None) -> None:
        """`uris`: one address or several with commas between; see `names`. Connects at once, so it is to be made inside a running event loop.

        Raises `InvalidInput` where an address is none or a certificate cannot be read.
        """
        self.name = name
        self.uris = uris
        balancers.add(self)
        self.link = link or Link()
        self._addresses = service_addresses(uris)
        self._credentials = tls.credentials() if tls is not None else None
        self._replicas: dict[Endpoint, Replica] = {}
        self._retired: set[Replica] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._waiters: deque[_Waiter] = deque()
        self._uses = itertools.count(1)
        self._unresolved = {uri for uri in self._addresses if uri.startswith("dns:")}
        self._unknown_name = ""
        self._timer: asyncio.TimerHandle | None = None
        for uri in self._addresses:
            if uri not in self._unresolved:
                self._add(Endpoint(Address.parse(uri).target))
        self._refreshing = asyncio.create_task(self._refresh(), name=f"names of {name}") if self._unresolved else None

    @property
    def slots(self) -> int:
        """Calls of the engine that the replicas which can be called work on at a time; at least 1."""
        return max(1, sum(replica.workers for replica in self._usable()))

    @property
    def waiting(self) -> int:
        """Calls that wait for a free worker."""
        return len(self._waiters)

    @property
    def replicas(self) -> Sequence[Replica]:
        """All that may be called, whether they serve or not."""
        return list(self._replicas.values())

    @property
    def serving(self) -> int:
        """Replicas that serve now."""
        return sum(replica.state is State.SERVING for replica in self._replicas.values())

    @property
    def has_room(self) -> bool:
        """A call would find a free worker now."""
        return self._free() is not None

    async def acquire(self, *, is_work: bool) -> Replica:
        """The replica to call, to be given back with `release`. A call that `is_work` for an engine waits for a free worker, first come first served.

        Raises `ServiceLost` where no replica can be reached.
        """
        waiter = _Waiter(asyncio.get_running_loop().create_future(), is_work)
        self._waiters.append(waiter)
        self._dispatch()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                self.release(waiter.future.result(), is_work=is_work)
            raise

    def release(self, replica: Replica, *, is_work: bool) -> None:
        """The call has ended."""
        if is_work:
            replica.calls -= 1
        else:
            replica.others -= 1
        self._bury(replica)
        self._dispatch()

    def refused(self, replica: Replica, retry_after_s: float) -> None:
        """The replica has a full queue: it gets no work for so long."""
        loop = asyncio.get_running_loop()
        replica.full_until = loop.time() + retry_after_s
        loop.call_later(retry_after_s + 0.001, self._dispatch)

    async def close(self) -> None:
        balancers.discard(self)
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        for waiter in self._waiters:
            waiter.future.cancel()
        await asyncio.gather(*(replica.close() for replica in (*self._replicas.values(), *self._retired)), *self._closing)

    def _usable(self) -> list[Replica]:
        """Those that serve; where none does, those that will once their engine is loaded."""
        serving = [replica for replica in self._replicas.values() if replica.state is State.SERVING]
        return serving or [replica for replica in self._replicas.values() if replica.state is State.LOADING]

    def _free(self) -> Replica | None:
        now = asyncio.get_running_loop().time()
        return _least([replica for replica in self._usable() if replica.calls < replica.workers and replica.full_until <= now])

    def _dispatch(self) -> None:
        """Give waiting calls, in their order, what is free now."""
        work_waits = False
        for waiter in list(self._waiters):
            if waiter.future.done():
                self._waiters.remove(waiter)
                continue
            usable = self._usable()
            if not usable and self._may_come():
                continue
            if not usable:
                self._waiters.remove(waiter)
                waiter.future.set_exception(ServiceLost(f"the {self.name} service at {self.uris} does not answer: {self._detail()}"))
                continue
            replica = (None if work_waits else self._free()) if waiter.is_work else _least(usable)
            if replica is None:
                work_waits = True
                continue
            self._waiters.remove(waiter)
            replica.last_used = next(self._uses)
            if waiter.is_work:
                replica.calls += 1
            else:
                replica.others += 1
            waiter.future.set_result(replica)

    def _may_come(self) -> bool:
        """It is not yet known whether a replica can be called."""
        return bool(self._unresolved) or any(replica.state is State.UNKNOWN for replica in self._replicas.values())

    def _detail(self) -> str:
        found = dict.fromkeys(replica.detail for replica in self._replicas.values() if replica.detail)
        return "; ".join(found) or self._unknown_name or "its name stands for no address"

    def _add(self, endpoint: Endpoint) -> None:
        is_local = endpoint.target.startswith("unix:")
        replica = Replica(endpoint, None if is_local else self._credentials, self.link, lambda: self._changed(replica))
        self._replicas[endpoint] = replica

    def _changed(self, replica: Replica) -> None:
        if replica.state is State.LOST and replica.calls:
            log.warning("the %s service at %s is lost with %d calls: %s", self.name, replica.endpoint.target, replica.calls, replica.detail)
        self._dispatch()

    async def _refresh(self) -> None:
        """Follow what the names stand for."""
        known: dict[str, Sequence[Endpoint]] = {}
        while True:
            for uri in (uri for uri in self._addresses if uri.startswith("dns:")):
                try:
                    known[uri] = await endpoints(uri)
                except ServiceLost as error:
                    # A server of names that is away for a while takes no replicas with it.
                    self._unknown_name = error.message
                self._unresolved.discard(uri)
            self._keep({endpoint for found in known.values() for endpoint in found})
            self._dispatch()
            await asyncio.sleep(_REFRESH_S)

    def _keep(self, named: set[Endpoint]) -> None:
        for endpoint, replica in list(self._replicas.items()):
            if endpoint.host and endpoint not in named:
                del self._replicas[endpoint]
                replica.is_retired = True
                self._retired.add(replica)
                self._bury(replica)
        for endpoint in sorted(named, key=lambda one: one.target):
            if endpoint not in self._replicas:
                self._add(endpoint)

    def _bury(self, replica: Replica) -> None:
        """Close one that is not wanted any more, once its calls have ended."""
        if replica in self._retired and not replica.calls and not replica.others:
            self._retired.discard(replica)
            task = asyncio.create_task(replica.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _least(replicas: Sequence[Replica]) -> Replica | None:
    """The one with least to do; of equals, the one that has waited longest."""
    return min(replicas, key=lambda replica: (replica.load, replica.last_used), default=None)
