"""A gateway with all its services inside this process, for one command."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager

from locutor.cli.models import DEFAULTS, fetch_with_progress, open_store
from locutor.errors import MissingExtra


def bring_weights(elsewhere: Container[str]) -> None:
    """Fetch what the services of this process need for a presenter and do not have, with progress on stderr.

    `elsewhere`: names of services that run in other processes. Offline nothing is fetched: a call that needs what is
    missing says so, and others still work.
    """
    store = open_store()
    missing = [name for service in ("tts", "translate", "lipsync") if service not in elsewhere for name in DEFAULTS[service] if not store.installed(name)]
    if missing and not store.offline:
        print("Fetching the weights that are missing; this is done once.", file=sys.stderr)
        fetch_with_progress(store, missing)


@contextmanager
def embedded_gateway() -> Iterator[str]:
    """Start it in a thread of its own; yields its address. Raises `LocutorError` where it cannot be started."""
    try:
        from gateway.embedded import EmbeddedGateway
        from gateway.settings import GatewaySettings
    except ModuleNotFoundError as error:
        raise MissingExtra("embedded gateway", "all", f"no module named {error.name!r}; or name a running gateway with --gateway") from error

    settings = GatewaySettings.from_environment()
    bring_weights(settings.services)
    started = threading.Event()
    address: list[str] = []
    failure: list[BaseException] = []
    loop = asyncio.new_event_loop()
    task: list[asyncio.Task[None]] = []

    async def serve() -> None:
        async with EmbeddedGateway(settings) as gateway:
            address.append(gateway.address)
            started.set()
            await asyncio.Event().wait()

    def run() -> None:
        asyncio.set_event_loop(loop)
        task.append(loop.create_task(serve()))
        try:
            loop.run_until_complete(task[0])
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the start
            failure.append(error)
        finally:
            started.set()
            loop.close()

    thread = threading.Thread(target=run, name="gateway")
    thread.start()
    try:
        started.wait()
        if failure:
            raise failure[0]
        yield address[0]
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(task[0].cancel)
        thread.join()
