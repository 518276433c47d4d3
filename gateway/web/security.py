"""Headers that every page carries, and how much a request may carry."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    # Everything comes from this server: no script, style or picture of anyone else. The preview of a chosen file is a blob.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

MAX_BODY_BYTES = 72 * 1024 * 1024
"""The largest face that the gateway takes, and the texts beside it."""


class BodyLimit:
    """ASGI middleware that reads no more of a request's body than `MAX_BODY_BYTES`: forms are kept in memory and temporary files."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = MAX_BODY_BYTES
        too_large = HTTPException(413, f"This is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB. Choose a smaller file.")

        async def receive_limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise too_large
            return message

        await self._app(scope, receive_limited, send)


class PageHeaders:
    """ASGI middleware that adds the headers; it leaves streams alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
