"""A gateway with all its services inside this process, for one command."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Container, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from locutor.cli.models import DEFAULTS, fetch_with_progress, open_store
from locutor.errors import MissingExtra, Unavailable

log = logging.getLogger(__name__)


def bring_weights(elsewhere: Container[str], *, hears: bool = False) -> None:
    """Fetch what the services of this process need for a presenter and do not have, with progress on stderr.

    `hears`: what recognition needs as well. `elsewhere`: names of services that run in other processes. Offline nothing is fetched: a call that needs what is
    missing says so, and others still work.
    """
    store = open_store()
    missing = [
        name
        for service in ("tts", "translate", "lipsync", *(["asr"] if hears else []))
        if service not in elsewhere
        for name in DEFAULTS[service]
        if not store.installed(name)
    ]
    if missing and not store.offline:
        print("Fetching the weights that are missing; this is done once.", file=sys.stderr)
        fetch_with_progress(store, missing)


@contextmanager
def embedded_gateway(*, works: bool, hears: bool = False) -> Iterator[str]:
    """Start it in a thread of its own; yields its address.

    `works`: with all weights that a job needs; `hears`: those of recognition, too. Raises `LocutorError` where it cannot be started.
    """
    try:
        from gateway.embedded import EmbeddedGateway
        from gateway.settings import GatewaySettings
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"there is no module {error.name!r}, so no gateway can be started here; pip install 'locutor[all]', or name a running one with --gateway",
            reason=MissingExtra.reason,
        ) from error

    settings = GatewaySettings.from_environment()
    if works:
        bring_weights(settings.services, hears=hears)
    ready: Future[tuple[str, Callable[[], object]]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with EmbeddedGateway(settings) as gateway:
            ready.set_result((gateway.address, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except Exception as error:
            if ready.done():
                log.error("the gateway did not end cleanly", exc_info=error)
            else:
                ready.set_exception(error)

    thread = threading.Thread(target=run, name="gateway")
    thread.start()
    try:
        yield ready.result()[0]
    finally:
        if ready.exception() is None:
            ready.result()[1]()
        thread.join()
